"""Reading a moment in time from what a workflow has: text in many forms, numbers, dates."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import parser

from workflows.engine.errors import NodeError
from workflows.engine.values import DateTimeText
from workflows.nodes.lists.ordering import number

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_TEXT = 120
SECONDS_BELOW = 10**11
"""Whole numbers with less than 12 digits are seconds, others milliseconds."""
MONTH_ONLY = re.compile(r"([+-]?\d{4})-(\d\d)")
DAY_OF_YEAR = re.compile(r"(\d{4})-?(\d{3})(T.*)?")
OFFSET_ONLY = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?")
BEHIND_ZONE = re.compile(r"\s*\([^)]*\)\s*$")  # "... GMT+0100 (Central European Time)"
MAIL = re.compile(
    r"([A-Z][a-z]{2},\s*)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? (GMT|UTC?|[+-]\d{4})"
)
MIDNIGHT = re.compile(r"([T ])24:00(:00(\.0+)?)?")  # the end of a day
TIME_ONLY = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?\s*([ap]m)?", re.IGNORECASE)
AMERICAN = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
SIGN_OF_OFFSET = re.compile(r"(?:GMT|UTC)([+-]\d)")


def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name, `UTC+2` or `+02:00`; NodeError for what is none."""
    if match := OFFSET_ONLY.fullmatch(name):
        sign = -1 if match[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3] or 0)))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NodeError(
            f"The time zone '{name}' is not known", description="Use a name such as Europe/Berlin."
        ) from None


def from_number(value: float) -> datetime:
    """Read seconds (less than 12 digits, or with a fraction) or milliseconds since 1970, in UTC."""
    if isinstance(value, float) and not value.is_integer():
        value *= 1000
        if not value.is_integer():
            return _at(value)
    return _at(value * 1000 if abs(value) < SECONDS_BELOW else value)


def _at(millis: float) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        raise NodeError(f"The date {millis:g} is too far from today") from None


def as_number(value: Any) -> float | None:
    """Return the finite number a value is or spells; None for none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        return None
    found = number(value)
    if not isfinite(found):
        return None
    return int(found) if float(found).is_integer() else found


def from_text(text: str, local: tzinfo = UTC, fallback: tzinfo = UTC) -> datetime | None:
    """Read a date from text; None when it is not understood.

    ISO 8601 without an offset is in the `local` zone; other forms without one in the `fallback`.
    """
    if isinstance(text, DateTimeText):
        found = datetime.fromisoformat(text.iso)
        name = text.partition("[")[2].rstrip("]")
        return found.astimezone(zone(name)) if name else found
    text = text.strip()
    if len(text) > MOST_TEXT:
        return None
    found_iso = _iso(text)
    if found_iso is not None:
        return found_iso if found_iso.tzinfo else found_iso.replace(tzinfo=local)
    other = _other(text)
    return other if other is None or other.tzinfo else other.replace(tzinfo=fallback)


def _iso(text: str) -> datetime | None:
    if match := MONTH_ONLY.fullmatch(text):
        text = f"{text}-01"
    elif match := DAY_OF_YEAR.fullmatch(text):
        first = datetime(int(match[1]), 1, 1)  # noqa: DTZ001 the zone is added by who asked
        day = first + timedelta(days=int(match[2]) - 1)
        text = f"{day:%Y-%m-%d}{match[3] or ''}"
    if not re.match(r"\d{4}(-|\d{4}|W)", text):
        return None
    text, at_the_end = MIDNIGHT.subn(r"\g<1>00:00", text)
    try:
        return datetime.fromisoformat(text) + timedelta(days=at_the_end)
    except (ValueError, OverflowError):
        return None


def _other(text: str) -> datetime | None:
    if MAIL.fullmatch(text):
        return parsedate_to_datetime(text)
    if not re.search(r"\d", text) or TIME_ONLY.fullmatch(text):
        return None
    # dateutil reads "GMT+1" as Posix does, the other way round.
    text = SIGN_OF_OFFSET.sub(r"\1", BEHIND_ZONE.sub("", text))
    start = datetime(2001, 1, 1)  # noqa: DTZ001 what JavaScript takes for missing parts
    try:
        found = parser.parse(text, default=start, tzinfos=_named_zone)
    except (ValueError, OverflowError):
        return None
    return found if isinstance(found, datetime) else None


def _named_zone(name: str | None, offset: int | None) -> tzinfo | None:
    """Return the zone a text names; only the names JavaScript knows are understood."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is None:
        return None
    if name in AMERICAN:
        return timezone(timedelta(hours=AMERICAN[name]))
    raise ValueError(name)


def read(value: Any, local: tzinfo = UTC) -> datetime | None:
    """Read a date from a number or text; None when it is not understood."""
    spelt = as_number(value)
    if spelt is not None:
        return from_number(spelt)
    return from_text(value, local) if isinstance(value, str) else None


def milliseconds(value: Any, timezone: str = "UTC") -> float | None:
    """Return the milliseconds since 1970 of a date in any form; None when it is none."""
    found = read(value, zone(timezone))
    return None if found is None else (found - EPOCH) / timedelta(milliseconds=1)
