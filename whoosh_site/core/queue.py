"""The door to django-q2: short jobs, schedules, and the message that a runner should be alive.

A job is a function named by its dotted path with plain arguments. It must be idempotent: a job
whose worker died runs again.
"""

from datetime import datetime, timedelta

from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from whoosh_site.core.broker import held, here

TASKS = "whoosh"
RUNNER = "runner"
_schedules: dict[str, tuple[str, int]] = {}


def enqueue(function: str, *arguments: object) -> None:
    """Queue a short job, in the caller's transaction, so both commit together."""
    async_task(function, *arguments, cluster=TASKS)


def enqueue_here(cluster: str, function: str, *, seconds: int = 60) -> None:
    """Queue a job for the cluster of this name on this host alone; -1 seconds for a resident."""
    async_task(function, cluster=here(cluster), timeout=seconds)


def waiting_here(cluster: str) -> int:
    """Return how many jobs wait unclaimed in this host's own queue of a cluster."""
    return OrmQ.objects.filter(key=here(cluster), lock__lte=timezone.now()).count()


def clear_here(cluster: str) -> None:
    """Drop what is left in this host's own queue: messages to processes that are gone."""
    OrmQ.objects.filter(key=here(cluster)).delete()


def give_back(cluster: str) -> int:
    """Make the shared jobs due that this host's cluster had claimed when it died."""
    mine = OrmQ.objects.filter(key=held(cluster))
    return mine.update(key=cluster, lock=timezone.now())


def every(minutes: int, function: str) -> None:
    """Declare a recurring job; `set_schedules` writes it down at the next start."""
    _schedules[function] = (function, minutes)


def set_schedules() -> None:
    """Bring the schedule rows in line with what the rooms declared."""
    Schedule.objects.filter(cluster=TASKS).exclude(name__in=_schedules).delete()
    for name, (function, minutes) in _schedules.items():
        wanted = {
            "func": function,
            "schedule_type": Schedule.MINUTES,
            "minutes": minutes,
            "repeats": -1,
            "cluster": TASKS,
        }
        row, *doubled = [*Schedule.objects.filter(name=name).order_by("pk"), None]
        Schedule.objects.filter(pk__in=[other.pk for other in doubled if other]).delete()
        if row is None:
            next_run = timezone.now() + timedelta(minutes=minutes)
            Schedule.objects.create(name=name, next_run=next_run, **wanted)
        elif any(getattr(row, field) != value for field, value in wanted.items()):
            Schedule.objects.filter(pk=row.pk).update(**wanted)


def forget_results(before: datetime) -> None:
    """Delete what django-q2 keeps of jobs that failed."""
    Task.objects.filter(stopped__lt=before).delete()


def backlog() -> int:
    """Return how many short jobs wait for a worker."""
    return OrmQ.objects.filter(key=Conf.PREFIX, lock__lte=timezone.now()).count()
