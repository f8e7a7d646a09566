"""Values that JSON has no word for, as they travel between nodes.

Items hold plain JSON values. What a script made that JSON would lose keeps its kind in a class that
is still a plain value to everybody who does not ask: the two dates are ISO 8601 texts.
"""

import json
from typing import Any

import orjson


class Undefined:
    """JavaScript's undefined: an object's field of this value is left out."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


class DateText(str):
    """A JavaScript Date, as ISO text in UTC."""

    __slots__ = ()


class DateTimeText(str):
    """A Luxon DateTime, as ISO text with its offset; a named zone follows in brackets."""

    __slots__ = ()

    @property
    def iso(self) -> str:
        """The text without the zone's name."""
        return self.partition("[")[0]


def plain(value: Any) -> Any:
    """Return a value as JSON would hold it: undefined left out, dates as text."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not UNDEFINED}
    if isinstance(value, list):
        return [None if v is UNDEFINED else plain(v) for v in value]
    if isinstance(value, DateTimeText):
        return value.iso
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return None if value is UNDEFINED else value


def dumps(value: Any) -> bytes:
    """Return a value as JSON text in UTF-8, with what JSON has no word for made `plain`."""
    try:
        return orjson.dumps(value, _told, orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:  # numbers beyond 64 bits, half a surrogate pair, keys that are no text
        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def _told(value: Any) -> Any:
    if isinstance(value, DateTimeText):
        return value.iso
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict | list):
        return plain(value)
    if value is UNDEFINED:
        return None
    raise TypeError(f"{type(value).__name__} is no JSON")


# -- kept and read again -------------------------------------------------------------------------

MARK = "\0"
"""Key of an object that stands for a value JSON has no word for; no text from outside holds it."""
_MARKED = b'"\\u0000"'
_SLOW = b" "


def pack(value: Any) -> bytes:
    """Return a value as bytes that `unpack` reads again, dates and all."""
    try:
        return orjson.dumps(value, _packed, orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:  # as in dumps
        return _SLOW + json.dumps(_marked(value), separators=(",", ":")).encode()


def unpack(data: bytes) -> Any:
    """Return the value `pack` was given."""
    value = json.loads(data) if data.startswith(_SLOW) else orjson.loads(data)
    return _unmarked(value) if _MARKED in data else value


def _packed(value: Any) -> Any:
    if isinstance(value, DateText | DateTimeText):
        return {MARK: type(value).__name__, "v": str(value)}
    if value is UNDEFINED:
        return {MARK: "Undefined"}
    return _told(value)


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _marked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(one) for one in value]
    if isinstance(value, DateText | DateTimeText) or value is UNDEFINED:
        return _packed(value)
    return value


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(MARK)
    if kind is None:
        return {key: _unmarked(one) for key, one in value.items()}
    return UNDEFINED if kind == "Undefined" else _KINDS[kind](value["v"])


_KINDS = {"DateText": DateText, "DateTimeText": DateTimeText}
