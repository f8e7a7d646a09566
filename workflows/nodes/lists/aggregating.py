"""Making one item of many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, pairs
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.ordering import same
from workflows.nodes.lists.paths import get, put


@dataclass(frozen=True)
class Gathering:
    """How values of one field are gathered."""

    dots: bool = True
    merge_lists: bool = False
    keep_missing: bool = False


def fields(
    items: Items, wanted: Sequence[Mapping[str, Any]], how: Gathering, missing: set[str]
) -> Item:
    """Return one item with a list for each field; adds to `missing` fields that no item has.

    Raises:
        NodeError: no field is named, one is blank, or two have the same name in the output.
    """
    if not wanted:
        raise NodeError("No fields specified", description="Please add a field to aggregate")
    json: dict[str, Any] = {}
    taken: set[str] = set()
    for one in wanted:
        name = str(one.get("fieldToAggregate") or "")
        if not name:
            raise NodeError("Field to aggregate is blank", description="Name a field to aggregate")
        target = _target(one, name, how.dots)
        if target in taken:
            raise NodeError(
                f"The '{target}' output field is used more than once",
                description="Please make sure each output field name is unique",
            )
        taken.add(target)
        found = [get(item["json"], name, dots=how.dots) for item in items]
        if all(value is UNDEFINED for value in found):
            missing.add(name)
        put(json, target, _gathered(found, how), dots=how.dots)
    return {"json": json, "pairedItem": pairs(range(len(items)))}


def _target(one: Mapping[str, Any], name: str, dots: bool) -> str:
    if one.get("renameField"):
        target = str(one.get("outputFieldName") or "")
        if not target:
            raise NodeError(
                "Output field name is blank", description=f"Name the output field of '{name}'"
            )
        return target
    return name.rpartition(".")[2] if dots else name


def _gathered(found: list[Any], how: Gathering) -> list[Any]:
    values: list[Any] = []
    for value in found:
        if not how.keep_missing:
            if value is None or value is UNDEFINED:
                continue
            if isinstance(value, list):
                value = [one for one in value if one is not None]
        if how.merge_lists and isinstance(value, list):
            values += value
        else:
            values.append(None if value is UNDEFINED else value)
    return values


def whole(items: Items, target: str, only: Sequence[str], leave: Sequence[str]) -> Item:
    """Return one item with the json of all in a list; `only` and `leave` choose their fields."""
    if not only and not leave:
        rows = [item["json"] for item in items]
        places: Sequence[int] = range(len(items))
    else:
        cut = [_cut(item["json"], only, leave) for item in items]
        places = [place for place, row in enumerate(cut) if row]
        rows = [cut[place] for place in places]
    return {"json": {target: rows}, "pairedItem": pairs(places)}


def _cut(json: dict[str, Any], only: Sequence[str], leave: Sequence[str]) -> dict[str, Any]:
    return {
        key: value for key, value in json.items() if key not in leave and (not only or key in only)
    }


def files(items: Items, *, unique: bool) -> dict[str, Any]:
    """Return the files of all items; names that clash get a number."""
    gathered: dict[str, Any] = {}
    seen: set[Any] = set()
    for item in items:
        for key, record in item.get("binary", {}).items():
            if unique:
                mark = same(
                    {name: record.get(name) for name in ("mimeType", "fileName", "fileSize")}
                )
                if mark in seen:
                    continue
                seen.add(mark)
            gathered[_free(key, gathered)] = record
    return gathered


def _free(key: str, taken: Mapping[str, Any]) -> str:
    name, number = key, 0
    while name in taken:
        number += 1
        name = f"{key}_{number}"
    return name
