"""The modes of Merge version 1."""

from typing import Any

from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.engine.paths import field
from workflows.engine.values import UNDEFINED
from workflows.nodes.flow.matching import equal


def merged_v1(context: Context, first: Items, second: Items) -> Items:
    """Return what version 1 of Merge makes of two inputs."""
    mode = context.value("mode")
    if mode == "append":
        return [*first, *second]
    if mode == "passThrough":
        return second if context.value("output") == "input2" else first
    if mode == "wait":
        return [{"json": {}, "pairedItem": [one["pairedItem"] for one in [*first, *second]]}]
    if mode == "multiplex":
        return [_both(a, b) for a in first for b in second]
    if mode == "mergeByIndex":
        return _by_index(first, second, str(context.value("join")))
    return _by_key(context, first, second, str(mode))


def _both(a: Item, b: Item) -> Item:
    made: Item = {
        "json": {**a["json"], **b["json"]},
        "pairedItem": [a["pairedItem"], b["pairedItem"]],
    }
    binary = {**(a.get("binary") or {}), **(b.get("binary") or {})}
    return {**made, "binary": binary} if binary else made


def _by_index(first: Items, second: Items, join: str) -> Items:
    made = [_both(a, b) for a, b in zip(first, second, strict=False)]
    if join in ("left", "outer"):
        made += first[len(second) :]
    if join == "outer":
        made += second[len(first) :]
    return made


def _by_key(context: Context, first: Items, second: Items, mode: str) -> Items:
    name1, name2 = str(context.value("propertyName1")), str(context.value("propertyName2"))
    if not second:
        return [] if mode == "keepKeyMatches" else first
    others: dict[Any, Item] = {}
    for one in second:
        value = field(one["json"], name2)
        if value is not UNDEFINED:
            others[_key(value)] = one
    made: Items = []
    for one in first:
        value = field(one["json"], name1)
        other = None if value is UNDEFINED else others.get(_key(value))
        if mode == "mergeByKey":
            overwrite = str(context.value("overwrite"))
            made.append(one if other is None else _filled(one, other, overwrite))
        elif (other is not None) == (mode == "keepKeyMatches"):
            made.append(one)
    return made


def _key(value: Any) -> Any:
    return repr(value) if isinstance(value, list | dict | bool) else value


def _filled(one: Item, other: Item, overwrite: str) -> Item:
    json = dict(one["json"])
    for name, value in other["json"].items():
        blank = any(equal(json.get(name), nothing) for nothing in (None, ""))
        if overwrite == "always" or name not in json or (overwrite == "blank" and blank):
            json[name] = value
    made: Item = {"json": json, "pairedItem": [one["pairedItem"], other["pairedItem"]]}
    return {**made, "binary": one["binary"]} if one.get("binary") else made
