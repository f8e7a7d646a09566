"""Rules of a clock: the slots that follow from them, over changes of daylight saving time."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflows.engine import schedules
from workflows.engine.schedules import Rule

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CHANGES = (date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1))


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def shown(rule, after, count, zone=BERLIN, anchor=None):
    """Return the next slots as the clock of the zone shows them."""
    found = islice(schedules.slots([rule], after, zone, anchor or after), count)
    return [f"{one.astimezone(zone):%m-%d %H:%M}" for one in found]


# -- against brute force -------------------------------------------------------------------------


def first_moment(day, minutes, zone):
    """Return the first minute of real time at which a clock shows this time, or a later one."""
    wanted = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    moment = datetime.combine(day, datetime.min.time(), tzinfo=UTC) - DAY
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += MINUTE
    return moment


def by_force(rule, after, zone, anchor, days):
    """Return the slots of a rule with a time of day within some days, tried one by one."""
    hours = range(0, 24, rule.every) if rule.unit == "hours" else [rule.hour]
    first = after.astimezone(zone).date()

    def fits(day):
        if rule.unit == "weeks":
            return (day.weekday() + 1) % 7 in rule.days
        return rule.unit != "months" or day.day == rule.day

    def number(day):
        if rule.unit == "months":
            return day.year * 12 + day.month
        monday = day - timedelta(days=day.weekday())
        return (monday if rule.unit == "weeks" else day).toordinal() // (
            7 if rule.unit == "weeks" else 1
        )

    begun = anchor.astimezone(zone).date() - DAY
    while not (fits(begun) and first_moment(begun, hours[0] * 60 + rule.minute, zone) > anchor):
        begun += DAY
    every = 1 if rule.unit == "hours" else rule.every
    found = {
        first_moment(day, hour * 60 + rule.minute, zone)
        for day in (first + DAY * number for number in range(-1, days))
        if fits(day) and (number(day) - number(begun)) % every == 0
        for hour in hours
    }
    return sorted(one for one in found if one > after)


@st.composite
def wall_rules(draw):
    unit = draw(st.sampled_from(["hours", "days", "weeks", "months"]))
    minute = draw(st.integers(0, 59))
    if unit == "hours":
        return Rule(unit, draw(st.sampled_from([2, 3, 4, 6, 8, 12, 24])), minute=minute)
    return Rule(
        unit,
        draw(st.integers(1, 3)),
        days=tuple(draw(st.sets(st.integers(0, 6), min_size=1))) if unit == "weeks" else (),
        day=draw(st.integers(1, 31)) if unit == "months" else 1,
        hour=draw(st.integers(0, 4)),
        minute=minute,
    )


@given(
    wall_rules(),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-3 * 1440, 2 * 1440),
    st.integers(0, 20 * 1440),
)
@example(Rule("days", hour=2, minute=30), "Europe/Berlin", CHANGES[0], -60, 0)
@example(Rule("days", hour=2, minute=30), "Europe/Berlin", CHANGES[1], 90, 0)
@settings(max_examples=60, deadline=None)
def test_slots_are_those_that_trying_every_minute_finds(rule, zone, change, minutes, before):
    zone = ZoneInfo(zone)
    after = datetime.combine(change, datetime.min.time(), tzinfo=UTC) + minutes * MINUTE
    anchor = after - before * MINUTE
    wanted = by_force(rule, after, zone, anchor, 8)
    found = list(islice(schedules.slots([rule], after, zone, anchor), len(wanted)))
    assert found == wanted


@given(
    st.sampled_from(["seconds", "minutes", "hours"]),
    st.integers(1, 400),
    st.sampled_from(ZONES),
    st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_counted_time_is_even_whatever_the_clock_does(unit, every, zone, seconds):
    rule, anchor = Rule(unit, every), berlin("2026-03-28 10:07:03")
    if unit == "hours" and every > 1 and 24 % every == 0:
        return
    zone = ZoneInfo(zone)
    after = anchor + timedelta(seconds=seconds)
    found = list(islice(schedules.slots([rule], after, zone, anchor), 5))
    step = timedelta(**{unit: every})
    assert after < found[0] <= after + step
    assert {later - sooner for sooner, later in zip(found, found[1:], strict=False)} == {step}
    midnight = anchor.astimezone(zone).replace(hour=0, minute=0, second=0)
    assert (found[0] - midnight.astimezone(UTC)) % step == timedelta()


# -- by example ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (Rule("days", hour=2, minute=30), ["03-28 02:30", "03-29 03:00", "03-30 02:30"]),
        (Rule(cron="30 2 * * *"), ["03-28 02:30", "03-29 03:00", "03-30 02:30"]),
        (Rule(cron="0 30 2 * * *"), ["03-28 02:30", "03-29 03:00", "03-30 02:30"]),
        (Rule("hours", 12, minute=5), ["03-28 00:05", "03-28 12:05", "03-29 00:05"]),
        (Rule("days", 3, hour=9), ["03-28 09:00", "03-31 09:00", "04-03 09:00"]),
        (Rule("weeks", 2, days=(0, 6), hour=9), ["03-28 09:00", "03-29 09:00", "04-11 09:00"]),
        (Rule("weeks", 2, days=(1,), hour=9), ["03-30 09:00", "04-13 09:00", "04-27 09:00"]),
        (Rule("months", day=31, hour=9), ["03-31 09:00", "05-31 09:00", "07-31 09:00"]),
        (Rule("months", 2, day=29), ["03-29 00:00", "05-29 00:00", "07-29 00:00"]),
        (Rule(cron="0 9 * * MON-FRI"), ["03-30 09:00", "03-31 09:00", "04-01 09:00"]),
        (Rule(cron="0 0 L * *"), ["03-31 00:00", "04-30 00:00", "05-31 00:00"]),
    ],
)
def test_rules_from_the_eve_of_summer_time(rule, slots):
    assert shown(rule, berlin("2026-03-28 00:00"), 3) == slots


@pytest.mark.parametrize(
    "rule",
    [Rule("days", hour=2, minute=30), Rule(cron="30 2 * * *"), Rule(cron="0 30 2 * * *")],
)
def test_a_time_the_clock_shows_twice_comes_once(rule):
    eve = berlin("2026-10-25 00:00")
    first, second = islice(schedules.slots([rule], eve, BERLIN, eve), 2)
    assert (second - first) == timedelta(hours=25)
    between = first + timedelta(minutes=45)  # 02:15 again
    assert schedules.next_slot([rule], between, BERLIN, eve) == second


def test_seconds_of_a_cron_expression():
    after = berlin("2026-06-01 10:00:10")
    found = islice(schedules.slots([Rule(cron="*/25 * * * * *")], after, BERLIN, after), 4)
    assert [f"{one:%M:%S}" for one in found] == ["00:25", "00:50", "01:00", "01:25"]
    found = islice(schedules.slots([Rule(cron="20 */5 * * * *")], after, BERLIN, after), 2)
    assert [f"{one:%M:%S}" for one in found] == ["00:20", "05:20"]


def test_several_rules_give_a_slot_they_share_once():
    rules = [Rule("minutes", 10), Rule("minutes", 15)]
    after = berlin("2026-06-01 10:00")
    found = islice(schedules.slots(rules, after, BERLIN, after), 4)
    assert [f"{one:%M}" for one in found] == ["10", "15", "20", "30"]


def test_a_day_no_month_has_never_comes():
    now = datetime.now(UTC)
    assert schedules.next_slot([Rule(cron="0 0 31 2,4 1")], now, UTC, now) is not None  # or Mondays
    assert schedules.cron_trouble("0 0 31 2,4 *") == "bad day-of-month"
    assert schedules.next_slot([Rule("months", day=32)], now, UTC, now) is None


# -- missed --------------------------------------------------------------------------------------


def planned(rule, slot, now, missed):
    slot, now = berlin(slot), berlin(now)
    found = schedules.plan([rule], slot, now, BERLIN, slot, missed)
    run = [f"{one.astimezone(BERLIN):%H:%M:%S}" for one in found.run]
    return run, found.left_out, f"{found.next.astimezone(BERLIN):%H:%M:%S}"


TEN = Rule("minutes", 10)


@pytest.mark.parametrize(
    ("missed", "plan"),
    [
        ("skip", ([], 4, "10:40:00")),
        ("once", (["10:30:00"], 3, "10:40:00")),
        ("all", (["10:00:00", "10:10:00", "10:20:00", "10:30:00"], 0, "10:40:00")),
    ],
)
def test_slots_that_were_missed(missed, plan):
    assert planned(TEN, "2026-06-01 10:00", "2026-06-01 10:35", missed) == plan


def test_a_slot_of_the_last_minute_runs_whatever_was_missed_before():
    assert planned(TEN, "2026-06-01 10:00", "2026-06-01 10:20:30", "skip") == (
        ["10:20:00"], 2, "10:30:00",
    )  # fmt: skip


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_slots_that_are_hardly_late_all_run(missed):
    plan = planned(Rule("seconds"), "2026-06-01 10:00", "2026-06-01 10:00:02", missed)
    assert plan == (["10:00:00", "10:00:01", "10:00:02"], 0, "10:00:03")


def test_of_a_year_of_seconds_the_newest_hundred_are_made_up_for():
    run, _, following = planned(Rule("seconds"), "2025-06-01 10:00", "2026-06-01 10:00", "all")
    assert (len(run), run[0], run[-1], following) == (100, "09:58:21", "10:00:00", "10:00:01")


# -- told ----------------------------------------------------------------------------------------


def test_a_run_is_told_its_moment_as_n8n_tells_it():
    assert schedules.told(berlin("2026-01-22 15:04:05"), BERLIN, "Europe/Berlin") == {
        "timestamp": "2026-01-22T15:04:05.000+01:00",
        "Readable date": "January 22nd 2026, 3:04:05 pm",
        "Readable time": "3:04:05 pm",
        "Day of week": "Thursday",
        "Year": "2026",
        "Month": "January",
        "Day of month": "22",
        "Hour": "15",
        "Minute": "04",
        "Second": "05",
        "Timezone": "Europe/Berlin (UTC+01:00)",
    }
