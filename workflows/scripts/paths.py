"""Templates that only follow a path, such as `{{ $json.a.b[0]["c d"] }}`: no script is needed.

The results are those V8 gives; where a value or a name is not plain data, `Unplain` sends the item
to V8.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from workflows.engine.values import UNDEFINED

NAME = r"[A-Za-z_$][\w$]*"
PATH = re.compile(
    rf"\s*\$json(?P<steps>(?:\s*\??\.\s*{NAME}|\s*(?:\?\.)?\[\s*(?:\d+|\"[^\"\\\n]*\"|'[^'\\\n]*')\s*\])*)\s*+(?:;[;\s]*+)?",
    re.ASCII,
)
STEP = re.compile(
    rf"\s*(?P<maybe>\?\.|\?)?\.?\s*(?:(?P<name>{NAME})|\[\s*(?:(?P<index>\d+)|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')\s*\])",
    re.ASCII,
)
BUILT_IN = {
    "constructor", "__proto__", "prototype", "hasOwnProperty", "isPrototypeOf", "toString",
    "propertyIsEnumerable", "toLocaleString", "valueOf", "arguments", "prepareStackTrace",
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
    "__sanitize", "___n8n_data",
}  # fmt: skip
"""Names every object has, or that are refused: V8 answers for them."""


class Unplain(Exception):
    """V8 has to be asked about this value."""


class Failed(Exception):
    """The path leads through nothing; the message is JavaScript's."""


class Step(NamedTuple):
    """One step of a path; `maybe` where it was written with a question mark."""

    key: str
    place: int | None
    maybe: bool


Path = tuple[Step, ...]
Part = str | Path


@lru_cache(maxsize=4096)
def parse(template: str) -> tuple[Part, ...] | None:
    """Return a template's parts (texts and paths), or None when it needs a script."""
    text = template[1:]
    if "{{" not in text:
        return (text,)
    if "\\{{" in text:
        return None
    parts: list[Part] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            return None
        path = _path(text[start + 2 : end])
        if path is None:
            return None
        parts += [text[at:start], path] if start > at else [path]
        at = end + 2
    return (*parts, text[at:]) if at < len(text) else tuple(parts)


def _path(source: str) -> Path | None:
    found = PATH.fullmatch(source)
    if found is None:
        return None
    steps = []
    for step in STEP.finditer(found["steps"]):
        name = next((step[k] for k in ("name", "double", "single") if step[k] is not None), None)
        if name in BUILT_IN:
            return None
        place = int(step["index"]) if step["index"] is not None else None
        key = name if name is not None else str(place)
        steps.append(Step(key, place, step["maybe"] is not None))
    return tuple(steps)


def value(parts: Sequence[Part], json: Any, lost: list[str]) -> Any:
    """Return the template's value for one item; JavaScript's complaints are added to `lost`.

    Raises Unplain when V8 has to decide.
    """
    if len(parts) == 1:
        only = parts[0]
        return only if isinstance(only, str) else _followed(only, json, lost)
    return "".join(
        part if isinstance(part, str) else _text(_followed(part, json, lost)) for part in parts
    )


def _followed(path: Path, json: Any, lost: list[str]) -> Any:
    found = json
    for key, place, maybe in path:
        kind = type(found)
        if kind is dict:
            found = found.get(key, UNDEFINED)
        elif kind is list and place is not None:
            found = found[place] if place < len(found) else UNDEFINED
        elif kind is list and key == "length":
            found = len(found)
        elif found is None or found is UNDEFINED:
            if maybe:
                return UNDEFINED
            what = "null" if found is None else "undefined"
            lost.append(f"Cannot read properties of {what} (reading '{key}')")
            return UNDEFINED
        else:
            raise Unplain
    return found


def _text(found: Any) -> str:
    kind = type(found)
    if kind is str:
        return str(found)
    if found is None or found is UNDEFINED:
        return ""
    if kind is bool:
        return "true" if found else "false"
    if kind is int and abs(found) < 2**53:
        return str(found)
    if kind is dict:
        return "[object Object]"
    raise Unplain
