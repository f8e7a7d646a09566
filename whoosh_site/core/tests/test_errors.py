"""The one error tree."""

import pytest

from whoosh_site.core import errors
from whoosh_site.core.errors import Outside, TimedOut, TooMany, WhooshError

LEAVES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, WhooshError)
]
PLAIN = [leaf for leaf in LEAVES if leaf not in (TimedOut, TooMany)]


def test_every_error_has_a_code_of_its_own():
    codes = [leaf.code for leaf in LEAVES]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("leaf", PLAIN)
def test_an_error_keeps_message_and_details(leaf):
    error = leaf("Load a file first.", {"line": 3})
    assert (str(error), error.message, error.details) == (
        "Load a file first.",
        "Load a file first.",
        {"line": 3},
    )


def test_details_are_a_copy():
    details = {"line": 3}
    error = WhooshError("no", details)
    details["line"] = 4
    assert error.details == {"line": 3}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("BadInput", 400),
        ("Forbidden", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("Outside", 502),
        ("Refused", 403),
        ("Unreachable", 502),
        ("TooLarge", 502),
    ],
)
def test_errors_map_to_http(name, status):
    assert getattr(errors, name).status == status


def test_what_happens_outside_may_be_tried_again_but_not_what_was_refused():
    again = {leaf.__name__ for leaf in LEAVES if leaf.retryable}
    assert again == {"Outside", "Unreachable", "Broken", "TimedOut"}
    assert all(issubclass(getattr(errors, name), Outside) for name in again)


def test_too_many_says_when_to_come_back():
    error = TooMany("Slow down.", 2.6)
    assert (error.status, error.retry_after, error.details) == (429, 2.6, {"retry_after": 3})


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("connect", "no connection within 2.5 s"),
        ("first byte", "no first byte of an answer within 2.5 s"),
        ("between chunks", "no further data within 2.5 s"),
        ("total", "no complete answer within 2.5 s"),
    ],
)
def test_each_time_limit_has_its_own_words(phase, words):
    error = TimedOut(phase, 2.5, "http://oak")
    assert (error.message, error.phase, error.status) == (f"http://oak: {words}", phase, 504)
