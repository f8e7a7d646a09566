"""Merge."""

import pytest

from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.n8n.findings import NOTE
from workflows.n8n.lint import lint
from workflows.nodes.merge import Merge
from workflows.scripts.sql import run_sql

LEFT = [{"id": 1, "a": "x", "c": "L"}, {"id": 2, "a": "y", "c": "L"}, {"id": "3", "a": "z"}]
RIGHT = [{"id": 2, "b": "p", "c": "R"}, {"id": 3, "b": "q"}, {"id": 2, "b": "s"}]
BOTH = [LEFT, RIGHT]


def merged(run, inputs=BOTH, version=3, **given):
    (items,) = run(Merge, given, inputs=inputs, version=version)
    return items


def fields(items):
    return [one["json"] for one in items]


def by_id(run, **given):
    return merged(run, mode="combine", fieldsToMatchString="id", **given)


def test_inputs_are_put_one_after_the_other(run):
    items = merged(run, [[{"n": 1}], [{"n": 2}], None], version=3.2, numberInputs=3)
    assert fields(items) == [{"n": 1}, {"n": 2}]
    assert [one["pairedItem"] for one in items] == [{"item": 0}, {"item": 0, "input": 1}]


def test_matches_are_joined_and_the_second_input_wins(run):
    items = by_id(run)
    assert fields(items) == [
        {"id": 2, "a": "y", "c": "R", "b": "p"},
        {"id": 2, "a": "y", "c": "L", "b": "s"},
    ]
    assert items[1]["pairedItem"] == [{"item": 1}, {"item": 2, "input": 1}]


def test_fuzzy_matching_overlooks_types(run):
    assert len(by_id(run, options={"fuzzyCompare": True})) == 3
    assert len(by_id(run, options={"fuzzyCompare": True, "multipleMatches": "first"})) == 2


def test_non_matches_tell_their_input(run):
    assert [
        (one["id"], one["_source"]) for one in fields(by_id(run, joinMode="keepNonMatches"))
    ] == [
        (1, "input1"),
        ("3", "input1"),
        (3, "input2"),
    ]
    only = by_id(run, joinMode="keepNonMatches", outputDataFrom="input2")
    assert fields(only) == [{"id": 3, "b": "q"}]


def test_an_input_is_enriched_by_the_other(run):
    assert [one["id"] for one in fields(by_id(run, joinMode="enrichInput1"))] == [2, 2, 1, "3"]
    second = fields(by_id(run, joinMode="enrichInput2"))
    assert second[0] == {"id": 2, "b": "p", "c": "L", "a": "y"}
    assert second[-1] == {"id": 3, "b": "q"}


def test_data_may_come_from_one_input_alone(run):
    assert fields(by_id(run, outputDataFrom="input1")) == [LEFT[1]]
    assert fields(by_id(run, outputDataFrom="input2")) == [RIGHT[0], RIGHT[2]]


def test_names_may_differ_in_the_inputs(run):
    pairs = {"values": [{"field1": "k.id", "field2": "ref"}]}
    given = {"advanced": True, "mergeByFields": pairs}
    inputs = [[{"k": {"id": 1}}], [{"ref": 1, "v": 2}]]
    items = merged(run, inputs, mode="combine", **given)
    assert fields(items) == [{"k": {"id": 1}, "ref": 1, "v": 2}]


def clash(resolve, **more):
    return {"clashHandling": {"values": {"resolveClash": resolve, **more}}}


def test_clashing_fields_may_all_get_a_suffix(run):
    items = by_id(run, options=clash("addSuffix"), joinMode="enrichInput1")
    assert fields(items)[0] == {
        "id_1": 2,
        "a_1": "y",
        "c_1": "L",
        "id_2": 2,
        "b_2": "p",
        "c_2": "R",
    }
    assert fields(items)[-1] == {"id_1": "3", "a_1": "z"}


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ({}, {"o": {"a": 1, "b": ""}, "l": [9, 2]}),
        ({"mergeMode": "shallowMerge"}, {"o": {"b": ""}, "l": [9]}),
        ({"overrideEmpty": True}, {"o": {"a": 1, "b": 3}, "l": [9, 2]}),
    ],
)
def test_nested_fields_are_merged_as_asked(run, more, made):
    inputs = [[{"o": {"a": 1, "b": 3}, "l": [1, 2]}], [{"o": {"b": ""}, "l": [9]}]]
    given = {"mode": "combine", "combineBy": "combineByPosition"}
    assert fields(merged(run, inputs, options=clash("preferInput2", **more), **given)) == [made]


def test_positions_are_joined_and_the_rest_kept_where_asked(run):
    given = {"mode": "combine", "combineBy": "combineByPosition", "numberInputs": 3}
    inputs = [[{"a": 1}, {"a": 2}], [{"b": 1}], [{"c": 1}]]
    assert fields(merged(run, inputs, **given)) == [{"a": 1, "b": 1, "c": 1}]
    items = merged(run, inputs, options={"includeUnpaired": True}, **given)
    assert (items[1]["json"], items[1]["pairedItem"]) == ({"a": 2}, [{"item": 1}])


def test_version_two_gives_what_one_input_has_when_the_other_is_empty(run):
    given = {"mode": "combine", "combinationMode": "mergeByPosition"}
    assert fields(merged(run, [[{"a": 1}], []], 2, **given)) == [{"a": 1}]
    options = {"includeUnpaired": True}
    items = merged(run, [[{"a": 1}, {"a": 2}], [{"b": 1}]], 2, options=options, **given)
    assert items[1] == {"json": {"a": 2}, "pairedItem": {"item": 1}}


