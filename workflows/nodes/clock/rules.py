"""Rules of a clock as n8n's nodes write them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workflows.engine import schedules
from workflows.engine.errors import NodeError
from workflows.engine.parameters import Field, choice, choices, group, groups, number, text
from workflows.engine.schedules import DAYS, HOURS, MINUTES, MONTHS, SECONDS, WEEKS, Rule

CRON = "cronExpression"
CRON_HINT = "minute, hour, day of month, month, day of week; six fields begin with seconds"
DAY_NAMES = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday"} | {
    6: "Saturday",
    0: "Sunday",
}

_INTERVALS = groups(
    "rule",
    "Trigger Rules",
    group(
        "interval",
        "Trigger Interval",
        choice(
            "field",
            "Trigger Interval",
            {
                SECONDS: "Seconds", MINUTES: "Minutes", HOURS: "Hours", DAYS: "Days",
                WEEKS: "Weeks", MONTHS: "Months", CRON: "Custom (Cron)",
            },
            DAYS,
        ),
        number("secondsInterval", "Seconds Between Triggers", 30, when={"field": [SECONDS]}),
        number("minutesInterval", "Minutes Between Triggers", 5, when={"field": [MINUTES]}),
        number("hoursInterval", "Hours Between Triggers", 1, when={"field": [HOURS]}),
        number("daysInterval", "Days Between Triggers", 1, when={"field": [DAYS]}),
        number("weeksInterval", "Weeks Between Triggers", 1, when={"field": [WEEKS]}),
        number("monthsInterval", "Months Between Triggers", 1, when={"field": [MONTHS]}),
        number("triggerAtDayOfMonth", "Trigger at Day of Month", 1, when={"field": [MONTHS]}),
        choices("triggerAtDay", "Trigger on Weekdays", DAY_NAMES, [0], when={"field": [WEEKS]}),
        number("triggerAtHour", "Trigger at Hour", 0, when={"field": [DAYS, WEEKS, MONTHS]}),
        number(
            "triggerAtMinute", "Trigger at Minute", 0,
            when={"field": [HOURS, DAYS, WEEKS, MONTHS]},
        ),
        text("expression", "Expression", when={"field": [CRON]}, hint=CRON_HINT),
    ),
)  # fmt: skip
INTERVALS = replace(_INTERVALS, default={"interval": [{"field": DAYS}]})


def trigger_times(name: str, label: str, usual: str = "everyDay") -> Field:
    """Return the field of the old Cron node, which nodes that look have too (`pollTimes`)."""
    default = {"item": [{"mode": usual}]}
    return replace(_trigger_times(name, label, usual), default=default)


def _trigger_times(name: str, label: str, usual: str) -> Field:
    at = ["everyDay", "everyWeek", "everyMonth"]
    return groups(
        name,
        label,
        group(
            "item",
            "Item",
            choice(
                "mode",
                "Mode",
                {
                    "everyMinute": "Every Minute", "everyHour": "Every Hour",
                    "everyDay": "Every Day", "everyWeek": "Every Week",
                    "everyMonth": "Every Month", "everyX": "Every X", "custom": "Custom",
                },
                usual,
            ),
            number("hour", "Hour", 14, when={"mode": at}),
            number("minute", "Minute", 0, when={"mode": [*at, "everyHour"]}),
            number("dayOfMonth", "Day of Month", 1, when={"mode": ["everyMonth"]}),
            choice(
                "weekday", "Weekday", {str(key): day for key, day in DAY_NAMES.items()}, "1",
                when={"mode": ["everyWeek"]},
            ),
            text("cronExpression", "Cron Expression", "* * * * * *", when={"mode": ["custom"]}),
            number("value", "Value", 2, when={"mode": ["everyX"]}),
            choice(
                "unit", "Unit", {MINUTES: "Minutes", HOURS: "Hours"}, HOURS,
                when={"mode": ["everyX"]},
            ),
        ),
    )  # fmt: skip


def of_intervals(parameters: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rules of a Schedule Trigger.

    Raises:
        NodeError: a rule is wrong; says which, and what is wrong with it.
    """
    return _each(_listed(parameters.get("rule"), "interval"), _of_interval, "Trigger interval")


def of_times(parameters: Mapping[str, Any], name: str) -> tuple[Rule, ...]:
    """Return the rules of a field made by `trigger_times`. Raises as `of_intervals`."""
    return _each(_listed(parameters.get(name), "item"), _of_time, "Trigger time")


