"""Filter conditions: what If, Filter and Switch ask of each item (n8n's filter parameter).

A filter is compiled once a node run; its test is then asked by item index. `options.version` 1 to 3
says how loosely values become the wanted type; strict filters refuse a value of another type.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.conversion import (
    NotConverted,
    as_boolean,
    converted,
    kind_of,
    number,
    plain_date,
    text,
    truthy,
)
from workflows.engine.errors import NodeError
from workflows.engine.patterns import pattern
from workflows.engine.values import UNDEFINED

Reader = Callable[[int], Any]
"""Gives a value by item index."""
Test = Callable[[int], bool]
Compare = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Options:
    """How a filter compares."""

    version: int = 1
    strict: bool = False
    case_sensitive: bool = False
    timezone: str = "UTC"  # of dates that name none


def compiled(
    raw: Mapping[str, Any], reader: Callable[[Any], Reader], timezone: str = "UTC"
) -> Test:
    """Return the test of a stored filter; `reader` makes a reader of a stored value.

    The test raises NodeError for a value of the wrong type, with the item's index.
    """
    stored = raw.get("options")
    stored = stored if isinstance(stored, Mapping) else {}
    options = Options(
        version=int(number(stored.get("version", 1)) or 1),
        strict=stored.get("typeValidation") == "strict",
        case_sensitive=stored.get("caseSensitive") is True,
        timezone=timezone,
    )
    conditions = raw.get("conditions")
    rows = [one for one in conditions or () if isinstance(one, Mapping)]
    tests = [_condition(row, reader, options, place) for place, row in enumerate(rows)]
    return joined(tests, every=raw.get("combinator", "and") != "or")


def joined(tests: Sequence[Test], *, every: bool) -> Test:
    """Return a test that asks for all of them, or for any; the first that decides ends it."""
    if len(tests) == 1:
        return tests[0]
    if every:
        return lambda index: all(test(index) for test in tests)
    return lambda index: any(test(index) for test in tests)


def _condition(
    row: Mapping[str, Any], reader: Callable[[Any], Reader], options: Options, place: int
) -> Test:
    asked = row.get("operator")
    asked = asked if isinstance(asked, Mapping) else {}
    kind, operation = str(asked.get("type", "string")), str(asked.get("operation", "equals"))
    alone = asked.get("singleValue") is True or operation in ALONE
    compare = _comparison(kind, operation, options)
    left = _side(row.get("leftValue"), kind, reader, options, place)
    if alone:
        return lambda index: compare(left(index), None)
    right_kind = str(asked.get("rightType") or kind)
    right = _side(row.get("rightValue"), right_kind, reader, options, place)
    return lambda index: compare(left(index), right(index))


def _side(
    raw: Any, kind: str, reader: Callable[[Any], Reader], options: Options, place: int
) -> Reader:
    """Return a reader of one side in the wanted type; what no item changes is converted once."""
    read = reader(raw)
    convert = _converter(kind, options)

    def side(index: int) -> Any:
        value = read(index)
        try:
            return convert(value)
        except NotConverted:
            raise _wrong_type(value, kind, options, place, index) from None

    if isinstance(raw, str | int | float | None) and not (
        isinstance(raw, str) and raw.startswith("=")
    ):
        try:
            fixed = convert(raw)
        except NotConverted:
            return side
        return lambda index: fixed
    return side


# -- types -----------------------------------------------------------------------------------------


def _converter(kind: str, options: Options) -> Callable[[Any], Any]:
    if kind == "any":
        return plain_date
    if kind == "dateTime":
        return lambda value: converted("", value, "dateTime", options.timezone)
    if options.strict:
        return _STRICT.get(kind) or plain_date
    if kind == "boolean":
        return _loose_boolean if options.version >= 2 else _truth
    if kind == "number" and options.version >= 3:
        return lambda value: None if _blank(value) else converted("", value, "number")
    return lambda value: converted("", value, kind)


def _truth(value: Any) -> Any:
    return None if value is None or value is UNDEFINED else truthy(value)


def _loose_boolean(value: Any) -> Any:
    if value is None or value is UNDEFINED:
        return None
    try:
        return as_boolean(value)
    except NotConverted:
        return truthy(value)


def _blank(value: Any) -> bool:
    return value == [] or (isinstance(value, str) and not value.strip())


def _strictly(*kinds: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is None or value is UNDEFINED:
            return None
        value = plain_date(value)
        if kind_of(value) not in kinds:
            raise NotConverted
        return value

    return check


def _strict_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if value is None or value is UNDEFINED:
        return None
    raise NotConverted


def _strict_string(value: Any) -> Any:
    if type(value) is str:
        return value
    return _string_or_refuse(value)


_string_or_refuse = _strictly("string")
_STRICT: dict[str, Callable[[Any], Any]] = {
    "string": _strict_string,
    "number": _strict_number,
    "boolean": _strictly("boolean"),
    "array": _strictly("array"),
    "object": _strictly("object"),
}


def _wrong_type(value: Any, kind: str, options: Options, place: int, index: int) -> NodeError:
    """Return the error in n8n's words, which call a list an object; the advice does not."""
    true_kind = kind_of(plain_date(value))
    found = "object" if true_kind in ("array", "dateTime") else true_kind
    where = f"[condition {place}, item {index}]"
    wanted = f"{_article(kind)} {kind} {where}"
    if options.strict:
        message = (
            f"Wrong type: '{text(value)}' is {_article(found)} {found} but was expecting {wanted}"
        )
        advice = (
            "Turn on 'Convert types where required', or convert the value in the expression, "
            f"for example by .to{kind[:1].upper()}{kind[1:]}()."
        )
    else:
        message = f"Conversion error: the {found} '{text(value)}' can't be converted to {wanted}"
        advice = "Change the type of the comparison, or convert the value in the expression."
    return NodeError(
        message, description=f"It is {_article(true_kind)} {true_kind}. {advice}", item=index
    )


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