@pytest.mark.parametrize(
    ("mode", "left", "right"),
    [
        ("keepMatches", [], []),
        ("keepNonMatches", [{"id": 1}], [{"id": 1}]),
        ("keepEverything", [{"id": 1}], [{"id": 1}]),
        ("enrichInput1", [{"id": 1}], []),
        ("enrichInput2", [], [{"id": 1}]),
    ],
)
def test_an_empty_input_leaves_the_other_as_it_is(run, mode, left, right):
    given = {"mode": "combine", "fieldsToMatchString": "id", "joinMode": mode}
    assert fields(merged(run, [[{"id": 1}], []], **given)) == left
    assert fields(merged(run, [[], [{"id": 1}]], **given)) == right


def test_the_preferred_input_wins_by_position(run):
    given = {"mode": "combine", "combineBy": "combineByPosition", "options": clash("preferInput1")}
    (one,) = merged(run, [[{"a": 1}], [{"a": 2, "b": 3}]], **given)
    assert one == {"json": {"a": 1, "b": 3}, "pairedItem": [{"item": 0}, {"item": 0, "input": 1}]}


def test_all_are_combined_with_all(run):
    given = {"mode": "combine", "combineBy": "combineAll"}
    items = merged(run, [[{"a": 1}, {"a": 2}], [{"b": 1}, {"a": 3}]], **given)
    assert fields(items) == [{"a": 1, "b": 1}, {"a": 3}, {"a": 2, "b": 1}, {"a": 3}]


def test_too_many_combinations_are_refused(run, monkeypatch):
    monkeypatch.setattr("workflows.nodes.flow.combining.MOST", 3)
    with pytest.raises(NodeError, match="All combinations of 2 and 2 items are more than 3"):
        merged(run, [[{}, {}], [{}, {}]], mode="combine", combineBy="combineAll")


def test_a_branch_is_chosen(run):
    inputs = [[{"n": 1}], [{"n": 2}]]
    assert fields(merged(run, inputs, mode="chooseBranch", useDataOfInput=2)) == [{"n": 2}]
    assert fields(merged(run, inputs, version=2, mode="chooseBranch", output="input2")) == [
        {"n": 2}
    ]
    (empty,) = merged(run, inputs, mode="chooseBranch", output="empty")
    assert empty == {"json": {}, "pairedItem": [{"item": 0}, {"item": 0, "input": 1}]}
    assert Merge.needed_inputs({"mode": "chooseBranch"}, 3) == (0, 1)


def test_a_field_no_item_has_is_an_error_in_version_two(run):
    pairs = {"values": [{"field1": "idd", "field2": "id"}]}
    with pytest.raises(NodeError, match="Field 'idd' is not present in any of items in 'Input 1'"):
        merged(run, version=2, mode="combine", mergeByFields=pairs)
    assert merged(run, version=2.1, mode="combine", mergeByFields=pairs) == []


def test_fields_to_match_must_be_named(run):
    with pytest.raises(NodeError, match="at least one pair of fields"):
        merged(run, mode="combine")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"mode": "mergeByIndex"}, [{"k": 1, "v": 2}, {"k": 2}]),
        ({"mode": "mergeByIndex", "join": "inner"}, [{"k": 1, "v": 2}]),
        ({"mode": "keepKeyMatches"}, [{"k": 1}]),
        ({"mode": "removeKeyMatches"}, [{"k": 2}]),
        ({"mode": "mergeByKey"}, [{"k": 1, "v": 2}, {"k": 2}]),
        ({"mode": "multiplex"}, [{"k": 1, "v": 2}, {"k": 1, "v": 2}]),
        ({"mode": "passThrough", "output": "input2"}, [{"k": 1, "v": 2}]),
    ],
)
def test_version_one_has_modes_of_its_own(run, given, made):
    keys = {"propertyName1": "k", "propertyName2": "k"}
    assert (
        fields(merged(run, [[{"k": 1}, {"k": 2}], [{"k": 1, "v": 2}]], 1, **keys, **given)) == made
    )


def test_inputs_are_queried_by_sql(run, outside):
    outside.run_sql = run_sql
    query = (
        "SELECT a.id, a.a, b.b FROM input1 a JOIN input2 b ON a.id = b.id "
        "LEFT JOIN input3 c ON c.id = a.id ORDER BY b.b DESC"
    )
    inputs = [LEFT, RIGHT, None]
    items = merged(run, inputs, version=3.2, mode="combineBySql", numberInputs=3, query=query)
    assert items == [{"json": {"id": 2, "a": "y", "b": last}} for last in ("s", "p")]


def test_a_query_that_changes_something_is_refused(run, outside):
    outside.run_sql = run_sql
    with pytest.raises(NodeError, match="only SELECT is allowed"):
        merged(run, mode="combineBySql", query="DELETE FROM input1")


def test_importing_a_query_tells_how_sqlite_differs():
    spec = {"name": "M", "type": Merge.key, "typeVersion": 3.2, "position": [0, 0]}
    query = {"parameters": {"mode": "combineBySql", "query": "SELECT 1"}}
    found = [*lint(Document({"nodes": [spec | query]}), {Merge.key: Merge})]
    (note,) = [one for one in found if one.severity == NOTE]
    assert "one SELECT of SQLite" in note.message
    assert note.message == note.as_dict()["message"]  # it is told whole
    found = [*lint(Document({"nodes": [spec]}), {Merge.key: Merge})]
    assert not any(one.severity == NOTE for one in found)
