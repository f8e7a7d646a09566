"""Values made into a wanted type, by JavaScript's rules and n8n's on top of them."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyjson5

from workflows.engine.bounds import vet_values
from workflows.engine.moments import moment
from workflows.engine.values import UNDEFINED, DateText, DateTimeText

NAN = float("nan")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_BASES = {"0x": 16, "0o": 8, "0b": 2}


class NotConverted(ValueError):
    """A value is not, and cannot be made, what was wanted."""


# -- JavaScript's own conversions ------------------------------------------------------------------


def number(value: Any) -> float:
    """Return JavaScript's Number(value): an int where it is whole, NaN for what is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if value is None:
        return 0
    if isinstance(value, DateText | DateTimeText):
        found = moment_of(value)
        return NAN if found is None else round(found.timestamp() * 1000)
    if isinstance(value, str):
        return _number_of_text(value.strip())
    if isinstance(value, list) and len(value) < 2:
        return number(text(value[0])) if value and value[0] is not None else 0
    return NAN


def _number_of_text(value: str) -> float:
    if not value:
        return 0
    if _INTEGER.fullmatch(value):
        return int(value)
    if _DECIMAL.fullmatch(value):
        return whole(float(value))
    if value.lstrip("+-") == "Infinity":
        return float("-inf" if value[0] == "-" else "inf")
    base = _BASES.get(value[:2].lower())
    try:
        return NAN if base is None or "_" in value else int(value[2:], base)
    except ValueError:
        return NAN


def whole(value: float) -> float:
    """Return a number as an int where it is whole, as JSON writes it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def text(value: Any) -> str:
    """Return JavaScript's String(value)."""
    if isinstance(value, DateTimeText):
        return value.iso
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list):
        return ",".join("" if one is None or one is UNDEFINED else text(one) for one in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def number_text(value: float) -> str:
    """Return a number as JavaScript writes it."""
    if isinstance(value, int) and abs(value) < 10**21:
        return str(value)
    value = float(value)
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    written = repr(value)
    if "e" in written:
        digits, _, power = written.partition("e")
        if -7 < int(power) < 0:
            return f"{value:.{len(digits.replace('.', '').lstrip('-')) - int(power) - 1}f}"
        return f"{digits}e{int(power):+d}"
    return written


def truthy(value: Any) -> bool:
    """Return whether JavaScript takes a value for true."""
    if isinstance(value, list | dict):
        return True
    return bool(value) and value == value


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JavaScript's JSON.stringify(value)."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(_jsonable(value), ensure_ascii=False, separators=separators, indent=indent)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(one) for key, one in value.items() if one is not UNDEFINED}
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    if isinstance(value, float):
        return None if value != value or value in (float("inf"), float("-inf")) else whole(value)
    if isinstance(value, str):
        return text(value)
    return None if value is UNDEFINED else value


def parsed(value: str) -> Any:
    """Return the value of JSON text, or of a JavaScript literal such as `{a: 'b'}`.

    Raises:
        NotConverted: it is neither.
        NodeError: it holds more values than are read at once.
    """
    vet_values(value, "The text")
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return pyjson5.decode(value, 500)
    except (pyjson5.Json5Exception, ValueError) as error:
        raise NotConverted(str(error)) from error


def moment_of(value: Any, where: str = "UTC") -> datetime | None:
    """Return the moment of a date or of a text that names one; None for anything else."""
    if isinstance(value, DateTimeText):
        return moment(value.iso, where)
    return moment(value, where) if isinstance(value, str) else None


def kind_of(value: Any) -> str:
    """Return what a person calls the type of a value."""
    if value is None or value is UNDEFINED:
        return "null" if value is None else "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, DateText | DateTimeText):
        return "dateTime"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


# -- n8n's types -----------------------------------------------------------------------------------


def converted(name: str, value: Any, kind: str, where: str = "UTC") -> Any:
    """Return a field's value as string, number, boolean, array, object, dateTime or binary.

    Null and undefined give None: they fit every type. Dates come back as `datetime`.

    Raises:
        NotConverted: with n8n's words, which name the field.
    """
    if value is None or value is UNDEFINED:
        return None
    if _AS_IT_IS.get(kind) is type(value):
        return value
    convert = _KINDS.get(kind)
    try:
        if kind == "dateTime":
            return _date(value, where)
        return plain_date(value) if convert is None else convert(value)
    except NotConverted:
        raise NotConverted(refusal(name, value, kind)) from None


def refusal(name: str, value: Any, kind: str) -> str:
    """Return n8n's words for a value of the wrong type."""
    found = kind_of(value)
    got = found if found in ("array", "object") else f"'{text(value)}'"
    words = f"'{name}' expects a {kind} but we got {got}"
    if kind == "dateTime":
        return f"{words}. Use an ISO 8601 text, or DateTime.fromFormat for another form."
    if kind == "binary":
        return f"{words}. It must be a file's record, with mimeType and data or id."
    return words


def plain_date(value: Any) -> Any:
    """Return a value with a DateTime as its ISO text."""
    return value.iso if isinstance(value, DateTimeText) else value


def as_string(value: Any) -> str:
    """Return a text: lists and objects as JSON."""
    return json_text(value) if isinstance(value, list | dict) else text(value)


def as_number(value: Any) -> float:
    """Return a number; text and true and false are read as JavaScript does."""
    found = number(value)
    if found != found:
        raise NotConverted
    return found


def as_boolean(value: Any) -> bool:
    """Return yes or no of true, false, 0 and 1, also as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        lower = value.strip().lower()
        if lower in ("true", "false"):
            return lower == "true"
        if not lower:
            raise NotConverted
    found = number(value)
    if found in (0, 1):
        return found == 1
    raise NotConverted


def as_array(value: Any) -> list[Any]:
    """Return a list, also from JSON text of one."""
    if isinstance(value, str):
        value = parsed(value)
    if not isinstance(value, list):
        raise NotConverted
    return value


def as_object(value: Any) -> dict[str, Any]:
    """Return an object, also from JSON text of one."""
    if isinstance(value, str) and not isinstance(value, DateText | DateTimeText):
        value = parsed(value)
    if not isinstance(value, dict):
        raise NotConverted
    return value


def _binary(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or "mimeType" not in value or not value.keys() & {"data", "id"}:
        raise NotConverted
    return value


def _date(value: Any, where: str) -> datetime:
    found = moment_of(value, where)
    if found is None:
        raise NotConverted
    return found


_AS_IT_IS = {"string": str, "number": int, "boolean": bool, "array": list, "object": dict}
_KINDS: dict[str, Callable[[Any], Any]] = {
    "string": as_string,
    "number": as_number,
    "boolean": as_boolean,
    "array": as_array,
    "object": as_object,
    "binary": _binary,
}
