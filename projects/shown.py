"""The queue and a task's history, as people see them."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils import timezone

from agents.models import Call
from projects.models import Attempt, Event, Task
from projects.models.tasks import waits_for
from whoosh_site.core.leases import QUEUED
from whoosh_site.core.models.people import User

SHOWN = 100


@dataclass(frozen=True)
class Waiting:
    """One line of the queue."""

    call: Call
    task: Task | None

    @property
    def title(self) -> str:
        """What waits."""
        return self.task.title if self.task else self.call.title or str(self.call)

    @property
    def url(self) -> str:
        """Its page."""
        return self.task.get_absolute_url() if self.task else self.call.get_absolute_url()

    @property
    def since(self) -> datetime:
        """When it came."""
        return self.task.created_at if self.task else self.call.created_at

    @property
    def why(self) -> str:
        """What it waits for."""
        return waits_for(self.call)


def waiting(user: User) -> list[Waiting]:
    """Return the first of what waits, next in line first, of what a user sees.

    Retries that rest before their next attempt come last: their turn may be earlier, but not now.
    """
    now = timezone.now()
    queued = Call.objects.visible_to(user).filter(state=QUEUED).brief().order_by("turn_at", "pk")
    found = [*queued.filter(due_at__lte=now)[:SHOWN], *queued.filter(due_at__gt=now)[:SHOWN]]
    calls = {call.pk: call for call in found[:SHOWN]}
    attempts = Attempt.objects.filter(call__in=calls).select_related("task")
    lean = attempts.defer("answer", "error", *(f"task__{name}" for name in Task.TEXTS))
    tasks = {attempt.call_id: attempt.task for attempt in lean}
    return [Waiting(call, tasks.get(pk)) for pk, call in calls.items()]


def with_calls(task: Task) -> models.QuerySet[Attempt]:
    """Return a task's attempts with their calls, without what was said in these."""
    rows = task.attempts.select_related("call")
    return rows.defer(*(f"call__{name}" for name in Call.TEXTS))


def history(task: Task) -> list[Event]:
    """Return what happened to a task, oldest first: what was noted, and where its calls went."""
    went = [
        Event(task=task, at=call.sent_at, text=f"attempt {attempt.number} goes to {call.reason}")
        for attempt in with_calls(task)
        if (call := attempt.call) is not None and call.sent_at and call.agent_name
    ]
    return sorted([*task.events.all(), *went], key=lambda event: event.at)
