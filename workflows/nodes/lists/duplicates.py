"""Leaving out items that say what an earlier one said."""

from collections.abc import Sequence
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.ordering import kind, same
from workflows.nodes.lists.paths import get, leaves, put


def unique(
    items: Items,
    compare: str,
    *,
    chosen: Sequence[str],
    dots: bool,
    same_types: bool,
    only_compared: bool = False,
) -> Items:
    """Return the first item of each kind.

    `compare` is allFields, allFieldsExcept or selectedFields, about the `chosen` ones. With
    `same_types` a field must have one type in all items.

    Raises:
        NodeError: a field is missing from some item, or has several types where it may not.
    """
    if compare != "allFields" and not chosen:
        verb = "exclude from comparison" if compare == "allFieldsExcept" else "compare"
        raise NodeError(f"No fields specified. Please add a field to {verb}")
    if compare == "selectedFields":
        keys = list(chosen)
    else:
        keys = [
            key for key in _all_keys(items, dots) if compare == "allFields" or key not in chosen
        ]
    columns = [[get(item["json"], key, dots=dots) for item in items] for key in keys]
    for key, column in zip(keys, columns, strict=True):
        _check(key, column, dots=dots, same_types=same_types)
    seen: set[Any] = set()
    kept: Items = []
    for place, item in enumerate(items):
        mark = tuple([same(column[place]) for column in columns])
        if mark not in seen:
            seen.add(mark)
            kept.append(_only(item, keys, dots) if only_compared else item)
    return kept


def _all_keys(items: Items, dots: bool) -> list[str]:
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(leaves(item["json"]) if dots else item["json"]))
    return [key for key in found if key]


def _check(key: str, column: list[Any], *, dots: bool, same_types: bool) -> None:
    kinds = {kind(value) for value in column}
    if "undefined" in kinds:
        hint = ""
        if not dots and "." in key:
            hint = "If you mean a nested field, turn off 'Disable Dot Notation' in the options."
        raise NodeError(f"'{key}' field is missing from some input items", description=hint)
    if same_types and len(kinds) > 1:
        raise NodeError(
            f"'{key}' isn't always the same type",
            description=f"The type of this field varies: {', '.join(sorted(kinds))}.",
        )


def _only(item: Item, keys: Sequence[str], dots: bool) -> Item:
    json: dict[str, Any] = {}
    for key in keys:
        if (value := get(item["json"], key, dots=dots)) is not UNDEFINED:
            put(json, key, value, dots=dots)
    return {**item, "json": json}
