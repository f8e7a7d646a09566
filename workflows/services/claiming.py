"""Which executions a runner takes: no team's runs keep those of the others waiting."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from whoosh_site.core import leases, tunables
from whoosh_site.core.leases import QUEUED, RUNNING, Lease
from whoosh_site.core.models.people import Team
from workflows.models import Execution, Workflow
from workflows.models.executions import WAITING


def wake_executions() -> None:
    """Queue the runs whose time has come."""
    rows = Execution.objects.filter(state=WAITING, due_at__lte=timezone.now())
    if rows.exists():  # reads only: takes no write lock
        rows.update(state=QUEUED)


def claim_executions(owner: str, limit: int) -> list[Lease[Execution]]:
    """Take due runs for this owner: of each team and workflow no more than may run at once.

    One that has its number running is passed over: its next run starts when one of them ends.
    """
    wake_executions()
    if not _startable(limit):  # reads only, as above
        return []
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer anyway
            due = Execution.objects.filter(state=QUEUED, due_at__lte=timezone.now())
            rows = Team.objects.filter(pk__in=due.order_by().values("team")).order_by("pk")
            list(rows.select_for_update(no_key=True).values("pk"))
        claimed = [leases.claim_one(Execution, pk, owner) for pk in _startable(limit)]
    return [lease for lease in claimed if lease is not None]


def _startable(limit: int) -> list[int]:
    """Return what may start now: teams take turns, each with its most urgent runs first.

    A more urgent run of one team goes before a less urgent one of another, whosever turn it is.
    """
    due = Execution.objects.filter(state=QUEUED, due_at__lte=timezone.now()).order_by()
    teams = list(due.values_list("team", flat=True).distinct())
    if not teams:
        return []
    most, busy = tunables.value("executions_per_team"), _running("team")
    limited = _limited(teams)
    found: list[tuple[int, int, datetime, int]] = []
    for team in teams:
        free, mine = min(most - busy[team], limit), due.filter(team=team)
        rows = _first(mine.exclude(workflow__in=limited[team]), free)
        for workflow, room in limited[team].items():
            rows += _first(mine.filter(workflow=workflow), min(free, room))
        for turn, (priority, due_at, pk) in enumerate(sorted(rows)[: max(free, 0)]):
            found.append((priority, turn, due_at, pk))
    return [pk for *_, pk in sorted(found)[:limit]]


def _first(rows: QuerySet[Execution], count: int) -> list[Any]:
    urgent = rows.order_by("priority", "due_at", "pk")
    return list(urgent.values_list("priority", "due_at", "pk")[:count]) if count > 0 else []


def _running(what: str) -> Counter[int]:
    rows = Execution.objects.filter(state=RUNNING).order_by()
    return Counter(dict(rows.values_list(what).annotate(n=Count("pk"))))


def _limited(teams: list[int]) -> dict[int, dict[int, int]]:
    """Return by team how many more runs its workflows with a limit of their own may have."""
    found: dict[int, dict[int, int]] = {team: {} for team in teams}
    rows = Workflow.objects.filter(team__in=teams, at_once__gt=0).order_by()
    limits = list(rows.values_list("team", "pk", "at_once"))
    busy = _running("workflow") if limits else Counter[int]()
    for team, workflow, at_once in limits:
        found[team][workflow] = at_once - busy[workflow]
    return found
