"""When a clock starts runs: rules, and the moments that follow from them in a time zone.

A moment of a rule is a *slot*. Rules that name a time of day follow the wall clock: a slot the
clock jumps over comes at the first moment after the gap, one it shows twice comes the first time.
Rules that only count time (every 7 minutes, every 5 hours) follow real time. Intervals above one
are counted from an anchor: the moment the trigger was activated.
"""

import calendar
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from cronsim import CronSim, CronSimError

SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS = (
    "seconds", "minutes", "hours", "days", "weeks", "months",
)  # fmt: skip
MOST = {SECONDS: 86_400, MINUTES: 44_640, HOURS: 8_784, DAYS: 3_660, WEEKS: 520, MONTHS: 120}
"""The longest interval of each unit."""
LENGTH = {SECONDS: 1, MINUTES: 60, HOURS: 3600}
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
FAR = 366 * 50
"""Days after which a rule that found nothing is one that never comes."""
SKIP, ONCE, ALL = "skip", "once", "all"
GRACE = timedelta(seconds=60)
"""A slot that is later than this was missed: nothing ran when it came."""
MOST_CAUGHT_UP = 100
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """One rule: every so many units, at a time where the unit is an hour or longer; or by cron.

    `days` are weekdays (0 is Sunday), `day` is a day of the month; months without it are passed
    over.
    """

    unit: str = ""
    every: int = 1
    days: tuple[int, ...] = ()
    day: int = 1
    hour: int = 0
    minute: int = 0
    cron: str = ""

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Rule":
        """Return a rule from what `kept` gave."""
        return cls(**{**kept, "days": tuple(kept.get("days", ()))})

    def kept(self) -> dict[str, Any]:
        """Return it as JSON takes it: only what is not at its default."""
        blank = asdict(Rule())
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if value != blank[key]
        }

    def __str__(self) -> str:
        if self.cron:
            return f"cron {self.cron}"
        often = f"every {self.every} {self.unit}" if self.every > 1 else f"every {self.unit[:-1]}"
        if self.unit in (SECONDS, MINUTES):
            return often
        if self.unit == HOURS:
            return f"{often} at minute {self.minute}"
        at = f"at {self.hour:02}:{self.minute:02}"
        if self.unit == WEEKS:
            return f"{often} on {', '.join(WEEKDAYS[one] for one in self.days)} {at}"
        return f"{often} on day {self.day} {at}" if self.unit == MONTHS else f"{often} {at}"


def cron_trouble(expression: str) -> str:
    """Say what is wrong with a cron expression; nothing when it is right."""
    try:
        CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return str(error).lower()
    return ""


# -- what follows --------------------------------------------------------------------------------


def next_slot(
    rules: Sequence[Rule], after: datetime, zone: tzinfo, anchor: datetime
) -> datetime | None:
    """Return the first slot after a moment, in UTC; None when none comes within fifty years."""
    found = [_next(rule, after, zone, anchor) for rule in rules]
    return min((one for one in found if one is not None), default=None)


def slots(
    rules: Sequence[Rule], after: datetime, zone: tzinfo, anchor: datetime
) -> Iterator[datetime]:
    """Yield the slots after a moment, each once, in order."""
    found = next_slot(rules, after, zone, anchor)
    while found is not None:
        yield found
        found = next_slot(rules, found, zone, anchor)


@dataclass(frozen=True)
class Plan:
    """What becomes of slots that have come: those to run, how many are left out, and the next."""

    run: tuple[datetime, ...]
    left_out: int
    next: datetime | None


def plan(
    rules: Sequence[Rule],
    slot: datetime,
    now: datetime,
    zone: tzinfo,
    anchor: datetime,
    missed: str,
) -> Plan:
    """Return what to do at `now` when the slots from `slot` on have come.

    Slots of the last minute run, each of them. When `slot` is older than that, those since were
    missed: `skip` leaves out all that are late, `once` runs the newest alone, `all` runs them all,
    of more than a hundred the newest.
    """
    come = _newest(rules, slot, now, zone, anchor)
    late = now - slot > GRACE
    run = come
    if late and missed == SKIP:
        run = [one for one in come if now - one <= GRACE]
    elif late and missed != ALL:
        run = come[-1:]
    return Plan(tuple(run), len(come) - len(run), next_slot(rules, max(now, slot), zone, anchor))


