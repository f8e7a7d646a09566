"""The comparisons of If and Filter before version 2 and of Switch before version 3."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from workflows.engine.conditions import same
from workflows.engine.conversion import moment_of, number, text, truthy
from workflows.engine.errors import NodeError
from workflows.engine.node import Context
from workflows.engine.parameters import Field, choice, flag, group
from workflows.engine.parameters import number as number_field
from workflows.engine.parameters import text as text_field
from workflows.engine.patterns import pattern
from workflows.engine.values import UNDEFINED

Compare = Callable[[Any, Any], bool]

EQUALITY = {"equal": "Equal", "notEqual": "Not Equal"}
ORDER = {
    "smaller": "Smaller",
    "smallerEqual": "Smaller or Equal",
    **EQUALITY,
    "larger": "Larger",
    "largerEqual": "Larger or Equal",
}
EMPTINESS = {"isEmpty": "Is Empty", "isNotEmpty": "Is Not Empty"}
DATES = {"after": "Occurred After", "before": "Occurred Before"}
TEXTS = {
    "contains": "Contains",
    "notContains": "Not Contains",
    "endsWith": "Ends With",
    "notEndsWith": "Not Ends With",
    **EQUALITY,
    "regex": "Regex Match",
    "notRegex": "Regex Not Match",
    "startsWith": "Starts With",
    "notStartsWith": "Not Starts With",
    **EMPTINESS,
}
UNARY = tuple(EMPTINESS)
PLAIN_TEXTS = [one for one in TEXTS if one not in (*UNARY, "regex", "notRegex")]


def condition_groups() -> tuple[Field, ...]:
    """Return the groups of conditions by type."""
    return (
        group(
            "boolean", "Boolean",
            text_field("value1", "Value 1"),
            choice("operation", "Operation", EQUALITY | EMPTINESS, "equal"),
            flag("value2", "Value 2", when={"operation": list(EQUALITY)}),
        ),
        group(
            "dateTime", "Date & Time",
            Field("value1", "Value 1", "date"),
            choice("operation", "Operation", DATES, "after"),
            Field("value2", "Value 2", "date"),
        ),
        group(
            "number", "Number",
            number_field("value1", "Value 1"),
            choice("operation", "Operation", ORDER | EMPTINESS, "smaller"),
            number_field("value2", "Value 2", when={"operation": list(ORDER)}),
        ),
        group(
            "string", "String",
            text_field("value1", "Value 1"),
            choice("operation", "Operation", TEXTS, "equal"),
            text_field(
                "value2", "Value 2",
                when={"operation": PLAIN_TEXTS},
            ),
            text_field("value2", "Regex", when={"operation": ["regex", "notRegex"]}),
        ),
    )  # fmt: skip


def tests(context: Context, stored: Any) -> list[Callable[[int], bool]]:
    """Return the tests of stored conditions, in n8n's order of types."""
    if not isinstance(stored, Mapping):
        return []
    return [
        _test(context, kind, row)
        for kind in ("boolean", "dateTime", "number", "string")
        for row in stored.get(kind) or ()
        if isinstance(row, Mapping)
    ]


def _test(context: Context, kind: str, row: Mapping[str, Any]) -> Callable[[int], bool]:
    compare = comparison(str(row.get("operation")))
    left, right = context.reader(row.get("value1")), context.reader(row.get("value2"))
    if kind == "dateTime":
        zone = context.scope.timezone
        return lambda index: compare(instant(left(index), zone), instant(right(index), zone))
    return lambda index: compare(left(index), right(index))


def comparison(name: str) -> Compare:
    """Return an old comparison by its name."""
    found = COMPARISONS.get(name)
    if found is None:
        raise NodeError(f"Unknown comparison: {name}", description="Choose another operation.")
    return found


def instant(value: Any, zone: str) -> float:
    """Return a date as milliseconds since 1970; 0 for none."""
    if value is None or value is UNDEFINED:
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    found = moment_of(value, zone)
    if found is None:
        raise NodeError(
            f'The value "{text(value)}" is not a valid DateTime.',
            description="Give an ISO 8601 text such as 2024-05-31T10:00:00Z.",
        )
    return found.timestamp() * 1000


def is_empty(value: Any) -> bool:
    """Whether a value is nothing: null, "", NaN, or a list or object without content."""
    if value is None or value is UNDEFINED or value != value:
        return True
    return isinstance(value, str | list | dict) and not value


def _written(value: Any) -> str:
    return text(value) if truthy(value) else ""


def _texts(compare: Callable[[str, str], bool]) -> Compare:
    return lambda left, right: compare(_written(left), _written(right))


def _ordered(compare: Callable[[Any, Any], bool]) -> Compare:
    """Compare as JavaScript does: two texts by letters, anything else as numbers."""

    def ordered(left: Any, right: Any) -> bool:
        left = left if truthy(left) else 0
        right = right if truthy(right) else 0
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(number(left), number(right))

    return ordered


def _not(compare: Compare) -> Compare:
    return lambda left, right: not compare(left, right)


_contains, _ends = _texts(operator.contains), _texts(str.endswith)
_starts = _texts(str.startswith)
_matches = _texts(lambda left, right: pattern(right).found(left))
COMPARISONS: dict[str, Compare] = {
    "after": _ordered(operator.gt),
    "before": _ordered(operator.lt),
    "contains": _contains,
    "notContains": _not(_contains),
    "endsWith": _ends,
    "notEndsWith": _not(_ends),
    "startsWith": _starts,
    "notStartsWith": _not(_starts),
    "equal": same,
    "notEqual": _not(same),
    "larger": _ordered(operator.gt),
    "largerEqual": _ordered(operator.ge),
    "smaller": _ordered(operator.lt),
    "smallerEqual": _ordered(operator.le),
    "isEmpty": lambda left, _: is_empty(left),
    "isNotEmpty": lambda left, _: not is_empty(left),
    "regex": _matches,
    "notRegex": _not(_matches),
}
