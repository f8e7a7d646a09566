"""What follows from the end of an attempt, as a table."""

import pytest

from projects.planning import Ending, Record, following

GOOD = Ending("success", answer="42")
LOST = Ending("error", code="agent_offline", error="oak cannot be reached")


@pytest.mark.parametrize(
    ("ending", "record", "what", "code"),
    [
        (GOOD, Record(), "done", ""),
        (GOOD, Record(cancel_asked=True), "cancel", "canceled"),
        (Ending("canceled"), Record(), "cancel", "canceled"),
        (Ending("quarantined", error="died"), Record(), "quarantine", "quarantined"),
        (LOST, Record(tries=1), "retry", "agent_offline"),
        (LOST, Record(tries=3), "fail", "agent_offline"),
        (LOST, Record(tries=1, most=1), "fail", "agent_offline"),
        (Ending("error", code="request_refused"), Record(), "fail", "request_refused"),
        (Ending("success", answer=" \n"), Record(), "retry", "answer_empty"),
        (Ending("success", answer=""), Record(tries=3), "fail", "answer_empty"),
        (Ending("success", answer="4", done_reason="length"), Record(), "fail", "answer_cut"),
        (Ending("success", answer="x", misfit="no"), Record(), "repair", "answer_misfit"),
        (Ending("success", answer="x", misfit="no"), Record(tries=3), "repair", "answer_misfit"),
        (
            Ending("success", answer="x", misfit="no"),
            Record(repaired=True),
            "fail",
            "answer_misfit",
        ),
    ],
)
def test_what_follows(ending, record, what, code):
    step = following(ending, record)
    assert (step.what, step.code) == (what, code)


def test_each_retry_waits_four_times_as_long_up_to_five_minutes():
    pauses = [following(LOST, Record(tries=n, most=10)).pause for n in range(1, 7)]
    assert pauses == [2, 8, 32, 128, 300, 300]


def test_an_answer_that_was_cut_off_says_after_how_many_tokens():
    cut = Ending("success", answer="4", done_reason="length", answer_tokens=12)
    assert "cut off after 12 tokens: raise the limit" in following(cut, Record()).words
