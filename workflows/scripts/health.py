"""Whether scripts can run on this machine, and how closely they are kept."""

import asyncio
import time
from collections.abc import Iterator

from whoosh_site.core.health import ERROR, OK, WARNING, Finding, Question, questions
from whoosh_site.core.models.people import User
from workflows.engine.errors import NodeError
from workflows.scripts.pool import Pool

AGAIN = 600.0  # seconds an answer holds: asking costs a process

_known: tuple[float, Finding] | None = None


@questions.add
class Scripts(Question):
    """Expressions and code run in a process that is closed in."""

    key = "scripts"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Start a worker; it tries what must fail before it says it is ready."""
        global _known
        if _known is None or time.monotonic() - _known[0] > AGAIN:
            _known = (time.monotonic(), _finding())
        yield _known[1]


def _finding() -> Finding:
    try:
        level = asyncio.run(_level())
    except NodeError as error:
        return Finding(ERROR, f"Scripts: off. {error.message}.", error.description)
    if level == "kernel":
        return Finding(OK, "Scripts: kernel confined")
    return Finding(
        WARNING, "Scripts: process isolation only",
        "This system has no kernel filter; run only workflows of people you trust, "
        "or move WHOOSH to Linux.",
    )  # fmt: skip


async def _level() -> str:
    pool = Pool(1)
    try:
        worker = await pool.take()
        return worker.level
    finally:
        pool.close()
