"""Switch."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.scripts import Column
from workflows.nodes.switch import Switch
from workflows.tests.nodes.conftest import make_context

FIELD = "={{ $json.n }}"


def rule(operation, right, **more):
    asked = {"type": "number", "operation": operation}
    row = {"leftValue": FIELD, "rightValue": right, "operator": asked}
    options = {"version": 2, "typeValidation": "strict"}
    return {"conditions": {"options": options, "conditions": [row]}, **more}


RULES = {"rules": {"values": [rule("gt", 0), rule("gt", 4)]}}


@pytest.fixture
def routed(outside):
    def go(given, numbers, version=3.2, **flags):
        items = [{"n": one} for one in numbers]
        context = make_context(Switch, given, [items], version, outside, flags=flags)
        context.columns = {FIELD: Column(dict(enumerate(numbers)))}
        outputs = asyncio.run(Switch().run(context))
        return [[one["json"].get("n", one["json"]) for one in items] for items in outputs]

    return go


def test_the_first_rule_that_matches_takes_the_item(routed):
    assert routed(RULES, [1, 5, -3]) == [[1, 5], []]


def test_all_rules_that_match_take_it_where_asked(routed):
    assert routed(RULES | {"options": {"allMatchingOutputs": True}}, [1, 5]) == [[1, 5], [5]]


@pytest.mark.parametrize(("fallback", "found"), [("extra", [[], [], [-3]]), (1, [[], [-3]])])
def test_what_no_rule_matches_goes_where_the_fallback_says(routed, fallback, found):
    assert routed(RULES | {"options": {"fallbackOutput": fallback}}, [-3]) == found


def test_an_expression_names_the_output(routed):
    given = {"mode": "expression", "numberOutputs": 3, "output": FIELD}
    assert routed(given, [2, 0]) == [[0], [], [2]]
    with pytest.raises(NodeError, match="The output 3 is not allowed.*between 0 and 2"):
        routed(given, [3])


def test_an_item_that_fails_tells_its_error_on_the_first_output(routed):
    (first, second) = routed(RULES, ["x", 5], onError="continueRegularOutput")
    assert first[0]["error"].startswith("Wrong type: 'x' is a string")
    assert (first[1:], second) == ([5], [])


def test_version_one_compares_one_value(routed):
    rules = [{"operation": "equal", "value2": 1, "output": 2}, {"operation": "larger", "value2": 5}]
    given = {"value1": FIELD, "rules": {"rules": rules}, "fallbackOutput": 3}
    assert routed(given, [1, 9, 2], version=1) == [[9], [], [1], [2]]


def test_version_two_has_an_output_for_each_rule(routed):
    given = {"value1": FIELD, "rules": {"rules": [{"value2": "a"}, {"value2": "b"}]}}
    assert routed(given, ["b", "a", "c"], version=2) == [["a"], ["b"]]


def test_outputs_have_the_names_of_their_rules():
    rules = {"values": [rule("gt", 0, outputKey="Big"), rule("lt", 0)]}
    given = {"rules": rules, "options": {"fallbackOutput": "extra"}}
    assert Switch.outputs_of(given, 3.2) == ("Big", "1", "Fallback")
