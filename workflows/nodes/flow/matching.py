"""Finding items of two inputs that belong together, exactly or fuzzily."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.engine.conversion import NotConverted, json_text, number, parsed
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.paths import field as field_of
from workflows.engine.values import UNDEFINED
from workflows.nodes.flow.layout import names_in

Pairs = Sequence[tuple[str, str]]
"""Names of fields that are compared: of the first input, of the second."""


@dataclass
class Matches:
    """What belongs together: pairs of items, and the rest of either input, each in its order."""

    matched: list[tuple[Item, Item]] = field(default_factory=list)
    only_first: Items = field(default_factory=list)
    only_second: Items = field(default_factory=list)


@dataclass(frozen=True)
class How:
    """How items are compared. `first` takes only the first match; `dots` follows paths."""

    fuzzy: bool = False
    first: bool = False
    dots: bool = True


def find(first: Items, second: Items, pairs: Pairs, how: How) -> Matches:
    """Match two inputs by fields. An item that lacks one of them matches nothing."""
    found = Matches()
    places: dict[tuple[Any, ...], list[int]] = {}
    keys = [_values(one, [name for _, name in pairs], how) for one in second]
    spell = _bucket if how.fuzzy else _exact
    for place, key in enumerate(keys):
        if key is not None:
            places.setdefault(tuple(spell(value) for value in key), []).append(place)
    used: set[int] = set()
    for one in first:
        key = _values(one, [name for name, _ in pairs], how)
        hits = [] if key is None else places.get(tuple(spell(value) for value in key), [])
        if how.fuzzy and key is not None:
            hits = [place for place in hits if _all_alike(key, keys[place])]
        if not hits:
            found.only_first.append(one)
        used.update(hits)
        found.matched += [(one, second[place]) for place in (hits[:1] if how.first else hits)]
    found.only_second = [one for place, one in enumerate(second) if place not in used]
    return found


def _values(one: Item, names: Sequence[str], how: How) -> list[Any] | None:
    found = [field_of(one["json"], name, nested=how.dots) for name in names]
    return None if any(value is UNDEFINED for value in found) else found


def _all_alike(left: Sequence[Any], right: Sequence[Any] | None) -> bool:
    return right is not None and all(alike(a, b) for a, b in zip(left, right, strict=True))


# -- fuzzy -----------------------------------------------------------------------------------------


def alike(left: Any, right: Any) -> bool:
    """Whether two values are the same but for their type: 3 and "3", null and "", true and 1."""
    if _nothing(left) or _nothing(right):
        return _nothing(_opened(left)) and _nothing(_opened(right))
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return equal(_opened(left), _opened(right))
    if isinstance(left, bool) or isinstance(right, bool):
        a, b = _as_flag(left), _as_flag(right)
        return a is not None and a == b
    return number(left) == number(right)


def equal(left: Any, right: Any) -> bool:
    """Whether two values are deeply the same; the order of fields does not count."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def _nothing(value: Any) -> bool:
    return value is None or value is UNDEFINED or value in ("", [], {})


def _opened(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return parsed(value)
        except NotConverted:
            return value
    return value


def _as_flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    found = number(value)
    return found == 1 if found in (0, 1) else None


def _bucket(value: Any) -> Any:
    """Return the same for all values that may be alike; others may share it too."""
    if _nothing(value):
        return None
    flag = _as_flag(value) if not isinstance(value, list | dict) else None
    if flag is not None:
        return int(flag)
    if isinstance(value, list | dict):
        return _sorted_text(value)
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        opened = _opened(value)
        return None if _nothing(opened) else _sorted_text(opened)
    found = number(value)
    return value if found != found else found


def _exact(value: Any) -> Any:
    """Return the same only for values that are deeply the same: 1 is not true, nor "1"."""
    if isinstance(value, list | dict):
        return _sorted_text(value)
    return type(value) if value is None or isinstance(value, bool | str) else float, value


def _sorted_text(value: Any) -> str:
    return json_text(_in_order(value))


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


# -- what the parameters say -----------------------------------------------------------------------


def pairs_of(stored: Any, value: Callable[[Any], Any]) -> list[tuple[str, str]]:
    """Return the pairs of fields of `{"values": [{"field1", "field2"}]}`.

    Raises:
        NodeError: there is none, or one has no name.
    """
    rows = stored.get("values") if isinstance(stored, Mapping) else None
    found = []
    for place, row in enumerate(rows or ()):
        names = tuple(str(value(row.get(name)) or "").strip() for name in ("field1", "field2"))
        if not all(names):
            raise NodeError(
                f"You need to define both fields in pair {place + 1} of 'Fields to Match'.",
                description="Name a field of each input.",
            )
        found.append((names[0], names[1]))
    return demanded(found)


def pairs_of_text(written: Any) -> list[tuple[str, str]]:
    """Return the pairs of names in a text with commas: the same name in both inputs."""
    return demanded([(name, name) for name in names_in(written)])


def demanded(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs; NodeError when there is none."""
    if not pairs:
        raise NodeError(
            "You need to define at least one pair of fields in 'Fields to Match' to match on."
        )
    return pairs


def demand_field(items: Items, names: Sequence[str], label: str, *, dots: bool) -> None:
    """Raise NodeError when a field is in none of the items of an input."""
    for name in names:
        if not any(field_of(one["json"], name, nested=dots) is not UNDEFINED for one in items):
            raise NodeError(
                f"Field '{name}' is not present in any of items in '{label}'",
                description="Correct the name in 'Fields to Match'.",
            )
