"""Sums, counts and lists of field values, for all items or for each group of them."""

import json as json_text
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, pairs
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.ordering import less, same, text
from workflows.nodes.lists.paths import get

PREFIXES = {
    "append": "appended_",
    "average": "average_",
    "concatenate": "concatenated_",
    "count": "count_",
    "countUnique": "unique_count_",
    "max": "max_",
    "min": "min_",
    "sum": "sum_",
}
INDEX = re.compile(r"0|[1-9]\d{0,9}")


class FieldMissing(NodeError):
    """No item has a field that is to be summarized."""


@dataclass(frozen=True)
class Summary:
    """One value to work out: an aggregation of a field's values."""

    aggregation: str
    field: str
    keep_empty: bool = False
    separator: str = ","

    @property
    def name(self) -> str:
        """The name of its output field."""
        return PREFIXES[self.aggregation] + flat(self.field)

    def of(self, found: list[Any]) -> Any:
        """Return the value for these values of the field (UNDEFINED where an item has none)."""
        return AGGREGATIONS[self.aggregation](self, found)


def read(values: Sequence[Mapping[str, Any]]) -> list[Summary]:
    """Read the summaries from their parameters; NodeError where one is wrong."""
    if not values:
        raise NodeError("You need to add at least one aggregation to 'Fields to Summarize'")
    made = []
    for one in values:
        field, aggregation = str(one.get("field") or ""), one.get("aggregation", "count")
        if not field:
            raise NodeError("The field to summarize is blank: name one, or remove its entry")
        if aggregation not in PREFIXES:
            raise NodeError(f"There is no aggregation called '{aggregation}'")
        separator = one.get("separateBy", ",")
        if separator == "other":
            separator = one.get("customSeparator", "")
        made.append(Summary(aggregation, field, bool(one.get("includeEmpty")), str(separator)))
    return made


def flat(field: str) -> str:
    """Return a path as one name: `a.b["c"]` is a_bc."""
    return re.sub(r"[ .]", "_", re.sub(r'[\]\["]', "", field))


def missing(items: Items, summaries: Sequence[Summary], *, dots: bool) -> list[str]:
    """Return the fields that no item has."""
    return [
        one.field
        for one in summaries
        if all(get(item["json"], one.field, dots=dots) is UNDEFINED for item in items)
    ]


# -- groups --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Items that agree in the fields they are grouped by."""

    values: tuple[Any, ...]
    places: list[int]


def groups(
    items: Items, fields: Sequence[str], *, dots: bool, as_text: bool, skip_empty: bool = False
) -> list[Group]:
    """Group items; the groups of a first field stand together.

    `as_text` is the old way: values become text and whole numbers come first (JavaScript objects).
    """
    getters = [[get(item["json"], name, dots=dots) for item in items] for name in fields]
    places: Sequence[int] = range(len(items))
    if skip_empty:
        places = [n for n in places if not any(empty(column[n]) for column in getters)]
    return list(_grouped((), list(places), getters, as_text))


def _grouped(
    before: tuple[Any, ...], places: list[int], columns: list[list[Any]], as_text: bool
) -> Iterator[Group]:
    if not columns:
        yield Group(before, places)
        return
    column, *rest = columns
    found: dict[Any, tuple[Any, list[int]]] = {}
    for place in places:
        value = text(column[place]) if as_text else column[place]
        key = id(value) if isinstance(value, dict | list) else same(value)
        found.setdefault(key, (value, []))[1].append(place)
    parts = list(found.values())
    if as_text:
        parts.sort(key=lambda one: (0, int(one[0])) if INDEX.fullmatch(one[0]) else (1, 0))
    for value, inside in parts:
        yield from _grouped((*before, value), inside, rest, as_text)


def rows(
    items: Items, grouped: Sequence[Group], fields: Sequence[str], summaries: Sequence[Summary],
    *, dots: bool,
) -> Items:  # fmt: skip
    """Return one item for each group."""
    names = [flat(name) for name in fields]
    made: Items = []
    for group, values in _worked_out(items, grouped, summaries, dots):
        own = {n: v for n, v in zip(names, group.values, strict=True) if v is not UNDEFINED}
        made.append({"json": {**own, **values}, "pairedItem": pairs(group.places)})
    return made


def nested(
    items: Items, grouped: Sequence[Group], summaries: Sequence[Summary], *, dots: bool
) -> Items:
    """Return one item: objects by the values of each field, the summaries inside."""
    top: dict[str, Any] = {}
    for group, values in _worked_out(items, grouped, summaries, dots):
        here = top
        for value in group.values:
            here = here.setdefault(text(value), {})
        here.update(values)
    return [{"json": top, "pairedItem": pairs(range(len(items)))}]


def _worked_out(
    items: Items, grouped: Sequence[Group], summaries: Sequence[Summary], dots: bool
) -> Iterator[tuple[Group, dict[str, Any]]]:
    columns = {
        name: [get(item["json"], name, dots=dots) for item in items]
        for name in {one.field for one in summaries}
    }
    for group in grouped:
        yield (
            group,
            {
                one.name: one.of([columns[one.field][place] for place in group.places])
                for one in summaries
            },
        )


# -- aggregations --------------------------------------------------------------------------------


def empty(value: Any) -> bool:
    """Whether a value counts as none: undefined, null or empty text."""
    return value is UNDEFINED or value is None or value == ""


def _kept(summary: Summary, found: list[Any]) -> list[Any]:
    if summary.keep_empty:
        return found
    return [value for value in found if not empty(value)]


def _numbers(found: list[Any]) -> list[float]:
    return [value for value in found if isinstance(value, int | float) and value is not True
            and value is not False]  # fmt: skip


def _average(summary: Summary, found: list[Any]) -> Any:
    values = _numbers(found)
    return sum(values) / len(values) if values else None


def _sum(summary: Summary, found: list[Any]) -> Any:
    return sum(_numbers(found))


def _extreme(before: Callable[[Any, Any], bool]) -> Callable[[Summary, list[Any]], Any]:
    def extreme(summary: Summary, found: list[Any]) -> Any:
        best: Any = None
        for value in found:
            if not empty(value) and (best is None or before(value, best)):
                best = value
        return best

    return extreme


def _concatenate(summary: Summary, found: list[Any]) -> Any:
    return summary.separator.join(
        json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if isinstance(value, dict | list)
        else text(value)
        for value in _kept(summary, found)
    )


def _append(summary: Summary, found: list[Any]) -> Any:
    return [None if value is UNDEFINED else value for value in _kept(summary, found)]


AGGREGATIONS: dict[str, Callable[[Summary, list[Any]], Any]] = {
    "append": _append,
    "average": _average,
    "concatenate": _concatenate,
    "count": lambda summary, found: len(_kept(summary, found)),
    "countUnique": lambda summary, found: len({same(value) for value in _kept(summary, found)}),
    "max": _extreme(lambda value, best: less(best, value)),
    "min": _extreme(less),
    "sum": _sum,
}
