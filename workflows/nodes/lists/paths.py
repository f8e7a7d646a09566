"""Paths into JSON values as n8n's parameters have them: `a.b[0].c`.

A key that is there as a whole ("a.b") wins over the nested meaning; these are lodash's rules.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.values import UNDEFINED

PART = re.compile(r"""[^.\[\]]+|\[(?:(-?\d+(?:\.\d+)?)|(["'])((?:(?!\2)[^\\]|\\.)*?)\2)\]""")
INDEX = re.compile(r"0|[1-9]\d*")


@lru_cache(maxsize=1024)
def parts(path: str) -> tuple[str, ...]:
    """Split a path into its keys."""
    found = []
    for match in PART.finditer(path):
        number, quote, quoted = match.groups()
        found.append(number if number is not None else quoted if quote else match[0])
    return tuple(found) or (path,)


def get(value: Any, path: str, *, dots: bool = True) -> Any:
    """Return what is at a path, or UNDEFINED. Without `dots` the path is one key."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    if not dots:
        return UNDEFINED
    for part in parts(path):
        value = _step(value, part)
        if value is UNDEFINED:
            return UNDEFINED
    return value


def _step(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part, UNDEFINED)
    if isinstance(value, list | str):
        if part == "length":
            return len(value)
        if INDEX.fullmatch(part) and int(part) < len(value):
            return value[int(part)]
    return UNDEFINED


def put(target: dict[str, Any], path: str, value: Any, *, dots: bool = True) -> None:
    """Set what is at a path, making the objects and lists on the way."""
    keys = (path,) if not dots or path in target else parts(path)
    here: Any = target
    for key, following in zip(keys, keys[1:], strict=False):
        found = _step(here, key)
        if not isinstance(found, dict | list):
            found = [] if INDEX.fullmatch(following) else {}
            _store(here, key, found)
        here = found
    _store(here, keys[-1], value)


def _store(here: Any, key: str, value: Any) -> None:
    if isinstance(here, dict):
        here[key] = value
    elif INDEX.fullmatch(key):
        here += [None] * (int(key) + 1 - len(here))
        here[int(key)] = value


def without(json: dict[str, Any], path: str, *, dots: bool = True) -> dict[str, Any]:
    """Return an object without what is at a path; the object itself is left as it is."""
    if path in json or not dots:
        return {key: one for key, one in json.items() if key != path}
    return _without(json, parts(path))


def _without(value: Any, keys: Sequence[str]) -> Any:
    key, *rest = keys
    if isinstance(value, dict) and key in value:
        if rest:
            return {**value, key: _without(value[key], rest)}
        return {name: one for name, one in value.items() if name != key}
    if isinstance(value, list) and INDEX.fullmatch(key) and int(key) < len(value):
        place = int(key)
        changed = _without(value[place], rest) if rest else None
        return [*value[:place], changed, *value[place + 1 :]]
    return value


def leaves(value: Any, before: str = "") -> Iterator[str]:
    """Yield the paths of all values that are not objects or lists themselves."""
    if isinstance(value, dict):
        inside: Any = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    else:
        yield before
        return
    for key, one in inside:
        yield from leaves(one, f"{before}.{key}" if before else str(key))


def names(value: Any, label: str) -> list[str]:
    """Return field names: from a list, from text with commas, or from an old node's group.

    Raises:
        NodeError: it is nothing of these; names the parameter by its label.
    """
    if isinstance(value, dict):
        value = [one.get("fieldName") or "" for one in value.get("fields") or ()]
    if isinstance(value, str):
        return [name for one in value.split(",") if (name := one.strip())]
    if isinstance(value, list):
        return [name for one in value if (name := str(one).strip())]
    raise NodeError(
        f"The '{label}' parameter must be a string of fields separated by commas or an array "
        "of strings."
    )
