"""Which fields of an item Edit Fields starts from, and how it puts new ones in."""

from collections.abc import Callable
from typing import Any

from workflows.engine.conversion import text
from workflows.engine.items import Item
from workflows.engine.node import Context
from workflows.engine.paths import at, parts, put, without
from workflows.engine.values import UNDEFINED

Json = dict[str, Any]
Start = Callable[[Item, int], "tuple[Json, Json | None]"]
"""Gives the fields and files that an item at an index starts with; the fields are a copy."""
Setter = Callable[[Json, str, Any], Json]


def start(context: Context) -> Start:
    """Return what gives the first fields of the new item."""
    include, files = _included(context)
    dots = context.value("options.dotNotation", default=True) is not False
    if include == "none":
        return lambda one, _: ({}, one.get("binary") if files else None)
    if include == "all":
        return lambda one, _: (dict(one["json"]), one.get("binary") if files else None)
    name = "includeFields" if include == "selected" else "excludeFields"
    read = context.reader(context.parameters.get(name, ""))
    pick = _selected if include == "selected" else _rest

    def begin(one: Item, index: int) -> tuple[Json, Json | None]:
        return pick(one["json"], names_in(read(index)), dots), one.get("binary") if files else None

    return begin


def _included(context: Context) -> tuple[str, bool]:
    """Return which fields are kept, and whether files are."""
    version = context.version
    if version < 3:
        keep = context.value("keepOnlySet", default=False) is True
        return ("none", False) if keep else ("all", True)
    include = str(context.value("include", default="all"))
    if version >= 3.3 and context.value("includeOtherFields", default=False) is not True:
        include = "none"
    if version >= 3.4:
        strip = context.value("options.stripBinary", default=False) is True
        return include, include != "none" and not strip
    return include, context.value("options.includeBinary", default=False) is True


def names_in(written: Any) -> list[str]:
    """Return the names in a list or in a text with commas."""
    found = written if isinstance(written, list) else text(written or "").split(",")
    return [name for one in found if (name := text(one).strip())]


def _selected(json: Json, names: list[str], dots: bool) -> Json:
    made: Json = {}
    for name in names:
        value = json.get(name, UNDEFINED)
        if value is UNDEFINED and dots:
            value = at(json, parts(name))
        if value is not UNDEFINED:
            made = put_nested(made, name, value) if dots else {**made, name: value}
    return made


def _rest(json: Json, names: list[str], dots: bool) -> Json:
    made = dict(json)
    for name in names:
        if name in made or not dots:
            made.pop(name, None)
        else:
            made = without(made, parts(name))
    return made


def setter(context: Context) -> Setter:
    """Return what puts a field in: along its path, or by the whole name."""
    if context.value("options.dotNotation", default=True) is False:
        return put_plain
    return put_nested


def put_plain(json: Json, name: str, value: Any) -> Json:
    """Put a field in by its name; the object itself is changed."""
    json[name] = value
    return json


def put_nested(json: Json, name: str, value: Any) -> Json:
    """Put a field in along its path; lists and objects on the way are copied first."""
    if ("." in name or "[" in name) and name not in json:
        found: Json = put(json, parts(name), value)
        return found
    json[name] = value
    return json
