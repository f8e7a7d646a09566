"""Clocks start runs: whoever sees first that a moment has come moves its trigger on.

The move is one conditional UPDATE on the moment itself, in the transaction that creates the runs.
So a moment is never lost and never counted twice, however many look, and wherever one of them
stands still.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from whoosh_site.core import leases, live
from whoosh_site.core.bulk import Change, update_each
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

AT_ONCE = 100
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
    count = 0
    while moved := fire(now):  # all at once: what they start would come between
        count += moved
    return 0.0 if count else SOON


@dataclass
class Move:
    """What becomes of a trigger whose moment has come."""

    trigger: Trigger
    slot: datetime
    run: tuple[datetime, ...]
    next: datetime | None
    trouble: str = ""

    @property
    def tells(self) -> bool:
        """Whether its trouble is written; that of a look is when the look is over."""
        return self.trigger.kind == Trigger.Kind.SCHEDULE or self.next is None


@transaction.atomic
def fire(now: datetime) -> int:
    """Start what is due, some of it; returns how many triggers were moved on."""
    rows = Trigger.objects.filter(due_at__lte=now, test=False).order_by("due_at", "pk")
    rows = rows.select_related("workflow").defer("workflow__static_text")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{PATIENCE}'")
        rows = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    moves = [_move(trigger, trigger.due_at, now) for trigger in rows[:AT_ONCE] if trigger.due_at]
    told, silent = [one for one in moves if one.tells], [one for one in moves if not one.tells]
    taken = [*_taken(told, now), *_taken(silent, now)]
    found = [_run(move.trigger, slot) for move in taken for slot in move.run]
    Execution.objects.bulk_create(found)
    with live.together():
        for execution in found:
            if execution.source == Execution.Source.SCHEDULE:  # a look is told once it has news
                tell_execution(execution)
    if found:
        leases.wake()
    return len(taken)


def _taken(moves: Sequence[Move], now: datetime) -> list[Move]:
    """Move triggers on, those that still stand where they were seen; returns them."""
    changes: list[Change] = []
    for move in moves:
        last_at = now if move.run else move.trigger.last_at
        news: dict[str, Any] = {"due_at": move.next, "last_at": last_at}
        if move.tells:
            news["trouble"] = move.trouble
        changes.append(({"pk": move.trigger.pk, "due_at": move.slot}, news))
    moved = update_each(Trigger, changes)
    return [move for move, taken in zip(moves, moved, strict=True) if taken]


def _move(trigger: Trigger, slot: datetime, now: datetime) -> Move:
    try:
        plan = _plan(trigger, slot, now)
    except (TypeError, ValueError, OverflowError) as error:  # somebody wrote into the row
        log.exception("the rules of %s cannot be read", trigger.pk)
        words = f"Its rules cannot be read ({error}). Activate the workflow anew."
        return Move(trigger, slot, (), None, words)
    if plan.run and _held_up(trigger):
        words = f"{_shown(slot, trigger)} was left out: an earlier run still goes on."
        return Move(trigger, slot, (), plan.next, words)
    words = ""
    if plan.left_out:
        first = _shown(slot, trigger)
        words = f"{plan.left_out} moments from {first} on were left out: it is too late for them."
    return Move(trigger, slot, plan.run, plan.next, words)


def _plan(trigger: Trigger, slot: datetime, now: datetime) -> Plan:
    missed = trigger.options.get("missed", ONCE)
    found = schedules.plan(
        rules_of(trigger), slot, now, zone_of(trigger), anchor_of(trigger), missed
    )
    if trigger.kind == Trigger.Kind.POLL:  # one look sees what several would have
        return Plan(found.run[-1:], 0, found.next)
    if trigger.options.get("overlap") == SKIP:  # nor do those of one plan run beside each other
        return Plan(found.run[-1:], found.left_out + len(found.run[:-1]), found.next)
    return found


def _held_up(trigger: Trigger) -> bool:
    """Say whether an earlier run keeps this one from being started."""
    if trigger.kind == Trigger.Kind.POLL:
        return _open(trigger).filter(parts__isnull=True).exists()
    return trigger.options.get("overlap") == SKIP and _open(trigger).exists()


def _open(trigger: Trigger) -> QuerySet[Execution]:
    rows = Execution.objects.filter(state__in=OPEN, workflow=trigger.workflow_id)
    return rows.filter(start_node=trigger.node, source=trigger.kind)


def _run(trigger: Trigger, slot: datetime) -> Execution:
    item = schedules.told(slot, zone_of(trigger), zone_name(trigger))
    return Execution(
        team_id=trigger.workflow.team_id,
        workflow_id=trigger.workflow_id,
        version_id=trigger.version_id,
        source=trigger.kind,
        mode=Execution.Mode.PRODUCTION,
        slot=slot,
        start_node=trigger.node,
        input_text=dumps([{"json": item}]).decode(),
    )


def _shown(slot: datetime, trigger: Trigger) -> str:
    return f"{slot.astimezone(zone_of(trigger)):%Y-%m-%d %H:%M}"
