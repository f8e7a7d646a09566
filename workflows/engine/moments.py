"""Reading dates people write: ISO 8601, SQL, mail headers, and what JavaScript's Date takes."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_ISO = re.compile(
    r"""(?P<year>[+-]\d{6}|\d{4})
    (?:-?(?:W(?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?|(?P<ordinal>\d{3})(?!\d)
        |(?P<month>\d\d)(?:-?(?P<day>\d\d))?))?
    (?:[T ](?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<part>\d{1,30}))?)?)?
    \ ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?(?:\[(?P<named>[\w/+-]+)\])?""",
    re.VERBOSE,
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CLOCK = (
    r"(?:[T, ]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:\.\d+)?"
    r"\s*(?P<half>[ap]m)?)?\s*(?:(?:GMT|UTC|Z)?(?P<zone>[+-]\d\d:?\d\d)|(?P<utc>GMT|UTC|Z))?"
    r"\s*(?:\(.*\))?$"
)
_LOOSE = tuple(
    re.compile(r"(?:[a-z]{3,9},?\s+)?" + day + _CLOCK, re.IGNORECASE)
    for day in (
        r"(?P<day>\d{1,2})[- /](?P<name>[a-z]{3,9})\.?[-, /]+(?P<year>\d{4})",
        r"(?P<name>[a-z]{3,9})\.?[- ](?P<day>\d{1,2})(?:st|nd|rd|th)?[-, ]+(?P<year>\d{4})",
        r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})[/-](?P<year>\d{4})",
        r"(?P<year>\d{4})[/-](?P<month>\d{1,2})[/-](?P<day>\d{1,2})",
    )
)
_PLAIN_NUMBER = re.compile(r"\s*(\d{1,4})\s*")


def zone(name: str) -> tzinfo:
    """Return a time zone by name; UTC for one nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(text: str, where: str = "UTC") -> datetime | None:
    """Return the moment a text names, in its own zone or else in `where`; None for no date."""
    text = text.strip()
    for read in (_quick, _iso, _mail, _loose):
        try:
            found = read(text, where)
        except (ValueError, OverflowError):
            continue
        if found is not None:
            return found
    return None


def _quick(text: str, where: str) -> datetime | None:
    """Read the usual form fast; the others read whatever it refuses."""
    if len(text) < 16 or text[4] != "-" or text[10] not in "T ":
        return None
    found = datetime.fromisoformat(text)
    found = found.replace(microsecond=found.microsecond // 1000 * 1000)
    return found if found.tzinfo is not None else found.replace(tzinfo=zone(where))


def _iso(text: str, where: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None or len(text) < 4:
        return None
    found = match.groupdict()
    year = int(found["year"])
    if found["week"]:
        day = datetime.fromisocalendar(year, int(found["week"]), int(found["weekday"] or 1))
    elif found["ordinal"]:
        day = datetime(year, 1, 1) + timedelta(days=int(found["ordinal"]) - 1)  # noqa: DTZ001
    else:
        day = datetime(year, int(found["month"] or 1), int(found["day"] or 1))  # noqa: DTZ001
    hour = int(found["hour"] or 0)
    clock = timedelta(
        hours=hour,
        minutes=int(found["minute"] or 0),
        seconds=int(found["second"] or 0),
        milliseconds=int(((found["part"] or "") + "000")[:3]),
    )
    if hour > 24 or clock > timedelta(days=1):
        return None
    offset = _offset(found["zone"]) if found["zone"] else zone(found["named"] or where)
    return (day + clock).replace(tzinfo=offset)


def _offset(written: str) -> tzinfo:
    if written.upper() in ("Z", "GMT", "UTC"):
        return UTC
    digits = written[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return timezone(timedelta(minutes=-minutes if written[0] == "-" else minutes))


def _mail(text: str, where: str) -> datetime | None:
    if not re.match(r"[A-Za-z]{3}, ", text):
        return None
    found = parsedate_to_datetime(text)
    if found.tzinfo is None and not text.endswith("-0000"):
        return found.replace(tzinfo=zone(where))
    return found.replace(tzinfo=found.tzinfo or UTC)


def _loose(text: str, where: str) -> datetime | None:
    plain = _PLAIN_NUMBER.fullmatch(text)
    if plain is not None:
        return _from_number(int(plain[1]), where)
    for shape in _LOOSE:
        match = shape.fullmatch(text)
        if match is not None:
            return _from_parts(match.groupdict(), where)
    return None


def _from_number(number: int, where: str) -> datetime | None:
    """V8 takes 1 to 12 for a month of 2001, and 32 and more for a year."""
    if 1 <= number <= 12:
        return datetime(2001, number, 1, tzinfo=zone(where))
    if 13 <= number <= 31:
        return None
    year = number if number > 99 else number + (2000 if number < 50 else 1900)
    return datetime(year, 1, 1, tzinfo=zone(where))


def _from_parts(found: dict[str, str | None], where: str) -> datetime | None:
    name = (found.get("name") or "")[:3].lower()
    if name and name not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1 if name else int(found.get("month") or 0)
    hour = int(found["hour"] or 0)
    half = (found["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    written = found["zone"] or found["utc"]
    return datetime(
        int(found["year"] or 0), month, int(found["day"] or 0), hour,
        int(found["minute"] or 0), int(found["second"] or 0),
        tzinfo=_offset(written) if written else zone(where),
    )  # fmt: skip
