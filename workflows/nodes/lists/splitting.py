"""Making several items of lists that one item holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.paths import get, put, without

BINARY = "$binary"


@dataclass(frozen=True)
class Split:
    """How to split one item: `others` is noOtherFields, allOtherFields or selectedOtherFields."""

    fields: Sequence[str]
    targets: Sequence[str] = ()
    others: str = "noOtherFields"
    kept: Sequence[str] = ()
    dots: bool = True
    with_binary: bool = False

    def checked(self) -> "Split":
        """Return itself when its parts fit together; raise NodeError where they do not."""
        if self.targets and len(self.targets) != len(self.fields):
            raise NodeError(
                "If multiple fields to split out are given, the same number of destination "
                "fields must be given"
            )
        if self.others == "selectedOtherFields" and not self.kept:
            raise NodeError("No fields specified", description="Please add a field to include")
        return self


def split(one: Item, place: int, how: Split, missing: set[str]) -> Items:
    """Return the items one item splits into; adds to `missing` the fields it does not have."""
    rows: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    for number, name in enumerate(how.fields):
        elements = _elements(one, name, how.dots)
        if elements is None:
            missing.add(name)
            continue
        if name == BINARY:
            files = elements
            rows += [{} for _ in range(len(rows), len(elements))]
            continue
        target = how.targets[number] if how.targets else ""
        _lay_out(rows, elements, target or name, spread=_spreads(how, target))
    around = _others(one["json"], how)
    made = [
        {"json": {**around, **row} if around else row, "pairedItem": {"item": place}}
        for row in rows
    ]
    if how.with_binary and "binary" in one:
        return [{**each, "binary": one["binary"]} for each in made]
    return [{**each, "binary": b} for each, b in zip(made, files, strict=False)] if files else made


def longest(one: Item, how: Split) -> int:
    """Return how many items one item splits into."""
    return max((len(_elements(one, name, how.dots) or ()) for name in how.fields), default=0)


def _elements(one: Item, name: str, dots: bool) -> list[Any] | None:
    if name == BINARY:
        return [{key: record} for key, record in one.get("binary", {}).items()]
    found = get(one["json"], name, dots=dots)
    if found is UNDEFINED:
        return None
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else [found]


def _spreads(how: Split, target: str) -> bool:
    """Whether the fields of an element become the item's own."""
    return how.others == "noOtherFields" and not target and len(how.fields) == 1


def _lay_out(rows: list[dict[str, Any]], elements: list[Any], name: str, *, spread: bool) -> None:
    rows += [{} for _ in range(len(rows), len(elements))]
    for row, element in zip(rows, elements, strict=False):
        if spread and isinstance(element, dict):
            row.update(element)
        elif spread and isinstance(element, list):
            row.update((str(number), one) for number, one in enumerate(element))
        else:
            row[name] = element


def _others(json: dict[str, Any], how: Split) -> dict[str, Any]:
    if how.others == "allOtherFields":
        for name in how.fields:
            json = without(json, name, dots=how.dots)
        return json
    kept: dict[str, Any] = {}
    if how.others == "selectedOtherFields":
        for name in how.kept:
            if (
                name not in how.fields
                and (found := get(json, name, dots=how.dots)) is not UNDEFINED
            ):
                put(kept, name, found, dots=how.dots)
    return kept
