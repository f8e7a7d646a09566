"""Rows that are work: claimed by one process at a time, given back when it dies.

A claim is one conditional statement. Renewing is one UPDATE a third into the lease. Every write of
a result is guarded by owner and attempt, so a late zombie changes nothing. A row whose owner
process is gone is taken again within a second on the same host, and when its lease ends on
another. After three deaths it is quarantined, and says so; after two it is carried apart from
others that died as often, so that what kills its process is found and they are not.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    models,
    transaction,
)
from django.utils import timezone

from whoosh_site.core import owner as owners

LEASE = timedelta(seconds=30)
DEATHS_ALLOWED = 3
SUSPECT = DEATHS_ALLOWED - 1
"""Deaths after which a process carries one such row at a time: the next death tells which."""
NORMAL = 3
"""The middle of the priorities: 1 is most urgent, 5 least."""

QUEUED = "queued"
RUNNING = "running"
QUARANTINED = "quarantined"
FINISHED = {"owner": "", "lease_until": None, "deaths": 0, "trouble": ""}
"""What no row that ended keeps, unless its end says otherwise."""


class Leased(models.Model):
    """What every row of work carries. Concrete models add their own final states."""

    STARTS_FROM: ClassVar[Sequence[str]] = (QUEUED,)
    """States in which a row is looked at when it is due."""

    state = models.CharField(max_length=12, default=QUEUED)
    priority = models.PositiveSmallIntegerField(
        default=NORMAL, help_text="1 is most urgent, 5 least"
    )
    due_at = models.DateTimeField(default=timezone.now)
    owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    deaths = models.PositiveSmallIntegerField(default=0)
    trouble = models.TextField(blank=True, help_text="Why it waits, or what went wrong last")
    cancel_asked = models.BooleanField(default=False)

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["state", "priority", "due_at"], name="%(class)s_claim"),
            models.Index(fields=["state", "owner"], name="%(class)s_owner"),
        ]


Row = TypeVar("Row", bound=Leased)
Written = TypeVar("Written")


@dataclass(frozen=True)
class Lease(Generic[Row]):
    """The right to write one row for one attempt."""

    model: type[Row]
    pk: int
    owner: str
    attempt: int
    deaths: int = field(default=0, compare=False)
    """Deaths of processes that carried the row before."""

    @property
    def suspect(self) -> bool:
        """Whether the row may be what kills its processes."""
        return self.deaths >= SUSPECT

    def _mine(self) -> "models.QuerySet[Row]":
        return self.model._default_manager.filter(**self.fence)

    def write(self, **fields: Any) -> bool:
        """Write fields while the row is still ours; False when it no longer is."""
        return self._mine().update(**fields) == 1

    def finish(self, state: str, **fields: Any) -> bool:
        """End the row in a final state; False when another attempt owns it by now."""
        return self.write(state=state, **(FINISHED | fields))

    @property
    def fence(self) -> dict[str, Any]:
        """What stands in the row while it is ours, for `bulk.update_each`."""
        return {"pk": self.pk, "state": RUNNING, "owner": self.owner, "attempt": self.attempt}

    def put_back(self, due_at: datetime, **fields: Any) -> bool:
        """Queue the row again, not before `due_at`."""
        queued = {"state": QUEUED, "owner": "", "lease_until": None, "due_at": due_at}
        return self.write(**(queued | fields))

    def stumble(self, trouble: str, *, seconds: float = 5.0) -> "Returned":
        """Count an unforeseen failure like a death: queued again, or quarantined at the third."""
        row, back = self._mine().values("deaths").first(), Returned([], [])
        if row is None:
            return back
        deaths = row["deaths"] + 1
        later = timezone.now() + timedelta(seconds=seconds * 2 ** row["deaths"])
        quarantined = deaths >= DEATHS_ALLOWED
        if self.put_back(
            later,
            state=QUARANTINED if quarantined else QUEUED,
            deaths=deaths,
            trouble=trouble,
        ):
            (back.quarantined if quarantined else back.queued).append(self.pk)
        return back


def due(kinds: Collection[type[Leased]], now: datetime | None = None) -> set[type[Leased]]:
    """Return those of which a row waits to be claimed.

    Asked at every commit anywhere: one statement, which only reads and so takes no write lock.
    """
    moment = connection.ops.adapt_datetimefield_value(now or timezone.now())
    questions: list[str] = []
    values: list[Any] = []
    for model in kinds:
        table = connection.ops.quote_name(model._meta.db_table)
        states = ", ".join(["%s"] * len(model.STARTS_FROM))
        waiting = f"SELECT 1 FROM {table} WHERE state IN ({states}) AND due_at <= %s"  # noqa: S608
        questions.append(f"EXISTS ({waiting})")
        values += [*model.STARTS_FROM, moment]
    if not questions:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(questions)}", values)
        return {model for model, found in zip(kinds, cursor.fetchone(), strict=True) if found}


def claim(model: type[Row], owner: str, limit: int) -> list[Lease[Row]]:
    """Take up to `limit` due rows, most urgent and longest due first, in one statement."""
    now = timezone.now()
    adapt = connection.ops.adapt_datetimefield_value
    skip = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    table = connection.ops.quote_name(model._meta.db_table)
    # Materialised: PostgreSQL may run a plain subquery once a row, and claim more than the limit.
    statement = f"""
        WITH chosen AS MATERIALIZED (
            SELECT id FROM {table} WHERE state=%s AND due_at<=%s
            ORDER BY priority, due_at, id LIMIT %s {skip})
        UPDATE {table} SET state=%s, owner=%s, lease_until=%s, attempt=attempt+1
        WHERE state=%s AND id IN (SELECT id FROM chosen)
        RETURNING priority, due_at, id, attempt, deaths"""  # noqa: S608  (only the table's own name)
    values = [QUEUED, adapt(now), limit, RUNNING, owner, adapt(now + LEASE), QUEUED]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        # RETURNING has an order of its own; whoever is started first gets the free slot.
        taken = sorted(cursor.fetchall())
    return [Lease(model, pk, owner, attempt, deaths) for _, _, pk, attempt, deaths in taken]


def claim_one(model: type[Row], pk: int, owner: str) -> Lease[Row] | None:
    """Take one particular queued row; None when somebody else was first."""
    now = timezone.now()
    taken = model._default_manager.filter(pk=pk, state=QUEUED).update(
        state=RUNNING, owner=owner, lease_until=now + LEASE, attempt=models.F("attempt") + 1
    )
    if not taken:
        return None
    attempt, deaths = model._default_manager.values_list("attempt", "deaths").get(pk=pk)
    return Lease(model, pk, owner, attempt, deaths)


def renew(model: type[Leased], owner: str, pks: Iterable[int]) -> int:
    """Extend this owner's leases on these rows; returns how many.

    Only what is really in hand: a row whose work was lost in its owner must come back by its end.
    """
    mine = model._default_manager.filter(pk__in=list(pks), state=RUNNING, owner=owner)
    return mine.update(lease_until=timezone.now() + LEASE)


@dataclass(frozen=True)
class Returned:
    """Rows whose work ended without a result, by what became of them."""

    queued: list[int]
    quarantined: list[int]


def give_back(model: type[Leased]) -> Returned:
    """Return rows of dead owners: of this host at once, of others when their lease has ended."""
    running = model._default_manager.filter(state=RUNNING)
    now = timezone.now()
    owners_seen = running.order_by().values_list("owner", flat=True).distinct()
    dead = [owner for owner in owners_seen if owners.is_dead(owner)]
    lost = running.filter(models.Q(owner__in=dead) | models.Q(lease_until__lt=now))
    found = list(lost.values_list("pk", "owner", "attempt", "deaths"))
    back = Returned([], [])
    for pk, owner, attempt, deaths in found:
        state = QUARANTINED if deaths + 1 >= DEATHS_ALLOWED else QUEUED
        moved = running.filter(pk=pk, owner=owner, attempt=attempt).update(
            state=state,
            owner="",
            lease_until=None,
            due_at=now,
            deaths=deaths + 1,
            trouble=f"its process died ({deaths + 1} of {DEATHS_ALLOWED})",
        )
        if moved:
            (back.quarantined if state == QUARANTINED else back.queued).append(pk)
    return back


def cancel(model: type[Leased], pk: int, *, state: str, **fields: Any) -> bool:
    """End a queued row at once, or ask the owner of a running one to stop.

    Returns False when it had already ended.
    """
    rows = model._default_manager.filter(pk=pk)
    if rows.filter(state=QUEUED).update(state=state, cancel_asked=True, **fields):
        return True
    return rows.filter(state=RUNNING).update(cancel_asked=True) == 1


def wake() -> None:
    """Tell runners on PostgreSQL that there is work; SQLite's runners see the commit itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('whoosh_work', '')")


async def persist(write: Callable[..., Written], *args: Any, seconds: float = 60.0) -> Written:
    """Write in the database thread; while the database is away, try again for so long.

    For what is written under a lease: should it have ended meanwhile, the fence tells.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return await sync_to_async(write)(*args)
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            await sync_to_async(close_old_connections)()
            await asyncio.sleep(0.5)


def release_all(model: type[Leased], owner: str) -> int:
    """Queue again everything this owner still holds: for a clean stop, which is no death."""
    with transaction.atomic():
        mine = model._default_manager.filter(state=RUNNING, owner=owner)
        return mine.update(state=QUEUED, owner="", lease_until=None, due_at=timezone.now())
