"""Fields inside fields: `a.b[0].c` in an item's JSON."""

import re
from typing import Any

_PART = re.compile(r"[^.\[\]]+")


def get(value: Any, path: str) -> Any:
    """Return what stands at a path; a field with the whole name wins; None when nothing does."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for part in _PART.findall(path):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def put(value: dict[str, Any], path: str, given: Any) -> dict[str, Any]:
    """Set what stands at a path, in place; objects on the way are made and those there copied."""
    *before, last = _PART.findall(path) or [path]
    for part in before:
        inner = value.get(part)
        value[part] = dict(inner) if isinstance(inner, dict) else {}
        value = value[part]
    value[last] = given
    return value


def without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy of an object less what stands at a path."""
    first, _, rest = path.partition(".")
    if path in value or not rest:
        return {key: one for key, one in value.items() if key != path}
    inner = value.get(first)
    return {**value, first: without(inner, rest)} if isinstance(inner, dict) else dict(value)
