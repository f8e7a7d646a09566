"""Write and verify the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from whoosh_site.core.actor import Actor
from whoosh_site.core.models.audit import GENESIS, AuditEntry

_LOCK = 0x57484F4F  # any number of our own; PostgreSQL serialises the chain on it


@transaction.atomic
def record(
    by: Actor,
    action: str,
    target: models.Model,
    details: Mapping[str, Any] | None = None,
    *,
    team_id: int | None = None,
) -> AuditEntry:
    """Append one entry, in the transaction of the change it tells of.

    Args:
        by: who did it.
        action: a past participle such as "created" or "drained".
        target: the row it was done to; its team is noted.
        details: what changed, as JSON; never a secret value.
        team_id: the team, where the target has no `team_id` of its own.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    last = AuditEntry.objects.order_by("-number").values("number", "digest").first()
    entry = AuditEntry(
        number=(last["number"] + 1) if last else 1,
        at=timezone.now(),
        actor_id=by.user.pk if by.user else None,
        actor=str(by)[:200],
        team_id=team_id or getattr(target, "team_id", None),
        action=action,
        target_type=target._meta.label,
        target_id=str(target.pk),
        target=str(target)[:200],
        details=dict(details or {}),
        previous=last["digest"] if last else GENESIS,
    )
    entry.digest = entry.computed_digest()
    entry.save()
    return entry


@dataclass(frozen=True)
class Broken:
    """Where the chain does not hold."""

    number: int
    why: str


def verify() -> tuple[int, Broken | None]:
    """Walk the chain; returns how many entries hold and the first place where it breaks."""
    previous, expected = GENESIS, 1
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=1000):
        if entry.number != expected:
            return expected - 1, Broken(expected, "is missing")
        if entry.previous != previous:
            return expected - 1, Broken(entry.number, "does not follow the entry before it")
        if entry.computed_digest() != entry.digest:
            return expected - 1, Broken(entry.number, "was changed after it was written")
        previous, expected = entry.digest, expected + 1
    return expected - 1, None
