"""Which executions a runner takes: no team's runs keep those of the others waiting."""

from collections import Counter

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from whoosh_site.core import leases, tunables
from whoosh_site.core.leases import QUEUED, RUNNING, Lease
from whoosh_site.core.models.people import Team
from workflows.models import Execution
from workflows.models.executions import WAITING


def wake_executions() -> None:
    """Queue the runs whose time has come."""
    rows = Execution.objects.filter(state=WAITING, due_at__lte=timezone.now())
    if rows.exists():  # reads only: takes no write lock
        rows.update(state=QUEUED)


def claim_executions(owner: str, limit: int) -> list[Lease[Execution]]:
    """Take due runs for this owner, most urgent first, of each team no more than may run at once.

    A team that has its number running is passed over: its next run starts when one of them ends.
    """
    wake_executions()
    if not (leases.due(Execution) and _startable(limit)):  # reads only, as above
        return []
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer anyway
            due = Execution.objects.filter(state=QUEUED, due_at__lte=timezone.now())
            rows = Team.objects.filter(pk__in=due.order_by().values("team")).order_by("pk")
            list(rows.select_for_update(no_key=True).values("pk"))
        claimed = [leases.claim_one(Execution, pk, owner) for pk in _startable(limit)]
    return [lease for lease in claimed if lease is not None]


def _startable(limit: int) -> list[int]:
    most = tunables.value("executions_per_team")
    running = Execution.objects.filter(state=RUNNING).order_by()
    busy: Counter[int] = Counter(dict(running.values_list("team").annotate(n=Count("pk"))))
    full = [team for team, count in busy.items() if count >= most]
    due = Execution.objects.filter(state=QUEUED, due_at__lte=timezone.now()).exclude(team__in=full)
    found = []
    for pk, team in due.order_by("priority", "due_at", "pk").values_list("pk", "team")[:limit]:
        busy[team] += 1
        if busy[team] <= most:
            found.append(pk)
    return found