def _newest(
    rules: Sequence[Rule], first: datetime, now: datetime, zone: tzinfo, anchor: datetime
) -> list[datetime]:
    """Return the newest slots from `first` to `now`: found from the end, however many there are."""
    window, start = GRACE, first
    while True:
        start = max(first, now - window)
        found: deque[datetime] = deque([first] if start == first else [], maxlen=MOST_CAUGHT_UP)
        for one in slots(rules, start, zone, anchor):
            if one > now:
                break
            found.append(one)
        if start == first or len(found) == MOST_CAUGHT_UP:
            return list(found)
        window *= 2


# -- one rule ------------------------------------------------------------------------------------


def _next(rule: Rule, after: datetime, zone: tzinfo, anchor: datetime) -> datetime | None:
    if rule.cron:
        return _next_cron(rule.cron, after, zone)
    if rule.unit in LENGTH and (rule.unit != HOURS or rule.every == 1 or 24 % rule.every):
        return _next_step(rule, after, zone, anchor)
    if rule.unit == HOURS:
        times = [time(hour, rule.minute) for hour in range(0, 24, rule.every)]
        return _next_on(lambda day: True, times, after, zone)
    times = [time(rule.hour, rule.minute)]
    if rule.every == 1:
        return _next_on(lambda day: _fits(rule, day), times, after, zone)
    first = _next_on(lambda day: _fits(rule, day), times, anchor, zone)
    if first is None:
        return None
    begun = _count(rule.unit, first.astimezone(zone).date())
    return _next_on(
        lambda day: _fits(rule, day) and (_count(rule.unit, day) - begun) % rule.every == 0,
        times, after, zone,
    )  # fmt: skip


def _next_step(rule: Rule, after: datetime, zone: tzinfo, anchor: datetime) -> datetime:
    """Real time from the midnight before the anchor on: divisors of an hour meet its round parts"""
    midnight = _moment(anchor.astimezone(zone).date(), time(), zone)
    base = midnight + timedelta(minutes=rule.minute if rule.unit == HOURS else 0)
    step = timedelta(seconds=rule.every * LENGTH[rule.unit])
    return base + ((after - base) // step + 1) * step


def _next_on(
    fits: Callable[[date], bool], times: Sequence[time], after: datetime, zone: tzinfo
) -> datetime | None:
    day = after.astimezone(zone).date() - DAY
    for _ in range(FAR):
        if fits(day):
            for one in times:
                if (moment := _moment(day, one, zone)) > after:
                    return moment
        day += DAY
    return None


def _fits(rule: Rule, day: date) -> bool:
    if rule.unit == WEEKS:
        return day.isoweekday() % 7 in rule.days
    return rule.unit == DAYS or day.day == rule.day


def _count(unit: str, day: date) -> int:
    """Number the days, weeks (from Monday on) or months."""
    if unit == MONTHS:
        return day.year * 12 + day.month
    return day.toordinal() if unit == DAYS else (day.toordinal() - 1) // 7


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """Return when a clock shows a time: the first time, or the first moment after a gap."""
    local = datetime.combine(day, at, tzinfo=zone)
    while (found := local.astimezone(UTC)).astimezone(zone).replace(fold=0) != local:
        local += timedelta(minutes=1)
    return found


def _next_cron(expression: str, after: datetime, zone: tzinfo) -> datetime | None:
    first, *rest = expression.split()
    seconds = timedelta()
    if len(rest) == 5 and first.isdecimal():  # cronsim keeps times of day in five fields only
        seconds, expression = timedelta(seconds=int(first)), " ".join(rest)
    for found in CronSim(expression, (after - seconds).astimezone(zone)):
        moment = found.astimezone(UTC) + seconds
        if moment > after:
            return moment
    return None


# -- what a run is told --------------------------------------------------------------------------


def told(slot: datetime, zone: tzinfo, name: str) -> dict[str, str]:
    """Return the item n8n's schedule trigger gives for a slot, in a zone with this name."""
    here = slot.astimezone(zone)
    offset = here.isoformat(timespec="milliseconds")[-6:]
    clock = f"{here.hour % 12 or 12}:{here:%M:%S} {'pm' if here.hour >= 12 else 'am'}"
    month = calendar.month_name[here.month]
    return {
        "timestamp": here.isoformat(timespec="milliseconds"),
        "Readable date": f"{month} {here.day}{_ordinal(here.day)} {here.year}, {clock}",
        "Readable time": clock,
        "Day of week": WEEKDAYS[here.isoweekday() % 7],
        "Year": str(here.year),
        "Month": month,
        "Day of month": f"{here:%d}",
        "Hour": f"{here:%H}",
        "Minute": f"{here:%M}",
        "Second": f"{here:%S}",
        "Timezone": f"{name} (UTC{offset})",
    }


def _ordinal(day: int) -> str:
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
