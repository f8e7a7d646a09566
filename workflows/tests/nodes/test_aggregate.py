"""Aggregate."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.aggregate import Aggregate


def fields(*wanted, **options):
    return {"fieldsToAggregate": {"fieldToAggregate": list(wanted)}, "options": options}


def test_values_of_a_field_become_a_list_paired_with_all_items(run):
    (made,) = run(Aggregate, fields({"fieldToAggregate": "a"}), [{"a": 1}, {"a": None}, {"a": 3}])
    assert made == [{"json": {"a": [1, 3]}, "pairedItem": [{"item": n} for n in range(3)]}]


def test_a_nested_field_goes_by_its_last_name_unless_it_is_renamed(run):
    (made,) = run(Aggregate, fields({"fieldToAggregate": "a.b"}), [{"a": {"b": 1}}])
    assert made[0]["json"] == {"b": [1]}
    wanted = {"fieldToAggregate": "a.b", "renameField": True, "outputFieldName": "c.d"}
    (made,) = run(Aggregate, fields(wanted), [{"a": {"b": 1}}])
    assert made[0]["json"] == {"c": {"d": [1]}}


def test_lists_are_merged_and_missing_values_kept_on_request(run):
    items = [{"a": [1, 2]}, {}, {"a": 3}]
    (made,) = run(Aggregate, fields({"fieldToAggregate": "a"}, mergeLists=True), items)
    assert made[0]["json"] == {"a": [1, 2, 3]}
    (made,) = run(Aggregate, fields({"fieldToAggregate": "a"}, keepMissing=True), items)
    assert made[0]["json"] == {"a": [[1, 2], None, 3]}


def test_two_fields_of_one_name_are_refused(run):
    with pytest.raises(NodeError, match="'b' output field is used more than once"):
        run(Aggregate, fields({"fieldToAggregate": "a.b"}, {"fieldToAggregate": "b"}), [{}])


def test_all_items_go_into_one_list_with_chosen_fields(run):
    whole = {"aggregate": "aggregateAllItemData"}
    items = [{"a": 1, "b": 2}, {"b": 3}]
    (made,) = run(Aggregate, whole, items)
    assert made[0]["json"] == {"data": items}
    (made,) = run(Aggregate, {**whole, "include": "specifiedFields", "fieldsToInclude": "a"}, items)
    assert made == [{"json": {"data": [{"a": 1}]}, "pairedItem": [{"item": 0}]}]
    (made,) = run(Aggregate, {**whole, "include": "allFieldsExcept", "fieldsToExclude": "a"}, items)
    assert made[0]["json"] == {"data": [{"b": 2}, {"b": 3}]}


def test_files_of_all_items_are_kept_under_names_of_their_own(run):
    file = {"mimeType": "text/plain", "fileName": "a.txt", "fileSize": "1 B"}
    items = [{"json": {"a": 1}, "binary": {"data": file}}] * 2
    parameters = fields({"fieldToAggregate": "a"}, includeBinaries=True)
    (made,) = run(Aggregate, parameters, items)
    assert set(made[0]["binary"]) == {"data", "data_1"}
    parameters["options"]["keepOnlyUnique"] = True
    (made,) = run(Aggregate, parameters, items)
    assert set(made[0]["binary"]) == {"data"}
