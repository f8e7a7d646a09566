"""Summarize."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.summarize import Summarize

ITEMS = [
    {"g": 1, "v": 10, "t": "a"},
    {"g": 2, "v": 5, "t": ""},
    {"g": 1, "v": "x", "t": "b"},
    {"v": 1},
]


def summarize(run, *wanted, version=1.1, items=ITEMS, **parameters):
    fields = {"values": [{"aggregation": how, "field": name, **more} for how, name, more in wanted]}
    (made,) = run(Summarize, {"fieldsToSummarize": fields, **parameters}, items, version=version)
    return made


@pytest.mark.parametrize(
    ("how", "name", "more", "value"),
    [
        ("sum", "v", {}, 16),
        ("average", "v", {}, 16 / 3),
        ("max", "t", {}, "b"),
        ("min", "v", {}, 1),
        ("count", "t", {}, 2),
        ("count", "t", {"includeEmpty": True}, 4),
        ("countUnique", "g", {}, 2),
        ("append", "t", {}, ["a", "b"]),
        ("append", "t", {"includeEmpty": True}, ["a", "", "b", None]),
        ("concatenate", "t", {"separateBy": ", "}, "a, b"),
        ("concatenate", "t", {"includeEmpty": True}, "a,,b,undefined"),
        ("concatenate", "t", {"separateBy": "other", "customSeparator": "|"}, "a|b"),
    ],
)
def test_values_are_worked_out_over_all_items(run, how, name, more, value):
    (made,) = summarize(run, (how, name, more))
    assert list(made["json"].values()) == [value]
    assert len(made["pairedItem"]) == 4


def test_each_group_is_an_item_that_keeps_the_type_of_its_value(run):
    made = summarize(run, ("sum", "v", {}), fieldsToSplitBy="g")
    assert [one["json"] for one in made] == [
        {"g": 1, "sum_v": 10},
        {"g": 2, "sum_v": 5},
        {"sum_v": 1},
    ]
    assert made[0]["pairedItem"] == [{"item": 0}, {"item": 2}]


def test_values_of_groups_were_text_in_the_first_version(run):
    items = [{"g": "b", "v": 1}, {"g": 2, "v": 2}]
    made = summarize(run, ("sum", "v", {}), version=1, items=items, fieldsToSplitBy="g")
    assert [one["json"]["g"] for one in made] == ["2", "b"]


def test_groups_can_be_nested_in_one_item(run):
    made = summarize(
        run, ("count", "v", {}), fieldsToSplitBy="g, t", options={"outputFormat": "singleItem"}
    )
    assert made[0]["json"]["1"] == {"a": {"count_v": 1}, "b": {"count_v": 1}}


def test_items_without_a_value_to_group_by_can_be_left_out(run):
    options = {"skipEmptySplitFields": True}
    made = summarize(run, ("count", "v", {}), fieldsToSplitBy="g", options=options)
    assert [one["json"]["g"] for one in made] == [1, 2]


def test_a_path_becomes_one_name(run):
    (made,) = summarize(run, ("max", "a.b c", {}), items=[{"a": {"b c": 1}}])
    assert made["json"] == {"max_a_b_c": 1}


def test_a_field_no_item_has_was_an_error_in_the_first_version(run):
    with pytest.raises(NodeError, match="The field 'z' does not exist in any items"):
        summarize(run, ("sum", "z", {}), version=1)
    options = {"continueIfFieldNotFound": True}
    made = summarize(run, ("sum", "z", {}), version=1, options=options)
    assert made[0]["json"] == {"sum_z": 0}
    assert summarize(run, ("sum", "z", {}))[0]["json"] == {"sum_z": 0}
