"""Item Lists."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.item_lists import ItemLists


def jsons(run, parameters, items, version):
    (made,) = run(ItemLists, parameters, items, version=version)
    return [one["json"] for one in made]


@pytest.mark.parametrize(("version", "names"), [(1, {"fields": [{"fieldName": "b"}]}), (3.1, "b")])
def test_names_of_fields_are_groups_in_old_versions_and_text_in_new_ones(run, version, names):
    parameters = {
        "fieldToSplitOut": "a", "include": "selectedOtherFields", "fieldsToInclude": names,
    }  # fmt: skip
    assert jsons(run, parameters, [{"a": [1], "b": 2, "c": 3}], version) == [{"b": 2, "a": 1}]


@pytest.mark.parametrize(("version", "name"), [(2.2, "aggregateItems"), (3, "concatenateItems")])
def test_aggregating_goes_by_the_name_of_its_version(run, version, name):
    fields = {"fieldToAggregate": [{"fieldToAggregate": "a"}]}
    parameters = {"operation": name, "fieldsToAggregate": fields}
    assert jsons(run, parameters, [{"a": 1}, {"a": 2}], version) == [{"a": [1, 2]}]


def test_a_missing_list_is_an_error_in_old_versions(run):
    with pytest.raises(NodeError, match="Couldn't find the field 'a'"):
        jsons(run, {"fieldToSplitOut": "a"}, [{}], 2)
    assert jsons(run, {"fieldToSplitOut": "a"}, [{}], 2.1) == []


def test_objects_are_split_since_the_second_version(run):
    items = [{"a": {"x": 1}}]
    with pytest.raises(NodeError, match="is not an array"):
        jsons(run, {"fieldToSplitOut": "a"}, items, 1)
    assert jsons(run, {"fieldToSplitOut": "a"}, items, 2) == [{"a": 1}]


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        ({"operation": "limit", "maxItems": 1, "keep": "lastItems"}, [1]),
        ({"operation": "sort", "sortFieldsUi": {"sortField": [{"fieldName": "a"}]}}, [1, 2, 2]),
        ({"operation": "removeDuplicates"}, [2, 1]),
    ],
)
def test_the_other_operations_work_as_their_own_nodes(run, parameters, made):
    found = jsons(run, parameters, [{"a": 2}, {"a": 2}, {"a": 1}], 3)
    assert [one["a"] for one in found] == made


def test_summarizing_a_missing_field_can_give_an_empty_item(run):
    fields = {"values": [{"aggregation": "count", "field": "z"}]}
    parameters = {"operation": "summarize", "fieldsToSummarize": fields}
    with pytest.raises(NodeError, match="The field 'z' does not exist"):
        jsons(run, parameters, [{"a": 2}], 2)
    assert jsons(run, {**parameters, "options": {"continueIfFieldNotFound": True}}, [{}], 2) == [{}]


def test_summarizing_works_as_the_node_did_first(run):
    fields = {"values": [{"aggregation": "count", "field": "a"}]}
    parameters = {"operation": "summarize", "fieldsToSummarize": fields, "fieldsToSplitBy": "a"}
    assert jsons(run, parameters, [{"a": 2}], 3) == [{"a": "2", "count_a": 1}]
