"""Schedules as people and programs see them: words, next runs, the last one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from workflows import services
from workflows.models import Execution, Trigger
from workflows.models.triggers import LATE, TriggerQuerySet

SHOWN = 5
"""Runs to come that are shown."""


@dataclass(frozen=True)
class Clock:
    """One trigger that follows a clock."""

    trigger: Trigger
    rules: Sequence[str]
    timezone: str
    next: Sequence[datetime]  # in its own zone
    last: Execution | None
    late: bool


def with_last(rows: TriggerQuerySet) -> TriggerQuerySet:
    """Add the id of the last run of each."""
    runs = Execution.objects.filter(
        workflow=OuterRef("workflow"), start_node=OuterRef("node"), source=OuterRef("kind")
    )
    return rows.annotate(last_run=Subquery(runs.order_by("-pk").values("pk")[:1]))


def clocks(rows: Iterable[Trigger]) -> list[Clock]:
    """Return what is shown of triggers that came `with_last`."""
    found = list(rows)
    wanted = [one.last_run for one in found if one.last_run]
    runs = Execution.objects.brief().in_bulk(wanted)
    now = services.database_now()
    return [clock(one, runs.get(one.last_run), now) for one in found]


def clock(trigger: Trigger, last: Execution | None, now: datetime) -> Clock:
    """Return what is shown of one."""
    zone = services.zone_of(trigger)
    try:
        rules = [str(rule) for rule in services.rules_of(trigger)]
        coming = [one.astimezone(zone) for one in services.coming(trigger, SHOWN)]
    except (TypeError, ValueError, OverflowError):  # somebody wrote into the row
        rules, coming = [], []
    late = trigger.due_at is not None and trigger.due_at < now - LATE
    return Clock(trigger, rules, services.zone_name(trigger), coming, last, late)
