"""Short jobs of this room. Everything that waits for a host is the runner's (kinds.py)."""

from datetime import timedelta

from django.utils import timezone

from agents import services
from agents.models import Call, ModelJob
from whoosh_site.core import queue, tunables

tunables.declare(
    tunables.Tunable(
        "call_retention",
        90,
        "Calls are kept",
        "Days after which ended calls with their texts, and ended jobs at hosts, are deleted.",
        1,
        3650,
        "days",
    )
)


def end_canceled_calls() -> None:
    """End canceled calls that a runner put back into the queue when it was stopped."""
    services.end_canceled(Call.objects.all())


def tidy_calls() -> None:
    """Delete calls and jobs past their time, in batches that hold no lock for long."""
    oldest = timezone.now() - timedelta(days=tunables.value("call_retention"))
    for model in (Call, ModelJob):
        rows = model.objects.filter(finished_at__lt=oldest)
        while batch := list(rows.values_list("pk", flat=True)[:500]):
            model.objects.filter(pk__in=batch).delete()


queue.every(60, "agents.tasks.tidy_calls")
queue.every(1, "agents.tasks.end_canceled_calls")
