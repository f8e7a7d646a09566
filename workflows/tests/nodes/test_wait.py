"""Wait."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.engine.errors import NodeError, Parked
from workflows.nodes.wait import Wait


def parked(run, given, **more):
    with pytest.raises(Parked) as caught:
        run(Wait, given, [{"a": 1}], **more)
    return caught.value


def until(error):
    return datetime.fromisoformat(error.until) - datetime.now(UTC)


def test_a_short_wait_sleeps_and_passes_the_items_on(run, outside):
    (items,) = run(Wait, {"amount": 1, "unit": "minutes"}, [{"a": 1}])
    assert outside.slept == [60]
    assert items[0]["json"] == {"a": 1}


def test_five_seconds_are_the_default_and_an_hour_was_before(run, outside):
    run(Wait, {})
    assert outside.slept == [5]
    assert timedelta(minutes=59) < until(parked(run, {}, version=1)) <= timedelta(hours=1)


def test_a_long_wait_parks_the_run_with_its_items(run):
    error = parked(run, {"amount": 3, "unit": "hours"})
    assert timedelta(hours=2.9) < until(error) <= timedelta(hours=3)
    assert error.resume == "time"
    assert error.outputs[0][0]["json"] == {"a": 1}


def test_a_moment_that_is_past_does_not_wait(run, outside):
    run(Wait, {"resume": "specificTime", "dateTime": "2020-01-01T00:00:00Z"})
    assert outside.slept == [0]


def test_a_moment_to_come_parks_the_run(run):
    error = parked(run, {"resume": "specificTime", "dateTime": "2999-01-01T00:00:00+01:00"})
    assert error.until.startswith("2998-12-31T23:00:0") or error.until.startswith(
        "2998-12-31T22:59"
    )


@pytest.mark.parametrize("resume", ["webhook", "form"])
def test_an_answer_is_waited_for_without_end(run, resume):
    error = parked(run, {"resume": resume})
    assert (error.resume, error.until) == (resume, "")


def test_waiting_for_an_answer_may_have_an_end(run):
    given = {"resume": "webhook", "limitWaitTime": True, "resumeAmount": 2, "resumeUnit": "days"}
    assert timedelta(hours=47) < until(parked(run, given)) <= timedelta(days=2)
    given |= {"limitType": "atSpecifiedTime", "maxDateAndTime": "2999-01-01T00:00:00Z"}
    assert parked(run, given).until == "2999-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"amount": -1}, "Invalid wait amount"),
        ({"amount": "soon"}, "Invalid wait amount"),
        ({"unit": "years"}, "Invalid wait unit"),
        ({"amount": 1e300, "unit": "days"}, "longer than the calendar"),
        ({"resume": "specificTime", "dateTime": "soon"}, "soon is no date to wait for"),
        ({"resume": "specificTime"}, "The empty text is no date"),
    ],
)
def test_a_wait_that_makes_no_sense_is_told(run, given, words):
    with pytest.raises(NodeError, match=words):
        run(Wait, given)