def of_interval_node(parameters: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the one rule of the old Interval node. Raises as `of_intervals`."""
    return _each([parameters], _of_old_interval, "Interval")


def _listed(given: Any, name: str) -> Sequence[Any]:
    found = given.get(name) if isinstance(given, Mapping) else None
    return found if isinstance(found, list) else []


def _each(given: Sequence[Any], read: Any, called: str) -> tuple[Rule, ...]:
    if not given:
        raise NodeError("It has no rule, so it would never start: add one.")
    found = []
    for place, one in enumerate(given, 1):
        try:
            if not isinstance(one, Mapping):
                raise NodeError("is not a group of fields.")
            rule = read(one)
            now = datetime.now(UTC)
            if schedules.next_slot([rule], now, UTC, now) is None:
                raise NodeError(f"{rule} never comes: no month has such a day.")
        except NodeError as error:
            raise NodeError(f"{called} {place}: {error.message}") from error
        found.append(rule)
    return tuple(found)


def _of_interval(given: Mapping[str, Any]) -> Rule:
    unit = given.get("field", DAYS)
    if unit == CRON:
        return _of_cron(given.get("expression"))
    if unit not in schedules.MOST:
        raise NodeError(f"{unit!r} is no interval: seconds, minutes, hours, days, weeks, months.")
    name = f"{unit}Interval"
    usual = {SECONDS: 30, MINUTES: 5}.get(unit, 1)
    every = _whole(given.get(name, usual), name, 1, schedules.MOST[unit])
    if unit in (SECONDS, MINUTES):
        return Rule(unit, every)
    minute = _whole(given.get("triggerAtMinute", 0), "triggerAtMinute", 0, 59)
    if unit == HOURS:
        return Rule(unit, every, minute=minute)
    hour = _whole(given.get("triggerAtHour", 0), "triggerAtHour", 0, 23)
    if unit == WEEKS:
        days = _weekdays(given.get("triggerAtDay", [0]))
        return Rule(unit, every, days=days, hour=hour, minute=minute)
    day = 1
    if unit == MONTHS:
        day = _whole(given.get("triggerAtDayOfMonth", 1), "triggerAtDayOfMonth", 1, 31)
    return Rule(unit, every, day=day, hour=hour, minute=minute)


def _of_time(given: Mapping[str, Any]) -> Rule:
    mode = given.get("mode", "everyDay")
    if mode == "custom":
        return _of_cron(given.get("cronExpression"))
    if mode == "everyMinute":
        return Rule(MINUTES)
    if mode == "everyX":
        return _of_old_interval({"interval": given.get("value"), "unit": given.get("unit")})
    minute = _whole(given.get("minute", 0), "minute", 0, 59)
    if mode == "everyHour":
        return Rule(HOURS, minute=minute)
    hour = _whole(given.get("hour", 14), "hour", 0, 23)
    if mode == "everyDay":
        return Rule(DAYS, hour=hour, minute=minute)
    if mode == "everyWeek":
        days = _weekdays([given.get("weekday", "1")])
        return Rule(WEEKS, days=days, hour=hour, minute=minute)
    if mode == "everyMonth":
        day = _whole(given.get("dayOfMonth", 1), "dayOfMonth", 1, 31)
        return Rule(MONTHS, day=day, hour=hour, minute=minute)
    raise NodeError(f"{mode!r} is no mode of it.")


def _of_old_interval(given: Mapping[str, Any]) -> Rule:
    unit = given.get("unit", SECONDS)
    if unit not in schedules.LENGTH:
        raise NodeError(f"{unit!r} is no unit: seconds, minutes or hours.")
    return Rule(unit, _whole(given.get("interval", 1), "interval", 1, schedules.MOST[unit]))


def _of_cron(given: Any) -> Rule:
    expression = " ".join(str(given or "").split())
    if not expression:
        raise NodeError(f"it has no cron expression. It has five fields: {CRON_HINT}.")
    if len(expression) > 200:
        raise NodeError("a cron expression has at most 200 characters.")
    if trouble := schedules.cron_trouble(expression):
        raise NodeError(f"{expression!r} is no cron expression: {trouble} ({CRON_HINT}).")
    return Rule(cron=expression)


def _weekdays(given: Any) -> tuple[int, ...]:
    found = given if isinstance(given, list) else [given]
    days = tuple(sorted({_whole(one, "weekday", 0, 7) % 7 for one in found}))
    if not days:
        raise NodeError("triggerAtDay: choose a weekday (0 is Sunday, 6 is Saturday).")
    return days


def _whole(given: Any, name: str, least: int, most: int) -> int:
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = -1.5
    if isinstance(given, bool) or found != found or found % 1 or not least <= found <= most:
        raise NodeError(f"{name}: a whole number from {least} to {most}, not {given!r}.")
    return int(found)
