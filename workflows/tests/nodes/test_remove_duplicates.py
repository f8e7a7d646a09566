"""Remove Duplicates."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.remove_duplicates import RemoveDuplicates

EARLIER = {"operation": "removeItemsSeenInPreviousExecutions"}


def kept(run, items, version=2, **parameters):
    outputs = run(RemoveDuplicates, parameters, items, version=version)
    return [one["pairedItem"]["item"] for one in outputs[0]]


def test_the_first_item_of_each_kind_is_kept(run):
    assert kept(run, [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 1, "a": 1}]) == [0, 1]


def test_chosen_fields_can_count_alone_or_not_at_all(run):
    items = [{"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"c": 1}}, {"a": 1, "b": {"c": 2}}]
    assert kept(run, items, compare="selectedFields", fieldsToCompare="b.c") == [0, 2]
    assert kept(run, items, compare="allFieldsExcept", fieldsToExclude="b.c") == [0, 1]


def test_one_and_the_text_one_and_true_differ(run):
    assert kept(run, [{"a": 1}, {"a": "1"}, {"a": True}, {"a": 1.0}]) == [0, 1, 2]


def test_different_types_were_an_error_in_the_first_version(run):
    with pytest.raises(NodeError, match="'a' isn't always the same type"):
        kept(run, [{"a": 1}, {"a": "1"}], version=1)


def test_a_field_missing_from_some_item_is_an_error(run):
    with pytest.raises(NodeError, match="'b' field is missing from some input items"):
        kept(run, [{"a": 1, "b": 2}, {"a": 1}])


def test_other_fields_can_be_dropped(run):
    parameters = {
        "compare": "selectedFields",
        "fieldsToCompare": "a",
        "options": {"removeOtherFields": True},
    }
    (made,) = run(RemoveDuplicates, parameters, [{"a": 1, "b": 2}])
    assert made[0]["json"] == {"a": 1}


def seen(run, outside, values, **parameters):
    """Run with one constant value for each item: an item at a time."""
    places = []
    for value in values:
        given = {key: value if one == "VALUE" else one for key, one in parameters.items()}
        outputs = run(RemoveDuplicates, {**EARLIER, **given}, [{}])
        places.append(0 if outputs[0] else 1)
    return places


def test_items_that_earlier_runs_saw_leave_by_their_own_output(run, outside):
    assert seen(run, outside, ["a", "b", "a"], dedupeValue="VALUE") == [0, 0, 1]


def test_only_higher_numbers_are_new(run, outside):
    parameters = {"logic": "removeItemsUpToStoredIncrementalKey", "incrementalDedupeValue": "VALUE"}
    assert seen(run, outside, [5, 4, "6", 6], **parameters) == [0, 1, 0, 1]


def test_only_later_dates_are_new(run, outside):
    parameters = {"logic": "removeItemsUpToStoredDate", "dateDedupeValue": "VALUE"}
    days = ["2024-01-02", "2024-01-01", "2024-01-02T01:00:00Z"]
    assert seen(run, outside, days, **parameters) == [0, 1, 0]
    with pytest.raises(NodeError, match="'soon' is not a valid date"):
        seen(run, outside, ["soon"], **parameters)


def test_the_history_can_be_cleared(run, outside):
    seen(run, outside, ["a"], dedupeValue="VALUE")
    run(RemoveDuplicates, {"operation": "clearDeduplicationHistory"}, [{}])
    assert seen(run, outside, ["a"], dedupeValue="VALUE") == [0]


def test_only_looking_at_earlier_runs_needs_a_second_output():
    assert RemoveDuplicates.outputs_of(EARLIER, 2) == ("Kept", "Discarded")
    assert RemoveDuplicates.outputs_of({}, 2) == ("main",)
