"""Checking what code gave back, and making items of it. The messages are n8n's."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.engine.scripts import CodeResult
from workflows.engine.values import UNDEFINED

ITEM_KEYS = frozenset(("json", "binary", "pairedItem", "error", "index"))
KEPT = ("json", "binary", "pairedItem", "error")
WANTED = "Please return an array of objects, one for each item you would like to output."


def take_over(context: Context, result: CodeResult) -> None:
    """Keep what code wrote to the console, and the static and custom data it changed."""
    context.logs += result.logs
    if result.static is not None:
        for part in ("global", "node"):
            kept = context.scope.static.get(part)
            new = result.static.get(part)
            if isinstance(kept, dict) and isinstance(new, Mapping):
                kept.clear()
                kept.update(new)
    if result.custom is not None:
        context.custom.clear()
        context.custom.update(result.custom)


def first_error(result: CodeResult) -> NodeError | None:
    """Return the first error of a result, if there is one."""
    return next(iter(result.errors.values()), None)


def items_of(value: Any) -> Items:
    """Return the items that code run once for all gave.

    Raises:
        NodeError: it gave no objects, or mixed items with something else.
    """
    if value is None:
        return []
    listed = isinstance(value, list)
    if not listed:
        value = [value]
    if not all(_is_object(one) for one in value):
        raise NodeError("Code doesn't return items properly", description=WANTED)
    # One object by itself may have more keys; they are left out (n8n).
    if listed and any(not ITEM_KEYS.isdisjoint(one) for one in value):
        for place, one in enumerate(value):
            _check_keys(one, place)
    made = wrapped(value)
    for place, one in enumerate(made):
        check_item(one, place)
    return made


def wrapped(values: Sequence[Mapping[str, Any]]) -> Items:
    """Return plain objects as items; items as they are."""
    with_json = sum("json" in one for one in values)
    if with_json == len(values):
        return [{key: one[key] for key in KEPT if key in one} for one in values]
    if with_json:
        raise NodeError(
            "Inconsistent item format",
            description="Give every item its fields under `json`, or none of them.",
        )
    if any("binary" in one for one in values):
        return [_with_binary(one) for one in values]
    return [{"json": dict(one)} for one in values]


def _with_binary(one: Mapping[str, Any]) -> Item:
    made: Item = {"json": {key: value for key, value in one.items() if key not in ITEM_KEYS}}
    return made | {key: one[key] for key in ("binary", "pairedItem", "error") if key in one}


def _check_keys(one: Mapping[str, Any], place: int) -> None:
    unknown = [key for key in one if key not in ITEM_KEYS]
    if not unknown:
        return
    reserved = next((key for key in one if key in ITEM_KEYS), None)
    if reserved is not None:
        raise NodeError(
            "Invalid output format",
            description=f"An output item has the reserved key '{reserved}' beside '{unknown[0]}'. "
            "Put all of its fields into an object under the key 'json'.",
            item=place,
        )
    raise NodeError(
        f"Unknown top-level item key: {unknown[0]}",
        description="Access the properties of an item under `.json`, e.g. `item.json`",
        item=place,
    )


def check_item(one: Item, place: int) -> None:
    """Raise NodeError when the parts of an item are not what they must be."""
    for key in ("json", "binary"):
        found = one.get(key)
        if key in one and not _is_object(found) and not (key == "binary" and found is None):
            raise NodeError(
                f"A '{key}' property isn't an object",
                description=f"In the returned data, every key named '{key}' must point to an "
                "object.",
                item=place,
            )
    if one.get("binary") is None:
        one.pop("binary", None)


def item_of(value: Any, place: int) -> Item | None:
    """Return the item that code run for one item gave; None when it gave null.

    Raises:
        NodeError: it gave anything but one object.
    """
    if value is None:
        return None
    if isinstance(value, list):
        raise NodeError(
            "Code doesn't return a single object",
            description="An array of objects was returned. If you need to output multiple items, "
            "please use the 'Run Once for All Items' mode instead.",
            item=place,
        )
    if not _is_object(value):
        raise NodeError(
            "Code doesn't return an object",
            description="Please return an object representing the output item. "
            f"({value!r} was returned instead.)",
            item=place,
        )
    if not ITEM_KEYS.isdisjoint(value):
        _check_keys(value, place)
    made = wrapped([value])[0]
    check_item(made, place)
    return {**made, "pairedItem": {"item": place}}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and value is not UNDEFINED
