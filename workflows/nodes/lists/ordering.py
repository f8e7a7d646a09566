"""Order and sameness of JSON values as JavaScript has them."""

import re
from collections.abc import Mapping
from typing import Any

from workflows.engine.values import UNDEFINED

NAN = float("nan")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Infinity)", re.ASCII)
BASED = re.compile(r"0([xX][0-9a-fA-F]{1,256}|[bB][01]{1,1024}|[oO][0-7]{1,512})")


def less(left: Any, right: Any) -> bool:
    """Return `left < right`; values that cannot be compared are neither less nor greater."""
    if isinstance(left, str) and isinstance(right, str):
        return units(left) < units(right)
    left, right = primitive(left), primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return units(left) < units(right)
    return number(left) < number(right)


def units(text: str) -> str | bytes:
    """Return what to order text by: UTF-16 units, as JavaScript does."""
    return text if text.isascii() else text.encode("utf-16-be", "surrogatepass").decode("latin-1")


def primitive(value: Any) -> Any:
    """Return what an object or list counts as where a simple value is needed."""
    if isinstance(value, Mapping):
        return "[object Object]"
    return text(value) if isinstance(value, list) else value


def text(value: Any) -> str:
    """Return a value as JavaScript's String() writes it."""
    if isinstance(value, str):
        return str(value)
    if value is UNDEFINED:
        return "undefined"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return ",".join("" if one is None or one is UNDEFINED else text(one) for one in value)
    if isinstance(value, Mapping):
        return "[object Object]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def number(value: Any) -> float:
    """Return a simple value as JavaScript's Number() reads it; NaN for what is none."""
    if isinstance(value, int | float):
        return value
    if value is None:
        return 0
    if not isinstance(value, str):
        return NAN
    value = value.strip()
    if NUMBER.fullmatch(value):
        return float(value)
    if BASED.fullmatch(value):
        return int(value, 0)
    return NAN if value else 0


def same(value: Any) -> Any:
    """Return a hashable key, equal for values that are the same; 1, "1" and true differ."""
    if isinstance(value, dict):
        return "object", frozenset((key, same(one)) for key, one in value.items())
    if isinstance(value, list):
        return "array", tuple(map(same, value))
    if isinstance(value, str):
        return str(value)
    return type(value) is bool, value


def kind(value: Any) -> str:
    """Return what JavaScript's typeof says."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "undefined" if value is UNDEFINED else "object"
