"""Edit Fields (Set)."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.scripts import Column
from workflows.nodes.set import Set
from workflows.tests.nodes.conftest import make_context


def assigned(*rows):
    keys = ("name", "type", "value")
    return {"assignments": {"assignments": [dict(zip(keys, row, strict=True)) for row in rows]}}


def fields(outputs):
    return [one["json"] for one in outputs[0]]


def test_values_get_their_types(run):
    rows = [("n", "number", "12.5"), ("b", "boolean", "TRUE"), ("a", "array", "['x']")]
    rows += [("o", "object", '{"k": 1}'), ("s", "string", 7), ("z", "number", None)]
    assert fields(run(Set, assigned(*rows))) == [
        {"n": 12.5, "b": True, "a": ["x"], "o": {"k": 1}, "s": "7", "z": None}
    ]


def test_a_value_of_the_wrong_type_stops_with_its_field_and_item(run):
    with pytest.raises(NodeError, match="'x' expects a number but we got 'abc'") as caught:
        run(Set, assigned(("x", "number", "abc")))
    assert caught.value.item == 0
    assert "Ignore Type Conversion Errors" in caught.value.description


def test_a_value_of_the_wrong_type_stays_where_that_is_allowed(run):
    options = {"options": {"ignoreConversionErrors": True}}
    assert fields(run(Set, assigned(("x", "array", "{}")) | options)) == [{"x": "{}"}]


def test_an_item_that_fails_tells_its_error_where_the_node_goes_on(run):
    given = assigned(("x", "number", "abc"))
    (items,) = run(Set, given, [{}, {}], onError="continueRegularOutput")
    assert [one["pairedItem"] for one in items] == [{"item": 0}, {"item": 1}]
    assert items[1]["json"] == {"error": "'x' expects a number but we got 'abc'"}


def test_a_dot_leads_into_objects_without_changing_the_input(run):
    before = {"a": {"b": 1}, "c": [1]}
    given = assigned(("a.x", "number", 2), ("c[1]", "string", "y"))
    after = fields(run(Set, given | {"includeOtherFields": True}, [before]))
    assert after == [{"a": {"b": 1, "x": 2}, "c": [1, "y"]}]
    assert before == {"a": {"b": 1}, "c": [1]}


def test_a_dot_is_part_of_the_name_where_notation_is_off(run):
    given = assigned(("a.b", "string", "1")) | {"options": {"dotNotation": False}}
    assert fields(run(Set, given)) == [{"a.b": "1"}]


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({}, {"x": 1}),
        ({"includeOtherFields": True}, {"a": 1, "b": {"c": 2, "d": 3}, "x": 1}),
        ({"includeOtherFields": True, "include": "selected", "includeFields": "a, b.c"},
         {"a": 1, "b": {"c": 2}, "x": 1}),
        ({"includeOtherFields": True, "include": "except", "excludeFields": "a,b.c"},
         {"b": {"d": 3}, "x": 1}),
    ],
)  # fmt: skip
def test_other_fields_are_kept_as_asked(run, more, left):
    given = assigned(("x", "number", 1)) | more
    assert fields(run(Set, given, [{"a": 1, "b": {"c": 2, "d": 3}}])) == [left]


def test_files_are_kept_with_the_other_fields_unless_stripped(run):
    one = {"json": {}, "binary": {"data": {"id": "1", "mimeType": "text/plain"}}}
    ((kept,),) = run(Set, {"includeOtherFields": True}, [one])
    assert kept["binary"] == one["binary"]
    for more in ({}, {"includeOtherFields": True, "options": {"stripBinary": True}}):
        ((dropped,),) = run(Set, more, [one])
        assert "binary" not in dropped


def test_a_file_may_be_a_value(run):
    record = {"id": "1", "mimeType": "text/plain"}
    ((made,),) = run(Set, assigned(("doc", "binary", record)))
    assert made["binary"] == {"doc": record}


def test_json_becomes_the_item(run):
    given = {"mode": "raw", "jsonOutput": '{"a": 1, "b.c": 2}'}
    assert fields(run(Set, given)) == [{"a": 1, "b": {"c": 2}}]


@pytest.mark.parametrize(
    ("written", "words"), [("{", "contains invalid JSON"), ("[1]", "does not contain a valid")]
)
def test_bad_json_is_told_with_its_item(run, written, words):
    with pytest.raises(NodeError, match=f"The 'JSON Output' in item 0 {words}"):
        run(Set, {"mode": "raw", "jsonOutput": written})


class Words:
    """Scripts that know the value of each block."""

    def __init__(self, values):
        self.values = values

    async def evaluate(self, templates, scope, indexes):
        return [Column(dict.fromkeys(indexes, self.values[one])) for one in templates]


def test_lists_and_objects_are_pasted_into_json_as_json(outside):
    given = {"mode": "raw", "jsonOutput": '={"a": {{ $json.a }}, "b": {{ $json.b }} }'}
    context = make_context(Set, given, [[{}]], 3.4, outside)
    context.scripts = Words({"={{ $json.a }}": {"k": [1]}, "={{ $json.b }}": None})
    assert fields(asyncio.run(Set().run(context))) == [{"a": {"k": [1]}, "b": None}]


def test_version_three_names_its_types_otherwise(run):
    rows = [
        {"name": "s", "stringValue": "x"},
        {"name": "n", "type": "numberValue", "numberValue": "3"},
        {"name": "b", "type": "booleanValue"},
    ]
    given = {"fields": {"values": rows}, "include": "none"}
    assert fields(run(Set, given, version=3)) == [{"s": "x", "n": 3, "b": True}]


def test_version_one_sets_values_as_they_are(run):
    values = {"string": [{"name": "a", "value": 5}, {"value": "x"}], "boolean": [{"name": "b"}]}
    kept = fields(run(Set, {"values": values}, [{"z": 1}], version=1))
    assert kept == [{"z": 1, "b": False, "a": 5, "propertyName": "x"}]
    only = fields(run(Set, {"values": values, "keepOnlySet": True}, [{"z": 1}], version=2))
    assert only == [{"b": False, "a": 5, "propertyName": "x"}]
