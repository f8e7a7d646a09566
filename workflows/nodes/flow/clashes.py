"""Joining items into one: whose value stays where both have a field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.items import Item
from workflows.engine.node import Context

ADD_SUFFIX = "addSuffix"
Json = dict[str, Any]


@dataclass(frozen=True)
class Clash:
    """What happens to a field both items have.

    `resolve` is addSuffix, preferInput1, preferInput2 ... or preferLast; `deep` joins objects
    inside each other; with `keep` an empty value never replaces one that is there.
    """

    resolve: str = ""
    deep: bool = True
    keep: bool = False


def clash_of(context: Context) -> Clash:
    """Return what the options say."""
    found = context.value("options.clashHandling.values", default={})
    found = found if isinstance(found, Mapping) else {}
    return Clash(
        resolve=str(found.get("resolveClash") or ""),
        deep=found.get("mergeMode") != "shallowMerge",
        keep=found.get("overrideEmpty") is True,
    )


def joined(items: Sequence[Item], clash: Clash, suffixes: Sequence[int] = ()) -> Item:
    """Join items; a later one wins. Suffixes are added to all names where they are asked for."""
    if clash.resolve == ADD_SUFFIX:
        json: Json = {}
        for one, suffix in zip(items, suffixes or range(1, len(items) + 1), strict=True):
            json |= {f"{name}_{suffix}": value for name, value in one["json"].items()}
    else:
        json = merged([one["json"] for one in items], deep=clash.deep, keep=clash.keep)
    made: Item = {"json": json, "pairedItem": [one["pairedItem"] for one in items]}
    binary = {name: file for one in items for name, file in (one.get("binary") or {}).items()}
    if binary:
        made["binary"] = binary
    return made


def merged(parts: Sequence[Json], *, deep: bool = True, keep: bool = False) -> Json:
    """Merge objects into a new one; a later value wins."""
    join = _deep if deep else _shallow
    made: Json = {}
    for part in parts:
        made = join(made, part, keep)
    return made


def _shallow(below: Json, above: Json, keep: bool) -> Json:
    if not keep:
        return below | above
    return below | {
        name: value
        for name, value in above.items()
        if name not in below or value is not None and value != ""
    }


def _deep(below: Json, above: Json, keep: bool) -> Json:
    made = dict(below)
    for name, value in above.items():
        there = made.get(name)
        if isinstance(value, dict) and isinstance(there, dict):
            made[name] = _deep(there, value, keep)
        elif isinstance(value, list) and isinstance(there, list):
            made[name] = _deep_list(there, value, keep)
        elif not (keep and name in made and (value is None or value == "")):
            made[name] = value
    return made


def _deep_list(below: list[Any], above: list[Any], keep: bool) -> list[Any]:
    """Merge lists place by place, as n8n does."""
    both = {str(n): value for n, value in enumerate(below)}
    joined_up = _deep(both, {str(n): value for n, value in enumerate(above)}, keep)
    return list(joined_up.values())


def ordered(clash: Clash, default: int) -> Callable[[Sequence[Item]], list[Item]]:
    """Return what puts items in the order in which they are joined: the preferred one last."""
    wanted = clash.resolve.removeprefix("preferInput")
    last = int(wanted) - 1 if wanted.isdecimal() else default

    def order(items: Sequence[Item]) -> list[Item]:
        if not 0 <= last < len(items):
            return list(items)
        return [*items[:last], *items[last + 1 :], items[last]]

    return order
