"""What follows from the end of an attempt: pure thinking, no database."""

from dataclasses import dataclass

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before the second attempt; each further one waits four times as long, up to the most."""
HOPELESS = frozenset({"request_refused", "endpoint_refused", "bad_input", "prompt_too_long"})
"""Errors every other host would have as well: the request itself is at fault."""

MISFIT = "answer_misfit"
DONE, REPAIR, RETRY, FAIL, CANCEL, QUARANTINE = (
    "done", "repair", "retry", "fail", "cancel", "quarantine",
)  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a call ended, as far as it matters here."""

    state: str
    """success, error, canceled or quarantined."""
    code: str = ""
    error: str = ""
    done_reason: str = ""
    answer: str = ""
    answer_tokens: int | None = None
    misfit: str = ""
    """Why the answer does not fit its schema; empty when it does, or when there is none."""


@dataclass(frozen=True)
class Record:
    """What was tried so far in this round, the ended attempt included."""

    tries: int = 1
    """Attempts that were no repairs."""
    most: int = 3
    repaired: bool = False
    cancel_asked: bool = False


@dataclass(frozen=True)
class Step:
    """What to do next, and the words for the person who reads the history."""

    what: str
    code: str = ""
    words: str = ""
    pause: float = 0.0
    """Seconds before a retry."""


def following(ending: Ending, record: Record) -> Step:
    """Return what follows: done, repair, retry, fail, cancel or quarantine.

    An answer that was cut off is no answer, however good it reads; the same prompt would be cut
    again, so it is not tried again. One that misses its schema is sent back once.
    """
    if record.cancel_asked or ending.state == "canceled":
        return Step(CANCEL, "canceled", "canceled")
    if ending.state == "quarantined":
        return Step(QUARANTINE, "quarantined", ending.error or "its process died three times")
    if ending.state == "error":
        return _again(Step(RETRY, ending.code, ending.error), record)
    return _of_an_answer(ending, record)


def _of_an_answer(ending: Ending, record: Record) -> Step:
    if ending.done_reason == "length":
        many = f" after {ending.answer_tokens} tokens" if ending.answer_tokens else ""
        words = f"the answer was cut off{many}: raise the limit of tokens, or ask for less"
        return Step(FAIL, "answer_cut", words)
    if not ending.answer.strip():
        return _again(Step(RETRY, "answer_empty", "the answer was empty"), record)
    if not ending.misfit:
        return Step(DONE)
    if record.repaired:
        return Step(FAIL, MISFIT, f"the repaired answer misses too: {ending.misfit}")
    return Step(REPAIR, MISFIT, f"the answer misses its schema: {ending.misfit}")


def _again(step: Step, record: Record) -> Step:
    if step.code in HOPELESS or record.tries >= record.most:
        return Step(FAIL, step.code, step.words)
    pause = min(FIRST_PAUSE * 4 ** (record.tries - 1), LONGEST_PAUSE)
    return Step(RETRY, step.code, step.words, pause)