# -- comparisons -----------------------------------------------------------------------------------


def _exists(left: Any, _: Any) -> bool:
    return left is not None and left is not UNDEFINED and left == left


def _missing(left: Any, _: Any) -> bool:
    return not _exists(left, None)


def _texts(compare: Callable[[str, str], bool]) -> Compare:
    return lambda left, right: compare(
        "" if left is None or left is UNDEFINED else left,
        "" if right is None or right is UNDEFINED else right,
    )


def _numbers(compare: Callable[[float, float], bool]) -> Compare:
    return lambda left, right: compare(left or 0, right or 0)


def _dates(compare: Callable[[Any, Any], bool]) -> Compare:
    return lambda left, right: left is not None and right is not None and compare(left, right)


def _lengths(compare: Callable[[float, float], bool]) -> Compare:
    return lambda left, right: compare(len(left or ()), right or 0)


def same(left: Any, right: Any) -> bool:
    """Whether JavaScript's === holds: true is not 1, and lists and objects are never the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | dict):
        return False
    return bool(left == right)


def _contains(left: Any, right: Any) -> bool:
    return any(same(one, right) for one in left or ())


def _contains_anyhow(left: Any, right: Any) -> bool:
    if not isinstance(right, str):
        return _contains(left, right)
    wanted = right.lower()
    return any(isinstance(one, str) and one.lower() == wanted for one in left or ())


def _not(compare: Compare) -> Compare:
    return lambda left, right: not compare(left, right)


def _matches(left: str, right: str) -> bool:
    return pattern(text(right)).found(left)


ALONE = ("exists", "notExists", "empty", "notEmpty", "true", "false")
_STRING: dict[str, Compare] = {
    "empty": lambda left, _: not left,
    "equals": _texts(operator.eq),
    "contains": _texts(operator.contains),
    "startsWith": _texts(str.startswith),
    "endsWith": _texts(str.endswith),
    "regex": _texts(_matches),
}
_ARRAY: dict[str, Compare] = {
    "empty": lambda left, _: not left,
    "contains": _contains,
    "lengthEquals": _lengths(operator.eq),
    "lengthNotEquals": _lengths(operator.ne),
    "lengthGt": _lengths(operator.gt),
    "lengthLt": _lengths(operator.lt),
    "lengthGte": _lengths(operator.ge),
    "lengthLte": _lengths(operator.le),
}
_NUMBER: dict[str, Compare] = {
    "empty": _missing,
    "equals": same,
    "gt": _numbers(operator.gt),
    "lt": _numbers(operator.lt),
    "gte": _numbers(operator.ge),
    "lte": _numbers(operator.le),
}
_DATE: dict[str, Compare] = {
    "empty": _missing,
    "equals": _dates(operator.eq),
    "notEquals": _dates(operator.ne),
    "after": _dates(operator.gt),
    "before": _dates(operator.lt),
    "afterOrEquals": _dates(operator.ge),
    "beforeOrEquals": _dates(operator.le),
}
_BOOLEAN: dict[str, Compare] = {
    "empty": _missing,
    "true": lambda left, _: left is True,
    "false": lambda left, _: not left,
    "equals": same,
}
_OBJECT: dict[str, Compare] = {"empty": lambda left, _: not left}
_TYPES: dict[str, dict[str, Compare]] = {
    "string": _STRING,
    "number": _NUMBER,
    "dateTime": _DATE,
    "boolean": _BOOLEAN,
    "array": _ARRAY,
    "object": _OBJECT,
    "any": {"equals": same, "empty": lambda left, _: not truthy(left)},
}


def _comparison(kind: str, operation: str, options: Options) -> Compare:
    if operation in ("exists", "notExists"):
        return _exists if operation == "exists" else _missing
    known = _TYPES.get(kind, {})
    compare = known.get(operation)
    if compare is None and operation.startswith("not"):
        base = operation[3:4].lower() + operation[4:]
        compare = known.get(base)
        if compare is not None:
            return _not(_cased(compare, kind, base, options))
    if compare is None:
        raise NodeError(
            f"Unknown comparison: {kind} {operation}",
            description="Choose another operator for the condition.",
        )
    return _cased(compare, kind, operation, options)


def _cased(compare: Compare, kind: str, operation: str, options: Options) -> Compare:
    if options.case_sensitive:
        return compare
    if kind == "array" and operation == "contains":
        return _contains_anyhow
    if kind != "string" or operation == "empty":
        return compare
    if operation == "regex":
        return lambda left, right: compare(_lower(left), right)
    return lambda left, right: compare(_lower(left), _lower(right))


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
