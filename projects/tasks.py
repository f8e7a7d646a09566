"""Short jobs of this room."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from agents.models.calls import ENDED as CALL_ENDED
from projects import services
from projects.models import Attempt, Task
from projects.models.tasks import ENDED
from whoosh_site.core import leases, queue, tunables

tunables.declare(
    tunables.Tunable(
        "task_retention",
        365,
        "Tasks are kept",
        "Days after which ended tasks, their attempts and results are deleted.",
        1,
        3650,
        "days",
    )
)
OVERLOOKED = timedelta(minutes=1)


def find_overlooked() -> None:
    """Go on where a process died on the way: calls that ended without a word, attempts given up."""
    ended = Q(call__state__in=CALL_ENDED) | Q(call=None)
    long_ago = timezone.now() - OVERLOOKED
    rows = Attempt.objects.filter(ended, state=Attempt.ASKED, created_at__lt=long_ago)
    pks = list(rows.values_list("pk", flat=True))
    still = Attempt.objects.filter(pk__in=pks, state=Attempt.ASKED)
    if still.update(state=leases.QUEUED, due_at=timezone.now()):
        leases.wake()
    given_up = Attempt.objects.filter(state=leases.QUARANTINED, task__state=leases.QUEUED)
    services.end_quarantined(list(given_up.values_list("pk", flat=True)))


def tidy_tasks() -> None:
    """Delete tasks past their time, in batches that hold no lock for long."""
    oldest = timezone.now() - timedelta(days=tunables.value("task_retention"))
    while True:
        ended = Task.objects.filter(state__in=ENDED, finished_at__lt=oldest)
        batch = list(ended.values_list("pk", flat=True)[:200])
        if not batch:
            return
        Task.objects.filter(pk__in=batch).delete()


queue.every(1, "projects.tasks.find_overlooked")
queue.every(60, "projects.tasks.tidy_tasks")
