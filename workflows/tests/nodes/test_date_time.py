"""Date & Time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workflows.engine.errors import NodeError
from workflows.engine.values import DateTimeText
from workflows.nodes.date_time import DateTime
from workflows.nodes.dates import luxon, moment
from workflows.nodes.dates.reading import from_text

MOMENT = datetime(2024, 3, 5, 14, 7, 9, 45_000, tzinfo=ZoneInfo("America/New_York"))


def result(run, operation, version=2, **parameters):
    name = "action" if version == 1 else "operation"
    (made,) = run(DateTime, {name: operation, **parameters}, [{}], version=version)
    return next(iter(made[0]["json"].values()))


def old(run, action="format", **parameters):
    return result(run, action, version=1, **parameters)


# -- since version 2 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "form", "text"),
    [
        ("2024-01-02T03:04:05Z", "yyyy-MM-dd", "2024-01-02"),
        (1704164645, "HH:mm:ss", "03:04:05"),
        ("1704164645000", "X", "1704164645"),
        ("01/02/2024", "MMMM dd yyyy", "January 02 2024"),
        ("2024-01-02T03:04:05+02:00", "HH", "03"),
        ("2024-01-02T03:04:05-02:00", "HH", "05"),
        (DateTimeText("2024-01-02T03:04:05.000+01:00[Europe/Rome]"), "HH z", "03 Europe/Rome"),
    ],
)  # fmt: skip
def test_a_date_is_written_by_a_format(run, date, form, text):
    parameters = {"format": "custom", "customFormat": form}
    assert result(run, "formatDate", date=date, **parameters) == text


def test_a_date_can_have_a_format_of_its_own(run):
    options = {"fromFormat": "dd.MM.yyyy HH:mm"}
    parameters = {"format": "yyyy-MM-dd", "options": options}
    assert result(run, "formatDate", date="05.03.2024 14:07", **parameters) == "2024-03-05"


def test_no_date_gives_none(run):
    assert result(run, "formatDate", date=None) is None


def test_what_is_no_date_is_an_error_or_an_item_with_the_error(run):
    with pytest.raises(NodeError, match="Invalid date format"):
        result(run, "formatDate", date="soon")
    (made,) = run(
        DateTime, {"operation": "formatDate", "date": "soon"}, [{}], onError="continueRegularOutput"
    )
    assert made[0]["json"] == {"error": "Invalid date format"}


@pytest.mark.parametrize(
    ("operation", "unit", "amount", "there"),
    [
        ("addToDate", "days", 1, "2024-02-01T10:00:00.000Z"),
        ("addToDate", "months", 1, "2024-02-29T10:00:00.000Z"),
        ("subtractFromDate", "quarters", 1, "2023-10-31T10:00:00.000Z"),
        ("subtractFromDate", "minutes", 90, "2024-01-31T08:30:00.000Z"),
    ],
)
def test_a_date_is_moved(run, operation, unit, amount, there):
    parameters = {"magnitude": "2024-01-31T10:00:00Z", "timeUnit": unit, "duration": amount}
    assert result(run, operation, **parameters) == there


@pytest.mark.parametrize(("unit", "amount"), [("years", 9000), ("moons", 1)])
def test_a_date_that_cannot_be_reached_is_an_error(run, unit, amount):
    with pytest.raises(NodeError, match="too far|no time unit 'moons'"):
        result(run, "addToDate", magnitude="2024-01-31", timeUnit=unit, duration=amount)


@pytest.mark.parametrize(
    ("nearest", "there"),
    [("year", "2024-01-01T00"), ("week", "2024-03-04T00"), ("hour", "2024-03-06T10")],
)
def test_a_date_is_rounded_down(run, nearest, there):
    made = result(run, "roundDate", date="2024-03-06T10:20:30Z", toNearest=nearest)
    assert made.startswith(there)


def test_a_date_is_rounded_up_to_the_next_month(run):
    made = result(run, "roundDate", date="2024-02-10", mode="roundUp")
    assert made == "2024-03-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("units", "iso", "there"),
    [
        (["day"], False, {"days": 29.5}),
        (["month", "hour"], False, {"months": 1, "hours": 12}),
        (["month", "day", "minute"], True, "P1MT720M"),
    ],
)
def test_the_time_between_two_dates_is_told_in_units(run, units, iso, there):
    parameters = {"startDate": "2024-02-01", "endDate": "2024-03-01T12:00:00Z", "units": units}
    assert result(run, "getTimeBetweenDates", options={"isoString": iso}, **parameters) == there


def test_the_time_between_is_negative_when_the_end_is_earlier(run):
    parameters = {"startDate": "2024-02-02", "endDate": "2024-02-01"}
    assert result(run, "getTimeBetweenDates", **parameters) == {"days": -1}


def test_a_part_of_a_date_is_a_number(run):
    assert result(run, "extractDate", date="2024-03-05", part="week") == 10
    assert result(run, "extractDate", date="2024-03-05", part="day") == 5


def test_now_is_now_and_today_begins_at_midnight(run):
    now = datetime.fromisoformat(result(run, "getCurrentDate"))
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)
    zone = {"timezone": "Asia/Tokyo"}
    today = result(run, "getCurrentDate", includeTime=False, options=zone)
    assert today.endswith("T00:00:00.000+09:00")


def test_input_fields_are_kept_on_request(run):
    parameters = {
        "operation": "formatDate",
        "date": "2024-01-02",
        "options": {"includeInputFields": True},
    }
    (made,) = run(DateTime, parameters, [{"a": 1}])
    assert made[0]["json"] == {"a": 1, "formattedDate": "01/02/2024"}


# -- version 1 -----------------------------------------------------------------------------------


def test_the_first_version_writes_by_the_tokens_of_moment(run):
    assert old(run, value="2024-01-02T03:04:05Z", toFormat="YYYY/MM/DD") == "2024/01/02"
    assert old(run, value=1704164645.5, custom=True, toFormat="HH:mm:ss.SSS") == "03:04:05.500"


def test_the_first_version_moves_dates_between_zones(run):
    options = {"fromTimezone": "US/Hawaii", "toTimezone": "Europe/Berlin"}
    parameters = {"custom": True, "toFormat": "YYYY-MM-DD HH:mm", "options": options}
    assert old(run, value="2024-01-02T15:00:00", **parameters) == "2024-01-03 02:00"


def test_the_first_version_reads_by_a_format(run):
    options = {"fromFormat": "DD.MM.YYYY"}
    assert old(run, value="03.02.2024", toFormat="YYYY-MM-DD", options=options) == "2024-02-03"
    with pytest.raises(NodeError, match='set the "From Format" field'):
        old(run, value="third of may")


def test_the_first_version_calculates_and_keeps_the_fields(run):
    parameters = {
        "action": "calculate", "value": "2024-01-31", "duration": 1, "timeUnit": "months",
        "dataPropertyName": "a.b",
    }  # fmt: skip
    (made,) = run(DateTime, parameters, [{"a": {"c": 1}}], version=1)
    assert made[0]["json"] == {"a": {"c": 1, "b": "2024-02-29T00:00:00.000Z"}}


# -- tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("EEEE, d LLLL yyyy", "Tuesday, 5 March 2024"),
        ("EEE LLL yy h a", "Tue Mar 24 2 PM"),
        ("HH:mm:ss.SSS ZZ", "14:07:09.045 -05:00"),
        ("kkkk-'W'WW-c 'o''clock'", "2024-W10-2 oclock"),
        ("D t", "3/5/2024 2:07 PM"),
        ("FFFF", "Tuesday, March 5, 2024 at 2:07:09 PM Eastern Standard Time"),
        ("o q Z ZZZ ZZZZ", "65 1 -5 -0500 EST"),
    ],
)
def test_dates_are_written_as_luxon_writes_them(form, text):
    assert luxon.write(MOMENT, form) == text


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("dddd, MMMM Do YYYY, h:mm:ss a", "Tuesday, March 5th 2024, 2:07:09 pm"),
        ("ddd MMM D YY HH:mm Z", "Tue Mar 5 24 14:07 -05:00"),
        ("[week] w W gggg Qo DDDo", "week 10 10 2024 1st 65th"),
        ("LLLL", "Tuesday, March 5, 2024 2:07 PM"),
        ("X x", "1709665629 1709665629045"),
    ],
)
def test_dates_are_written_as_moment_writes_them(form, text):
    assert moment.write(MOMENT, form) == text


@pytest.mark.parametrize(
    ("text", "form", "there"),
    [
        ("Mar 5, 2024 2:07 PM", "MMM d, yyyy h:mm a", "2024-03-05T14:07:00+00:00"),
        ("2024-W10-2", "kkkk-'W'WW-c", "2024-03-05T00:00:00+00:00"),
        ("5/3/24 +02:00", "d/M/yy ZZ", "2024-03-04T22:00:00+00:00"),
        ("1709665629", "X", "2024-03-05T19:07:09+00:00"),
    ],
)
def test_dates_are_read_by_the_tokens_of_luxon(text, form, there):
    found = luxon.read(text, form, UTC)
    assert found is not None
    assert found.isoformat() == there


def test_a_text_of_another_format_is_not_read():
    assert luxon.read("2024-03-05", "dd.MM.yyyy", UTC) is None
    assert luxon.read("99.99.2024", "dd.MM.yyyy", UTC) is None


def test_a_token_that_cannot_be_read_is_named():
    with pytest.raises(NodeError, match="'TT' cannot|'ZZZZ' cannot"):
        luxon.read("x", "ZZZZ", UTC)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("2024-03", "2024-03-01T00:00:00+00:00"),
        ("2024-065", "2024-03-05T00:00:00+00:00"),
        ("Tue, 05 Mar 2024 10:00:00 GMT", "2024-03-05T10:00:00+00:00"),
        ("Tue Mar 05 2024 10:00:00 GMT+0200 (Somewhere)", "2024-03-05T10:00:00+02:00"),
        ("March 5, 2024 5:00 pm", "2024-03-05T17:00:00+00:00"),
    ],
)
def test_dates_are_read_in_the_forms_people_use(text, there):
    found = from_text(text)
    assert found is not None
    assert found.isoformat() == there
