"""Filter conditions."""

import pytest

from workflows.engine.conditions import compiled
from workflows.engine.errors import NodeError
from workflows.engine.values import UNDEFINED, DateText


def passes(left, kind, operation, right=None, *, more=None, **options):
    given = {"version": 2, "typeValidation": "strict", "caseSensitive": True, **options}
    asked = {"type": kind, "operation": operation, **(more or {})}
    row = {"leftValue": left, "rightValue": right, "operator": asked}
    raw = {"options": given, "combinator": "and", "conditions": [row]}
    return compiled(raw, lambda value: lambda _: value)(0)


@pytest.mark.parametrize(
    ("left", "kind", "operation", "right"),
    [
        ("abc", "string", "contains", "b"),
        ("abc", "string", "notContains", "x"),
        ("abc", "string", "startsWith", "a"),
        ("abc", "string", "notEndsWith", "a"),
        ("", "string", "exists", None),
        (None, "string", "empty", None),
        ("abc", "string", "regex", "/^AB/i"),
        ("abc", "string", "notRegex", "^b"),
        (3, "number", "gte", 3),
        (0, "number", "notEquals", 1),
        (float("nan"), "number", "notExists", None),
        ("2024-01-15", "dateTime", "after", "2024-01-01T00:00:00Z"),
        ("1-Feb-2024", "dateTime", "equals", "2024-02-01"),
        (DateText("2024-01-01T00:00:00.000Z"), "dateTime", "beforeOrEquals", "2024-01-01"),
        (None, "boolean", "false", None),
        (True, "boolean", "notEquals", False),
        ({}, "object", "empty", None),
        ({"a": 1}, "object", "notEmpty", None),
    ],
)
def test_a_comparison_holds(left, kind, operation, right):
    assert passes(left, kind, operation, right)


@pytest.mark.parametrize(
    ("left", "kind", "operation", "right"),
    [
        ("abc", "string", "equals", "ABC"),
        (None, "string", "exists", None),
        (UNDEFINED, "number", "exists", None),
        (float("nan"), "number", "equals", float("nan")),
        (None, "dateTime", "after", "2024-01-01"),
        ({"a": 1}, "object", "empty", None),
    ],
)
def test_a_comparison_does_not_hold(left, kind, operation, right):
    assert not passes(left, kind, operation, right)


def test_lists_are_asked_for_members_and_length():
    assert passes([1, "a"], "array", "contains", "a", more={"rightType": "any"})
    assert not passes([True], "array", "contains", 1, more={"rightType": "any"})
    assert passes([1, 2], "array", "lengthGt", 1, more={"rightType": "number"})


def test_case_counts_only_where_asked():
    assert passes("ABC", "string", "equals", "abc", caseSensitive=False)
    assert passes(
        ["ABC"], "array", "contains", "abc", more={"rightType": "any"}, caseSensitive=False
    )
    assert not passes("ABC", "string", "regex", "B", caseSensitive=False)


def test_a_strict_filter_names_the_value_of_the_wrong_type():
    with pytest.raises(NodeError) as caught:
        passes("x", "number", "gt", 3)
    assert caught.value.message == (
        "Wrong type: 'x' is a string but was expecting a number [condition 0, item 0]"
    )
    assert caught.value.item == 0


def test_a_loose_filter_converts_and_tells_what_it_cannot():
    assert passes("15", "number", "equals", 15, typeValidation="loose")
    with pytest.raises(NodeError, match="the string 'abc' can't be converted to a number"):
        passes("abc", "number", "equals", 15, typeValidation="loose")


@pytest.mark.parametrize(("version", "holds"), [(1, True), (2, False), (3, False)])
def test_the_word_false_is_true_only_in_the_first_version(version, holds):
    assert passes("false", "boolean", "true", typeValidation="loose", version=version) is holds


@pytest.mark.parametrize(("version", "holds"), [(2, True), (3, False)])
def test_an_empty_text_is_zero_before_version_three(version, holds):
    assert passes("", "number", "equals", 0, typeValidation="loose", version=version) is holds


def test_the_first_condition_that_decides_ends_the_filter():
    number = {"type": "number", "operation": "gt"}
    rows = [
        {"leftValue": 1, "rightValue": 5, "operator": number},
        {"leftValue": "x", "rightValue": 5, "operator": number},
    ]
    raw = {"options": {"typeValidation": "strict"}, "combinator": "and", "conditions": rows}
    assert not compiled(raw, lambda value: lambda _: value)(0)
    with pytest.raises(NodeError, match="condition 1"):
        compiled({**raw, "combinator": "or"}, lambda value: lambda _: value)(0)


def test_an_unknown_comparison_is_named():
    with pytest.raises(NodeError, match="string sounds"):
        passes("a", "string", "soundsLike", "b")
