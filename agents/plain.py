"""What hosts say, as values that fit: anything may listen behind an address and answer anything."""

import math
from typing import Any

COUNT, LONG = 2**31 - 1, 2**63 - 1
"""The largest numbers a count and a long one may be: what every database can hold."""


def number(value: object, most: int = COUNT) -> int | None:
    """Return a count, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def milliseconds(value: object) -> float | None:
    """Return a time, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= LONG else None


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON list; whatever is none is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def words(value: object) -> str:
    """Return a text every database can hold, or an empty one for anything else.

    Null characters go; a character cut in two is joined, half a one becomes U+FFFD.
    """
    text = value.replace("\x00", "") if isinstance(value, str) else ""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(value: Any) -> Any:
    """Return JSON whose texts and numbers every database can hold."""
    if isinstance(value, str):
        return words(value)
    if isinstance(value, dict):
        return {words(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
