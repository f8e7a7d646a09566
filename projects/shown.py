"""The queue and a task's history, as people see them."""

from dataclasses import dataclass
from datetime import datetime

from agents.models import Call
from projects.models import Attempt, Event, Task
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
        return self.call.trouble or "waits for a free agent"


def waiting(user: User) -> list[Waiting]:
    """Return the first of what waits, next in line first, of what a user sees."""
    calls = Call.objects.visible_to(user).waiting().brief().order_by("turn_at", "pk")[:SHOWN]
    found = list(calls)
    attempts = Attempt.objects.filter(call__in=[c.pk for c in found]).select_related("task")
    tasks = {attempt.call_id: attempt.task for attempt in attempts}
    return [Waiting(call, tasks.get(call.pk)) for call in found]


def history(task: Task) -> list[Event]:
    """Return what happened to a task, oldest first: what was noted, and where its calls went."""
    went = [
        Event(task=task, at=call.sent_at, text=f"attempt {attempt.number} goes to {call.reason}")
        for attempt in task.attempts.select_related("call")
        if (call := attempt.call) is not None and call.sent_at and call.agent_name
    ]
    return sorted([*task.events.all(), *went], key=lambda event: event.at)
