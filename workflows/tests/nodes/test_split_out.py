"""Split Out."""

import pytest

from workflows.engine.bounds import Bounds
from workflows.engine.errors import NodeError
from workflows.nodes.split_out import SplitOut


def split(run, items, **parameters):
    (made,) = run(SplitOut, parameters, items)
    return [one["json"] for one in made]


def test_each_element_becomes_an_item_paired_with_its_origin(run):
    (made,) = run(SplitOut, {"fieldToSplitOut": "a"}, [{"a": [{"x": 1}]}, {"a": [{"x": 2}]}])
    assert made == [
        {"json": {"x": 1}, "pairedItem": {"item": 0}},
        {"json": {"x": 2}, "pairedItem": {"item": 1}},
    ]


def test_elements_that_are_no_objects_keep_the_name_of_their_field(run):
    assert split(run, [{"a": [1, None]}], fieldToSplitOut="a") == [{"a": 1}, {"a": None}]


def test_an_object_is_split_by_its_values_and_a_single_value_is_a_list_of_one(run):
    assert split(run, [{"a": {"x": 1, "y": 2}}], fieldToSplitOut="a") == [{"a": 1}, {"a": 2}]
    assert split(run, [{"a": 5}], fieldToSplitOut="a") == [{"a": 5}]


def test_other_fields_come_along_without_the_one_that_was_split(run):
    items = [{"a": {"b": [1, 2], "c": 3}, "d": 4}]
    made = split(run, items, fieldToSplitOut="a.b", include="allOtherFields")
    assert made == [{"a": {"c": 3}, "d": 4, "a.b": 1}, {"a": {"c": 3}, "d": 4, "a.b": 2}]
    assert items[0]["a"] == {"b": [1, 2], "c": 3}


def test_chosen_other_fields_come_along(run):
    made = split(
        run, [{"a": [1], "b": 2, "c": {"d": 3, "e": 4}}], fieldToSplitOut="a",
        include="selectedOtherFields", fieldsToInclude="c.d",
    )  # fmt: skip
    assert made == [{"c": {"d": 3}, "a": 1}]


def test_several_lists_are_split_side_by_side(run):
    made = split(
        run, [{"a": [1, 2], "b": ["x"]}], fieldToSplitOut="a, b",
        options={"destinationFieldName": "n, t"},
    )  # fmt: skip
    assert made == [{"n": 1, "t": "x"}, {"n": 2}]


def test_an_item_without_the_field_gives_nothing(run):
    assert split(run, [{"b": 1}, {"a": [2]}], fieldToSplitOut="a") == [{"a": 2}]


def test_a_destination_for_only_one_of_two_fields_is_refused(run):
    options = {"destinationFieldName": "n"}
    with pytest.raises(NodeError, match="same number of destination fields"):
        run(SplitOut, {"fieldToSplitOut": "a,b", "options": options}, [{"a": [1]}])


def test_files_are_split_into_items_of_their_own(run):
    item = {"json": {}, "binary": {"one": {"id": "1"}, "two": {"id": "2"}}}
    (made,) = run(SplitOut, {"fieldToSplitOut": "$binary"}, [item])
    assert [one["binary"] for one in made] == [{"one": {"id": "1"}}, {"two": {"id": "2"}}]


def test_lists_that_make_too_many_items_are_refused_before_they_are_made(run, outside):
    outside.bounds = Bounds(items=1000)
    halves = [{"a": [0] * 500}, {"a": [0] * 500}]
    assert len(split(run, halves, fieldToSplitOut="a")) == 1000
    with pytest.raises(NodeError, match="the lists give 1,001 items; 1,000 are allowed") as caught:
        split(run, [*halves, {"a": 1}], fieldToSplitOut="a")
    assert "workflow_items" in caught.value.description
