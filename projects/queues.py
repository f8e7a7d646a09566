"""The queue as people see it: calls in the order of their turn, with the tasks behind them."""

from dataclasses import dataclass
from datetime import datetime

from agents.models import Call
from projects.models import Attempt, Task
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
