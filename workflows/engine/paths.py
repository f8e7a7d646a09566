"""Fields by a path such as `a.b[0]['c d']`, as n8n's parameters name them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from workflows.engine.values import UNDEFINED

_PART = re.compile(r"""[^.\[\]]+|\[(?:(-?\d+)|(["'])((?:(?!\2).)*)\2|([^\]]*))\]""")
Parts = tuple[str, ...]
MOST_BRACKETS = 1000


@lru_cache(maxsize=1024)
def parts(path: str) -> Parts:
    """Return the names along a path: `a.b[0]` gives a, b, 0."""
    if path.count("[") > MOST_BRACKETS:  # each is looked for its end: no field is called so
        return (path,)
    found = []
    for match in _PART.finditer(path):
        number, _, quoted, bare = match.groups()
        name = next((one for one in (number, quoted, bare) if one is not None), match[0])
        found.append(name)
    return tuple(found) or (path,)


def at(value: Any, along: Sequence[str], default: Any = UNDEFINED) -> Any:
    """Return what lies at the end of a path; `default` where the way ends before."""
    for name in along:
        if isinstance(value, Mapping):
            value = value.get(name, UNDEFINED)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return default
    return default if value is UNDEFINED else value


def field(value: Mapping[str, Any], path: str, *, nested: bool = True) -> Any:
    """Return a field: one whose name is the whole path first, then along the path."""
    if path in value or not nested:
        return value.get(path, UNDEFINED)
    return at(value, parts(path))


LONGEST = 100_000
"""The highest place in a list that a path may name: what lies between is filled with nothing."""


def put(holder: Any, along: Sequence[str], value: Any) -> Any:
    """Return a holder with a value at a path; only what lies on the way is copied.

    A missing step becomes a list where the next name is a number, else an object.
    """
    name, rest = along[0], along[1:]
    if isinstance(holder, list) and name.isdecimal():
        copy = list(holder)
        place = int(name)
        if place > LONGEST:
            raise ValueError(f"[{name}] is beyond the {LONGEST} places a path may name")
        copy += [None] * (place + 1 - len(copy))
        copy[place] = put(_step(copy[place], rest), rest, value) if rest else value
        return copy
    if not isinstance(holder, dict):
        return holder
    return {**holder, name: put(_step(holder.get(name), rest), rest, value) if rest else value}


def _step(found: Any, rest: Sequence[str]) -> Any:
    if isinstance(found, dict | list):
        return found
    return [] if rest[0].isdecimal() else {}


def without(holder: Any, along: Sequence[str]) -> Any:
    """Return a holder without what lies at a path; only what lies on the way is copied."""
    name, rest = along[0], along[1:]
    if isinstance(holder, dict) and name in holder:
        if not rest:
            return {key: one for key, one in holder.items() if key != name}
        return {**holder, name: without(holder[name], rest)}
    if isinstance(holder, list) and name.isdecimal() and int(name) < len(holder):
        copy = list(holder)
        copy[int(name)] = without(copy[int(name)], rest) if rest else None
        return copy
    return holder
