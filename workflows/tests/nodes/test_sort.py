"""Sort."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.sort import Sort


def order(run, items, *fields, **options):
    wanted = [{"fieldName": name, "order": order} for name, order in fields]
    (made,) = run(Sort, {"sortFieldsUi": {"sortField": wanted}, "options": options}, items)
    return [one["pairedItem"]["item"] for one in made]


def test_text_is_sorted_without_regard_to_case(run):
    items = [{"a": "b"}, {"a": "C"}, {"a": "A"}]
    assert order(run, items, ("a", "ascending")) == [2, 0, 1]
    assert order(run, items, ("a", "descending")) == [1, 0, 2]


def test_a_second_field_decides_where_the_first_is_the_same(run):
    items = [{"a": 1, "b": {"c": 1}}, {"a": 0, "b": {"c": 1}}, {"a": 1, "b": {"c": 2}}]
    assert order(run, items, ("a", "ascending"), ("b.c", "descending")) == [1, 2, 0]


def test_equal_items_stay_in_their_order(run):
    items = [{"a": 1}, {"a": 1}, {"a": 0}]
    assert order(run, items, ("a", "descending")) == [0, 1, 2]


def test_numbers_compare_with_text_that_spells_a_number(run):
    assert order(run, [{"a": "10"}, {"a": 9}, {"a": None}], ("a", "ascending")) == [2, 1, 0]


def test_a_field_that_no_item_has_is_an_error(run):
    with pytest.raises(NodeError, match="Couldn't find the field 'b.c'") as failure:
        order(run, [{"b": {"c": 1}}], ("b.c", "ascending"), disableDotNotation=True)
    assert "Disable Dot Notation" in failure.value.description


def test_sorting_by_nothing_is_an_error(run):
    with pytest.raises(NodeError, match="No sorting specified"):
        order(run, [{"a": 1}])


def test_random_order_loses_no_item(run):
    (made,) = run(Sort, {"type": "random"}, [{"n": n} for n in range(20)])
    assert sorted(one["json"]["n"] for one in made) == list(range(20))


def test_sort_code_without_return_is_an_error(run):
    with pytest.raises(NodeError, match="Sort code doesn't return"):
        run(Sort, {"type": "code", "code": "a.json.x - b.json.x"}, [{"x": 1}])
