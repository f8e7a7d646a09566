"""Sorting items by fields, at random, or by code."""

import random
from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items
from workflows.engine.node import Context
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.ordering import less, same, units
from workflows.nodes.lists.paths import get

Column = list[Any]


def by_fields(items: Items, fields: Sequence[tuple[str, bool]], *, dots: bool) -> Items:
    """Sort by fields, each with whether it descends; text without regard to case.

    Raises:
        NodeError: no field is named, or no item has one of them.
    """
    if not fields:
        raise NodeError("No sorting specified. Please add a field to sort by")
    columns = [[get(one["json"], name, dots=dots) for one in items] for name, _ in fields]
    for (name, _), column in zip(fields, columns, strict=True):
        if all(value is UNDEFINED for value in column):
            raise _missing(name, dots)
    columns = [[v.lower() if isinstance(v, str) else v for v in column] for column in columns]
    order = list(range(len(items)))
    if all(_uniform(column) for column in columns):
        for column, (_, descends) in reversed(list(zip(columns, fields, strict=True))):
            keys = [units(v) for v in column] if isinstance(column[0], str) else column
            order.sort(key=keys.__getitem__, reverse=descends)
    else:
        order.sort(key=cmp_to_key(_comparison(columns, [descends for _, descends in fields])))
    return [items[place] for place in order]


def _uniform(column: Column) -> bool:
    """Whether all values are texts, or all are numbers: then sorting by key gives the same."""
    kinds = set(map(type, column))
    if kinds <= {int, float} and kinds:
        return all(value == value for value in column)
    return all(issubclass(one, str) for one in kinds) and bool(kinds)


def _comparison(columns: Sequence[Column], descending: Sequence[bool]) -> Any:
    """Return a comparison of two places. What cannot be compared counts as equal (n8n).

    Python's sort and V8's are the same algorithm, so even such an order comes out the same.
    """
    keyed = [([_keyed(value) for value in column], column) for column in columns]

    def compare(left: int, right: int) -> int:
        for (keys, column), descends in zip(keyed, descending, strict=True):
            (kind, a), (other, b) = keys[left], keys[right]
            if kind and kind == other:
                sign = -1 if a < b else 1 if b < a else None
            else:
                sign = _loosely(column[left], column[right])
            if sign is not None:
                return -sign if descends else sign
        return 0

    return compare


def _keyed(value: Any) -> tuple[int, Any]:
    """Return a value's kind (1 number, 2 text, 0 other) and what to compare it by in its kind."""
    if isinstance(value, str):
        return 2, units(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return 1, value
    return 0, None


def _loosely(a: Any, b: Any) -> int | None:
    """Compare values of different kinds; None when they are the same."""
    if a is b or same(a) == same(b):
        return None
    return -1 if less(a, b) else 1 if less(b, a) else 0


def _missing(name: str, dots: bool) -> NodeError:
    hint = ""
    if not dots and "." in name:
        hint = "If you mean a nested field, turn off 'Disable Dot Notation' in the node's options."
    return NodeError(f"Couldn't find the field '{name}' in the input data", description=hint)


def at_random(items: Items) -> Items:
    """Return the items in random order."""
    return random.sample(items, len(items))


async def by_code(context: Context, items: Items, body: str) -> Items:
    """Sort by JavaScript that compares two items, `a` and `b`, and returns a number.

    Raises:
        NodeError: the code returns nothing, or it failed.
    """
    if "return" not in body:
        raise NodeError("Sort code doesn't return. Please add a 'return' statement to your code")
    source = (
        f"const compare = (a, b) => {{\n{body}\n}};\nconst all = $input.all();\n"
        "return all.map((_, n) => n).sort((x, y) => compare(all[x], all[y]));"
    )
    result = await context.scripts.run_code(source, context.scope, each=False)
    context.logs += result.logs
    if result.errors:
        raise next(iter(result.errors.values()))
    return [items[int(place)] for place in result.value]
