"""Clocks of triggers: the zone, the rules and the next moment of a row."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import islice

from django.conf import settings
from django.db import connection
from django.utils import timezone

from workflows.engine import moments, schedules
from workflows.engine.schedules import Rule
from workflows.models import Trigger

ANCHOR, ZONE = "anchor", "timezone"
"""Options of a trigger: the moment its intervals are counted from, and its workflow's own zone."""


def database_now() -> datetime:
    """Return the time the database has: on PostgreSQL that of all machines, whatever theirs say."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def wind(triggers: Sequence[Trigger], before: Sequence[Trigger]) -> None:
    """Give triggers that follow a clock their anchor and their next moment; they are not saved.

    `before` are those they replace: where a node's rules and zone are still the same its clock goes
    on, and so does a moment that has come and was not seen to.
    """
    now = database_now()
    old = {(one.node, one.kind): one for one in before}
    for trigger in triggers:
        if not trigger.rules:
            continue
        trigger.options.setdefault(ANCHOR, now.isoformat())
        same = old.get((trigger.node, trigger.kind))
        if same is not None and (same.rules, same.options.get(ZONE)) == (
            trigger.rules,
            trigger.options.get(ZONE),
        ):
            trigger.options[ANCHOR] = same.options.get(ANCHOR, trigger.options[ANCHOR])
            trigger.due_at, trigger.last_at, trigger.trouble = (
                same.due_at, same.last_at, same.trouble,
            )  # fmt: skip
        trigger.due_at = trigger.due_at or next(slots_of(trigger, now), None)


def zone_name(trigger: Trigger) -> str:
    """Return the zone its rules are read in: the workflow's own, or the instance's."""
    return str(trigger.options.get(ZONE) or settings.TIME_ZONE)


def zone_of(trigger: Trigger) -> tzinfo:
    """Return that zone."""
    return moments.zone(zone_name(trigger))


def rules_of(trigger: Trigger) -> list[Rule]:
    """Return its rules."""
    return [Rule.read(one) for one in trigger.rules]


def anchor_of(trigger: Trigger) -> datetime:
    """Return the moment its intervals are counted from."""
    kept = trigger.options.get(ANCHOR)
    return datetime.fromisoformat(kept) if kept else trigger.created_at


def slots_of(trigger: Trigger, after: datetime) -> Iterator[datetime]:
    """Yield its moments after one, without end as a rule."""
    return schedules.slots(rules_of(trigger), after, zone_of(trigger), anchor_of(trigger))


def coming(trigger: Trigger, count: int = 5) -> list[datetime]:
    """Return its next moments, the one that is due first."""
    if trigger.due_at is None:
        return []
    return [trigger.due_at, *islice(slots_of(trigger, trigger.due_at), count - 1)]
