"""What the runs of a workflow come to, day by day."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from workflows.models import Execution, Workflow
from workflows.models.executions import OPEN, SUCCESS


@dataclass(frozen=True)
class Day:
    """The runs that were started on one day."""

    day: date
    runs: int
    succeeded: int
    failed: int
    ms: float


def usage_of(workflow: Workflow, days: int) -> list[Day]:
    """Return what is kept of the last days, today first; a day without runs is left out."""
    since = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    since -= timedelta(days=days - 1)
    rows = Execution.objects.filter(workflow=workflow, created_at__gte=since).order_by()
    ended = ~Q(state__in=(*OPEN, SUCCESS))
    found = (
        rows.annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(
            runs=Count("pk"),
            succeeded=Count("pk", filter=Q(state=SUCCESS)),
            failed=Count("pk", filter=ended),
            ms=Sum("ms", default=0.0),
        )
    )
    return [Day(**one) for one in found.order_by("-day")]
