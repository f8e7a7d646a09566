"""What is wrong right now: questions on a shelf, for dashboard, /readyz and health_check."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from whoosh_site.core import queue
from whoosh_site.core.models.people import User
from whoosh_site.core.models.system import Process
from whoosh_site.core.shelf import Shelf

OK, WARNING, ERROR = "ok", "warning", "error"
LEAST_DISK = 500 * 1024 * 1024
LONG_BACKLOG = 100


@dataclass(frozen=True)
class Finding:
    """One answer: how bad, in one line, what to do, where to look."""

    level: str
    text: str
    advice: str = ""
    url: str = ""


class Question:
    """One thing that can be wrong. Put a subclass on the shelf `questions`."""

    key: ClassVar[str]
    needed: ClassVar[bool] = False
    """Whether the installation is not ready (/readyz) while this is an error."""

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Yield findings; for a user only what they may see. None stands for the system."""
        raise NotImplementedError


questions: Shelf[Question] = Shelf("health question")


def findings(user: User | None = None, *, needed_only: bool = False) -> dict[str, list[Finding]]:
    """Ask everything; returns findings by question."""
    asked = [question for question in questions if question.needed or not needed_only]
    return {question.key: list(question().ask(user)) for question in asked}


def worst(found: dict[str, list[Finding]]) -> str:
    """Return the worst level of all findings."""
    levels = {finding.level for group in found.values() for finding in group}
    return ERROR if ERROR in levels else WARNING if WARNING in levels else OK


@questions.add
class Database(Question):
    """The database answers."""

    key = "database"
    needed = True

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Run one statement."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            yield Finding(OK, f"{connection.display_name} answers")
        except DatabaseError as error:
            yield Finding(
                ERROR, f"The database does not answer: {error}".strip(),
                "Start it, or correct DATABASE_URL.",
            )  # fmt: skip


@questions.add
class Workers(Question):
    """Runner and short jobs give signs of life."""

    key = "workers"
    needed = True

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Look at the signs of life of the last seconds."""
        now = timezone.now()
        fresh = Process.objects.fresh(now)
        if not fresh.filter(job=Process.Job.RUNNER).exists():
            yield Finding(
                ERROR, "No runner is alive: nothing is asked, nothing is checked.",
                "Start 'manage.py up', or look at var/logs/runner.log.",
            )  # fmt: skip
        canary = Process.objects.filter(job=Process.Job.TASKS, beat_at__gte=now - Process.QUIET * 3)
        if not canary.exists():
            yield Finding(
                ERROR, "No worker answers for short jobs.",
                "Start 'manage.py up', or look at var/logs/tasks.log.",
            )  # fmt: skip
        waiting = queue.backlog()
        if waiting > LONG_BACKLOG:
            yield Finding(WARNING, f"{waiting} short jobs wait for a worker.", "Add workers.")
        elif canary.exists() and fresh.exists():
            yield Finding(OK, "Runner and workers are alive")


@questions.add
class Disk(Question):
    """There is room for the database and its logs."""

    key = "disk"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Look at the free space of the state folder."""
        free = shutil.disk_usage(settings.VAR).free
        if free < LEAST_DISK:
            yield Finding(
                ERROR, f"Only {free // 2**20} MB are free on the disk of var/.",
                "Free some space, or move the folder with WHOOSH_VAR.",
            )  # fmt: skip
        else:
            yield Finding(OK, f"{free / 2**30:.1f} GB free")
