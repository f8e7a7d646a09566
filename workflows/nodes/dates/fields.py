"""The parts of a date found in text by tokens, and the date they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.dates.reading import EPOCH, zone

Reader = tuple[Any, ...]
"""What a token stands for: the part's name, its pattern, and how to read it."""


def number(part: str, pattern: str = r"\d{1,2}", *, short_year: bool = False) -> Reader:
    """Return a reader of digits; `short_year` puts years below 61 in this century."""
    return part, pattern, "year" if short_year else "int"


def word(part: str, words: Sequence[str], first: int = 1) -> Reader:
    """Return a reader of one of several words; its value is its place, counted from `first`."""
    ordered = sorted(words, key=len, reverse=True)
    return part, "|".join(ordered), {one.lower(): first + n for n, one in enumerate(words)}


@dataclass
class Found:
    """What the tokens of one format read, in their order."""

    readers: list[Reader] = field(default_factory=list)

    def pattern(self, known: Mapping[str, Reader], token: str) -> str:
        """Return the pattern of a token and remember its reader."""
        if token not in known:
            raise NodeError(f"The format token '{token}' cannot be used to read a date")
        self.readers.append(known[token])
        return f"({known[token][1]})"

    def date(self, texts: Sequence[str | None], local: tzinfo) -> datetime | None:
        """Return the date these texts make; parts that are missing are the first, or today's."""
        parts = {
            reader[0]: _value(text, reader)
            for reader, text in zip(self.readers, texts, strict=True)
            if text is not None
        }
        try:
            return made(parts, local)
        except (ValueError, OverflowError):
            return None


def _value(text: str, reader: Reader) -> Any:
    how = reader[2] if len(reader) > 2 else "text"
    if isinstance(how, dict):
        return how[text.lower()]
    if reader[0] == "fraction":
        return int(text[:6].ljust(6, "0"))
    if how == "year" and len(text) <= 2:
        return int(text) + (1900 if int(text) > 60 else 2000)
    return text if how == "text" else int(text)


def made(parts: Mapping[str, Any], local: tzinfo) -> datetime:
    """Return the date of these parts in a zone, unless the parts name another.

    Raises:
        ValueError: there is no such day or time.
    """
    if "seconds" in parts:
        return (EPOCH + timedelta(seconds=float(parts["seconds"]))).astimezone(local)
    if "milliseconds" in parts:
        return (EPOCH + timedelta(milliseconds=float(parts["milliseconds"]))).astimezone(local)
    place = local
    if "offset" in parts or "zone" in parts:
        name = parts.get("zone") or parts["offset"]
        place = UTC if name.upper() in ("Z", "UTC", "GMT") else zone(name)
    day = _day(parts, datetime.now(place).date())
    micro = parts.get("fraction", parts.get("millisecond", 0) * 1000)
    clock = _hour(parts), parts.get("minute", 0), parts.get("second", 0), micro
    when = datetime(day.year, day.month, day.day, *clock, tzinfo=place)
    return when.astimezone(local) if place is not local else when


def _day(parts: Mapping[str, Any], today: date) -> date:
    if "week" in parts or "iso_year" in parts:
        year = parts.get("iso_year", today.year)
        return date.fromisocalendar(year, parts.get("week", 1), parts.get("weekday", 1))
    year = parts.get("year", today.year)
    if "ordinal" in parts:
        return date(year, 1, 1) + timedelta(days=parts["ordinal"] - 1)
    if "quarter" in parts and "month" not in parts:
        return date(year, parts["quarter"] * 3 - 2, parts.get("day", 1))
    if not parts.keys() & {"year", "month", "day"}:
        if "weekday" in parts:
            return today - timedelta(days=today.isoweekday() - parts["weekday"])
        return today
    # Parts below those that were named begin at one; parts above them are those of today.
    month = parts.get("month", 1 if "year" in parts else today.month)
    return date(year, month, parts.get("day", 1))


def _hour(parts: Mapping[str, Any]) -> int:
    hour = int(parts.get("hour", 0))
    if "afternoon" in parts:
        hour = hour % 12 + 12 * parts["afternoon"]
    return hour
