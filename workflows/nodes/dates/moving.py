"""Moving a date along the calendar and the clock, and telling how far two dates are apart."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dateutil.relativedelta import relativedelta

from workflows.engine.errors import NodeError

CALENDAR = ("years", "quarters", "months", "weeks", "days")
UNITS = (*CALENDAR, "hours", "minutes", "seconds", "milliseconds")
CLOCK = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000, "milliseconds": 1}
"""Units that always last the same, in milliseconds."""
MONTHS = {"years": 12, "quarters": 3, "months": 1}
USUAL_DAYS = {"years": 365, "quarters": 91, "months": 30, "weeks": 7, "days": 1}
"""What a part of a calendar unit counts as."""


def plural(unit: str) -> str:
    """Return a unit's name as used here: day and days are days."""
    return unit if unit.endswith("s") else f"{unit}s"


def plus(date: datetime, amounts: Mapping[str, float]) -> datetime:
    """Move a date: years to days by the calendar of its zone, hours and less by the clock.

    Parts of a calendar unit move the clock: half a month is 15 days of 24 hours.

    Raises:
        NodeError: there is no such date in the years 1 to 9999, or no such unit.
    """
    if unknown := amounts.keys() - set(UNITS):
        raise NodeError(f"There is no time unit '{sorted(unknown)[0]}'")
    months = sum(int(amounts.get(unit, 0)) * factor for unit, factor in MONTHS.items())
    days = int(amounts.get("weeks", 0)) * 7 + int(amounts.get("days", 0))
    millis = sum(amounts.get(unit, 0) * factor for unit, factor in CLOCK.items())
    for unit, length in USUAL_DAYS.items():
        millis += (amounts.get(unit, 0) - int(amounts.get(unit, 0))) * length * 86_400_000
    try:
        moved = date + relativedelta(months=months, days=days)
        # The clock runs in UTC: a day of 23 hours has 23 of them.
        return (moved.astimezone(UTC) + timedelta(milliseconds=millis)).astimezone(date.tzinfo)
    except (OverflowError, ValueError):
        raise NodeError("The date would be too far from today") from None


def start_of(date: datetime, unit: str) -> datetime:
    """Return the beginning of the year, quarter, month, week (Monday), day, hour ... of a date."""
    unit = plural(unit)
    if unit not in UNITS:
        raise NodeError(f"There is no time unit '{unit}'")
    if unit == "weeks":
        date -= timedelta(days=date.weekday())
    elif unit == "quarters":
        date = date.replace(month=(date.month - 1) // 3 * 3 + 1)
    fields = {
        "years": ("month", "day", "hour", "minute", "second", "microsecond"),
        "quarters": ("day", "hour", "minute", "second", "microsecond"),
        "months": ("day", "hour", "minute", "second", "microsecond"),
        "weeks": ("hour", "minute", "second", "microsecond"),
        "days": ("hour", "minute", "second", "microsecond"),
        "hours": ("minute", "second", "microsecond"),
        "minutes": ("second", "microsecond"),
        "seconds": ("microsecond",),
    }[unit]
    return date.replace(**{name: int(name in ("month", "day")) for name in fields})


def apart(start: datetime, end: datetime, units: Sequence[str]) -> dict[str, float]:
    """Return how far `end` is from `start` in these units; only the smallest has a fraction."""
    wanted = [unit for unit in UNITS if unit in map(plural, units)]
    if _millis(start, end) < 0:
        return {unit: -value or 0 for unit, value in apart(end, start, units).items()}
    found: dict[str, float] = {}
    here = start
    for unit in CALENDAR:
        if unit in wanted:
            found[unit], here = _whole(start, end, found, unit)
    left = _millis(here, end)
    clock = [unit for unit in wanted if unit in CLOCK]
    return {**found, **_on_the_clock(left, clock)} if clock else _with_rest(here, left, found)


def _millis(start: datetime, end: datetime) -> float:
    """Return the milliseconds between two dates. Subtracting them compares what clocks show."""
    return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(milliseconds=1)


def _on_the_clock(left: float, units: Sequence[str]) -> dict[str, float]:
    """Return milliseconds in these units: all in the smallest, then rolled up (as Luxon counts)."""
    found: dict[str, float] = dict.fromkeys(units, 0)
    found[units[-1]] = left / CLOCK[units[-1]]
    for smaller, larger in zip(reversed(units), reversed(units[:-1]), strict=False):
        ratio = CLOCK[larger] // CLOCK[smaller]
        rolled = found[smaller] // ratio
        found[larger] += rolled
        found[smaller] -= rolled * ratio
    return {unit: int(value) if value.is_integer() else value for unit, value in found.items()}


def _whole(
    start: datetime, end: datetime, found: Mapping[str, float], unit: str
) -> tuple[int, datetime]:
    """Return how many whole units fit, and where they end."""
    there = plus(start, found)
    if unit in MONTHS:
        months = (end.year - there.year) * 12 + end.month - there.month
        count = max(months // MONTHS[unit] - 1, 0)
    else:
        count = max((end - there).days // (7 if unit == "weeks" else 1) - 1, 0)
    while _millis(plus(start, {**found, unit: count + 1}), end) >= 0:
        count += 1
    return count, plus(start, {**found, unit: count})


def _with_rest(here: datetime, left: float, found: dict[str, float]) -> dict[str, float]:
    unit = list(found)[-1]
    length = _millis(here, plus(here, {unit: 1}))
    return {**found, unit: found[unit] + left / length if left else found[unit]}


def iso_duration(amounts: Mapping[str, float]) -> str:
    """Return amounts as an ISO 8601 duration, such as P1DT2H."""
    months = amounts.get("months", 0) + amounts.get("quarters", 0) * 3
    days = [(amounts.get("years", 0), "Y"), (months, "M"), (amounts.get("weeks", 0), "W"),
            (amounts.get("days", 0), "D")]  # fmt: skip
    seconds = round(amounts.get("seconds", 0) + amounts.get("milliseconds", 0) / 1000, 3)
    clock = [(amounts.get("hours", 0), "H"), (amounts.get("minutes", 0), "M"), (seconds, "S")]
    text = "P" + "".join(f"{_short(value)}{mark}" for value, mark in days if value)
    if any(value for value, _ in clock):
        text += "T" + "".join(f"{_short(value)}{mark}" for value, mark in clock if value)
    return "PT0S" if text == "P" else text


def _short(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
