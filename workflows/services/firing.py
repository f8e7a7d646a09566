"""Clocks start runs: whoever sees first that a moment has come moves its trigger on.

The move is one conditional UPDATE on the moment itself, in the transaction that creates the runs.
So a moment is never lost and never counted twice, however many look, and wherever one of them
stands still.
"""

import logging
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from whoosh_site.core import leases
from whoosh_site.core.prepared import Prepared
from whoosh_site.core.runner import TICK
from workflows.engine import schedules
from workflows.engine.schedules import ONCE, SKIP, Plan
from workflows.engine.values import dumps
from workflows.live import tell_execution
from workflows.models import Execution, Trigger
from workflows.models.executions import OPEN
from workflows.services.clocks import (
    anchor_of,
    database_now,
    rules_of,
    zone_name,
    zone_of,
)

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Triggers moved on in one transaction."""
PATIENCE = "10s"
"""How long a scheduler that stands still may hold its rows on PostgreSQL."""
SOON = 0.05
"""Seconds until rows that another scheduler holds are looked at again."""

_first = Prepared(
    lambda: (
        Trigger.objects.filter(due_at__isnull=False, test=False)
        .order_by("due_at")
        .values_list("due_at")[:1]
    )
)


def keep_time() -> float:
    """Start the runs whose moment has come; returns in how many seconds to look again.

    While nothing is due it reads one row, the first of an index, and writes nothing.
    """
    found = _first.rows()
    if not found:
        return TICK
    now = database_now()
    wait = (found[0][0] - now).total_seconds()
    if wait > 0:
        return min(wait, TICK)
    return 0.0 if fire(now) else SOON


@transaction.atomic
def fire(now: datetime) -> int:
    """Start what is due; returns how many triggers were moved on."""
    rows = Trigger.objects.filter(due_at__lte=now, test=False).order_by("due_at", "pk")
    rows = rows.select_related("workflow", "version")
    rows = rows.defer("workflow__static_text", "version__text", "version__findings")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{PATIENCE}'")
        rows = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    count = sum(_moved_on(trigger, now) for trigger in rows[:AT_ONCE])
    if count:
        leases.wake()
    return count


def _moved_on(trigger: Trigger, now: datetime) -> bool:
    slot = trigger.due_at
    if slot is None:
        return False
    mine = Trigger.objects.filter(pk=trigger.pk, due_at=slot)
    try:
        plan = _plan(trigger, slot, now)
    except (TypeError, ValueError, OverflowError) as error:  # somebody wrote into the row
        log.exception("the rules of %s cannot be read", trigger.pk)
        words = f"Its rules cannot be read ({error}). Activate the workflow anew."
        return bool(mine.update(due_at=None, trouble=words))
    run = plan.run
    news: dict[str, Any] = {"due_at": plan.next}
    if run and _held_up(trigger):
        run = ()
        if trigger.kind == Trigger.Kind.SCHEDULE:
            news["trouble"] = f"{_shown(slot, trigger)} was left out: an earlier run still goes on."
    elif plan.left_out:
        news["trouble"] = (
            f"{plan.left_out} moments from {_shown(slot, trigger)} on were missed: nothing ran."
        )
    elif trigger.kind == Trigger.Kind.SCHEDULE:
        news["trouble"] = ""
    if run:
        news["last_at"] = now
    if not mine.update(**news):
        return False
    for one in run:
        _start(trigger, one)
    return True


def _plan(trigger: Trigger, slot: datetime, now: datetime) -> Plan:
    missed = trigger.options.get("missed", ONCE)
    found = schedules.plan(
        rules_of(trigger), slot, now, zone_of(trigger), anchor_of(trigger), missed
    )
    if trigger.kind == Trigger.Kind.POLL:  # one look sees what several would have
        return Plan(found.run[-1:], 0, found.next)
    return found


def _held_up(trigger: Trigger) -> bool:
    """Say whether an earlier run keeps this one from being started."""
    if trigger.kind == Trigger.Kind.POLL:
        return _open(trigger).filter(data__isnull=True).exists()
    return trigger.options.get("overlap") == SKIP and _open(trigger).exists()


def _open(trigger: Trigger) -> QuerySet[Execution]:
    rows = Execution.objects.filter(state__in=OPEN, workflow=trigger.workflow_id)
    return rows.filter(start_node=trigger.node, source=trigger.kind)


def _start(trigger: Trigger, slot: datetime) -> None:
    item = schedules.told(slot, zone_of(trigger), zone_name(trigger))
    execution = Execution.objects.create(
        team_id=trigger.workflow.team_id,
        workflow_id=trigger.workflow_id,
        version_id=trigger.version_id,
        source=trigger.kind,
        mode=Execution.Mode.PRODUCTION,
        slot=slot,
        start_node=trigger.node,
        input_text=dumps([{"json": item}]).decode(),
    )
    if trigger.kind == Trigger.Kind.SCHEDULE:  # a look is told when it has found something
        tell_execution(execution)


def _shown(slot: datetime, trigger: Trigger) -> str:
    return f"{slot.astimezone(zone_of(trigger)):%Y-%m-%d %H:%M}"
