"""The audit trail: append-only and hash-chained."""

import hashlib
import json
from typing import Any, NoReturn, Self

from django.db import models

from whoosh_site.core.models.people import User

GENESIS = "0" * 64


class AppendOnlyError(TypeError):
    """Somebody tried to change or delete an audit entry."""

    def __init__(self) -> None:
        super().__init__("audit entries are append-only")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Reads only; every way of changing many rows is closed."""

    def visible_to(self, user: User) -> Self:
        """Entries of the teams the user owns; all of them for an admin."""
        if user.is_superuser:
            return self
        owned = [team for team, role in user.roles.items() if role == "owner"]
        return self.filter(team_id__in=owned)

    def update(self, **_: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError

    def _raw_delete(self, using: str | None) -> NoReturn:
        raise AppendOnlyError

    def bulk_create(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: it could overwrite, and would not follow the chain."""
        raise AppendOnlyError

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError


class AuditEntry(models.Model):
    """Who changed what, when. Plain columns: people and objects may go, the entry stays."""

    number = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=200)
    team_id = models.BigIntegerField(null=True, db_index=True)
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    details = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "audit entries"
        base_manager_name = "objects"  # else Django's own manager would still change rows

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only."""
        if self.pk is not None:
            raise AppendOnlyError
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError

    def computed_digest(self) -> str:
        """Return the SHA-256 over this entry and the digest before it."""
        fields = [
            self.number,
            self.at.isoformat(),
            self.actor_id,
            self.actor,
            self.team_id,
            self.action,
            self.target_type,
            self.target_id,
            self.target,
            self.details,
            self.previous,
        ]
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
