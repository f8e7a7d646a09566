"""Whether scripts can run on this machine, and how closely they are kept."""

import asyncio
from collections.abc import Iterator

from whoosh_site.core.health import ERROR, OK, WARNING, Finding, Question, questions
from whoosh_site.core.models.people import User
from workflows.engine.errors import NodeError
from workflows.scripts.pool import Pool


@questions.add
class Scripts(Question):
    """Expressions and code run in a process that is closed in."""

    key = "scripts"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Start a worker; it tries what must fail before it says it is ready."""
        try:
            level = asyncio.run(_level())
        except NodeError as error:
            yield Finding(ERROR, f"Scripts: off. {error.message}.", error.description)
            return
        if level == "kernel":
            yield Finding(OK, "Scripts: kernel confined")
        else:
            yield Finding(
                WARNING, "Scripts: process isolation only",
                "This system has no kernel filter; run workflows of people you trust, "
                "or move WHOOSH to Linux.",
            )  # fmt: skip


async def _level() -> str:
    pool = Pool(1)
    try:
        worker = await pool.take()
        return worker.level
    finally:
        pool.close()
