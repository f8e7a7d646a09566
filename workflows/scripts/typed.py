"""Values that scripts gave, told with their type in plain JSON."""

from typing import Any

from workflows.engine.values import UNDEFINED, DateText, DateTimeText, plain
from workflows.scripts.session import BigInt, Symbol

KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
KINDS |= {dict: "object", type(None): "null"}


def typed(value: Any) -> dict[str, Any]:
    """Return `{"type": ..., "value": ...}`, what JSON has no word for in an object of its own."""
    if value is UNDEFINED:
        return {"type": "undefined", "value": {"__undefined": True}}
    if isinstance(value, DateText):
        return {"type": "Date", "value": {"__date": str(value)}}
    if isinstance(value, DateTimeText):
        return {"type": "DateTime", "value": {"__luxon": value.iso}}
    if isinstance(value, BigInt):
        return {"type": "bigint", "value": {"__bigint": str(value)}}
    if isinstance(value, Symbol):
        return {"type": "symbol", "value": {"__sym": 1}}
    if isinstance(value, float) and value - value != 0:
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return {"type": "number", "value": {"__num": name}}
    return {"type": KINDS[type(value)], "value": plain(value)}
