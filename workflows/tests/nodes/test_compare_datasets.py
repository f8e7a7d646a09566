"""Compare Datasets."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.compare_datasets import CompareDatasets

A = [{"id": 1, "v": 1}, {"id": 2, "v": 2, "o": {"x": 1, "y": 1}}, {"id": 3}]
B = [{"id": 2, "v": 9, "o": {"x": 1, "y": 2}}, {"id": 3}, {"id": 4}]
BY_ID = {"values": [{"field1": "id", "field2": "id"}]}


def compared(run, inputs=(A, B), version=2.3, **given):
    return run(CompareDatasets, {"mergeByFields": BY_ID, **given}, inputs=inputs, version=version)


def test_items_go_to_the_output_of_what_they_are(run):
    only_a, same, different, only_b = compared(run)
    assert [one["json"]["id"] for one in only_a + same + only_b] == [1, 3, 4]
    assert different[0]["json"] == {
        "keys": {"id": 2},
        "same": {"id": 2},
        "different": {
            "v": {"inputA": 2, "inputB": 9},
            "o": {"inputA": {"x": 1, "y": 1}, "inputB": {"x": 1, "y": 2}},
        },
    }
    assert different[0]["pairedItem"] == [{"item": 1}, {"item": 0, "input": 1}]


@pytest.mark.parametrize(
    ("given", "item"),
    [
        ({"resolve": "preferInput1"}, A[1]),
        ({"resolve": "preferInput2"}, B[0]),
        ({"resolve": "mix", "exceptWhenMix": "v"}, {**A[1], "v": 9}),
        ({"resolve": "mix", "preferWhenMix": "input2", "exceptWhenMix": "o.y"},
         {"id": 2, "v": 9, "o": {"x": 1, "y": 1}}),
    ],
)  # fmt: skip
def test_different_items_give_the_version_asked_for(run, given, item):
    assert [one["json"] for one in compared(run, **given)[2]] == [item]


def test_fields_may_be_left_out_of_the_comparison(run):
    assert len(compared(run, options={"skipFields": "v, o.y"})[1]) == 2
    (found,) = compared(run, options={"skipFields": "o.y"})[2]
    assert found["json"]["skipped"] == {"o": {"inputA": {"y": 1}, "inputB": {"y": 2}}}


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("3", 3, True), ("TRUE", True, True), (1, True, True), (None, "", True), ([], None, True),
        ("[1]", [1], True), ('{"a": 1}', {"a": 1}, True), ("abc", 42, False), (0, None, False),
    ],
)  # fmt: skip
def test_fuzzy_comparison_overlooks_types(run, a, b, alike):
    inputs = ([{"id": 1, "v": a}], [{"id": "1", "v": b}])
    _, same, different, _ = compared(run, inputs, fuzzyCompare=True)
    assert (len(same), len(different)) == ((1, 0) if alike else (0, 1))


def test_only_the_first_match_counts_unless_all_are_asked_for(run):
    inputs = ([{"id": 1}], [{"id": 1}, {"id": 1}])
    assert len(compared(run, inputs)[1]) == 1
    assert len(compared(run, inputs, options={"multipleMatches": "all"})[1]) == 2


def test_a_missing_field_is_an_error_before_version_2_2(run):
    with pytest.raises(NodeError, match="'id' is not present in any of items in 'Input B'"):
        compared(run, (A, []), version=2.1)
    assert len(compared(run, (A, []), version=2.2)[0]) == 3
