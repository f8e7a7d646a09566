"""If and Filter."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.scripts import Column
from workflows.nodes.filter import Filter
from workflows.nodes.if_ import If
from workflows.tests.nodes.conftest import make_context

FIELD = "={{ $json.n }}"


def above(number):
    asked = {"type": "number", "operation": "gt"}
    row = {"leftValue": FIELD, "rightValue": number, "operator": asked}
    options = {"version": 2, "typeValidation": "strict", "caseSensitive": True}
    return {"conditions": {"options": options, "combinator": "and", "conditions": [row]}}


async def sorted_numbers(node, outside, numbers, given=None, version=2.2, **flags):
    items = [{"n": one} for one in numbers]
    context = make_context(node, given or above(3), [items], version, outside, flags=flags)
    context.columns = {FIELD: Column(dict(enumerate(numbers)))}
    return [[one["json"]["n"] for one in items] for items in await node().run(context)]


@pytest.fixture
def sort(outside):
    return lambda *given, **more: asyncio.run(sorted_numbers(given[0], outside, *given[1:], **more))


@pytest.mark.parametrize("node", [If, Filter])
def test_items_are_sorted_by_the_conditions(sort, node):
    assert sort(node, [1, 5, 3, 7]) == [[5, 7], [1, 3]]


@pytest.mark.parametrize("node", [If, Filter])
def test_an_item_that_cannot_be_compared_stops_the_run(sort, node):
    with pytest.raises(NodeError, match="Wrong type: 'x' is a string") as caught:
        sort(node, [1, "x"])
    assert caught.value.item == 1


@pytest.mark.parametrize("on_error", ["continueRegularOutput", "continueErrorOutput"])
def test_an_item_that_cannot_be_compared_is_false_where_the_node_goes_on(sort, on_error):
    assert sort(If, [7, "x"], onError=on_error) == [[7], ["x"]]


def test_the_switches_of_the_node_count_where_the_conditions_have_no_copy(run):
    asked = {"type": "string", "operation": "equals"}
    row = {"leftValue": "A", "rightValue": "a", "operator": asked}
    given = {"conditions": {"conditions": [row]}}
    assert len(run(Filter, given)[0]) == 1
    assert len(run(Filter, given | {"options": {"ignoreCase": False}})[0]) == 0


def test_an_item_keeps_its_place_as_its_pair(run):
    given = {"conditions": {"conditions": [], "combinator": "and"}}
    (kept, _) = run(If, given, [{"a": 1}, {"a": 2}])
    assert [one["pairedItem"] for one in kept] == [{"item": 0}, {"item": 1}]


@pytest.mark.parametrize(
    ("kind", "row", "holds"),
    [
        ("string", {"value1": "Elon", "operation": "contains", "value2": "lo"}, True),
        ("string", {"value1": "", "operation": "isEmpty"}, True),
        ("string", {"value1": "abc", "operation": "regex", "value2": "/B/i"}, True),
        ("number", {"value1": 1, "value2": 2}, True),
        ("number", {"value1": "10", "operation": "larger", "value2": 9}, True),
        ("number", {"value1": "1", "operation": "equal", "value2": 1}, False),
        ("boolean", {"value1": True, "value2": True}, True),
        ("boolean", {"value1": 1, "operation": "notEqual", "value2": True}, True),
        ("dateTime", {"value1": "2024-01-02", "value2": "2024-01-01"}, True),
        ("dateTime", {"value1": "2024-01-02", "operation": "before", "value2": None}, False),
    ],
)
def test_version_one_compares_by_groups(run, kind, row, holds):
    (true, false) = run(If, {"conditions": {kind: [row]}}, version=1)
    assert (len(true), len(false)) == ((1, 0) if holds else (0, 1))


def test_version_one_refuses_what_is_no_date(run):
    with pytest.raises(NodeError, match='The value "soon" is not a valid DateTime'):
        run(If, {"conditions": {"dateTime": [{"value1": "soon"}]}}, version=1)


def test_version_one_combines_all_or_any(run):
    rows = {"boolean": [{"value1": True, "value2": True}, {"value1": True, "value2": False}]}
    assert run(If, {"conditions": rows}, version=1)[0] == []
    assert len(run(If, {"conditions": rows, "combineOperation": "any"}, version=1)[0]) == 1
    assert len(run(Filter, {"conditions": rows, "combineConditions": "OR"}, version=1)[0]) == 1
