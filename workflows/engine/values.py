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
