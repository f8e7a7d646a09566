"""Credentials: what a team's workflows sign in elsewhere with, encrypted."""

import json
import secrets
import string
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import Team, User
from whoosh_site.core.secrets import Secret, SecretField
from workflows.credentials import CredentialType, shelf

LONGEST_NAME = 128
Kind = type[CredentialType]
LETTERS = string.ascii_letters + string.digits


def fresh_ref() -> str:
    """Return an id of n8n's form: documents name a credential by it, here and elsewhere."""
    return "".join(secrets.choice(LETTERS) for _ in range(16))


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Questions about many credentials."""

    def visible_to(self, user: User) -> Self:
        """Credentials of the user's teams, and those shared with them."""
        if user.is_superuser:
            return self
        mine = models.Q(team__in=user.roles) | models.Q(shared_with__in=user.roles)
        return self.filter(mine).distinct()

    def of_team(self, team_id: int) -> Self:
        """Credentials workflows of a team may use, the team's own first."""
        mine = models.Q(team=team_id) | models.Q(shared_with=team_id)
        own = models.Case(models.When(team=team_id, then=0), default=1)
        return self.filter(mine).annotate(foreign=own).order_by("foreign", "pk").distinct()

    def brief(self) -> Self:
        """What lists show: no secret is read."""
        rows = self.select_related("team", "created_by", "connected_by")
        return rows.defer("values_text", "token_text").prefetch_related("shared_with")


class Credential(models.Model):
    """A credential of a team: what was entered, encrypted, and the hosts it may be sent to.

    Documents name it by `ref` and `name`; values are in neither exports nor run data. For OAuth2,
    `token_text` holds what the provider gave: whoever renews it counts `token_version` up.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="credentials")
    shared_with = models.ManyToManyField(
        Team, blank=True, related_name="shared_credentials",
        help_text="Other teams whose workflows may use it",
    )  # fmt: skip
    type = models.CharField(max_length=60, help_text="As in n8n, such as httpHeaderAuth")
    name = models.CharField(max_length=LONGEST_NAME)
    ref = models.CharField(
        max_length=64, default=fresh_ref, help_text="The id documents name it by; n8n's own, if any"
    )
    values_text = SecretField(help_text="What was entered, as JSON")
    hosts = models.JSONField(default=list, blank=True, help_text="Where it may be sent to")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    works = models.BooleanField(null=True, blank=True, help_text="What the last test showed")
    test_words = models.CharField(max_length=500, blank=True)
    token_text = SecretField(blank=True, help_text="OAuth2: what the provider gave, as JSON")
    token_version = models.PositiveIntegerField(default=0)
    token_ends_at = models.DateTimeField(null=True, blank=True)
    renewing_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when one process alone may renew the token"
    )
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    trouble = models.CharField(
        max_length=500, blank=True, help_text="Why no token can be had until somebody connects it"
    )

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["team", "type", "name"], name="credential_name"),
            models.UniqueConstraint(fields=["team", "ref"], name="credential_ref"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the credential's page."""
        return f"/credentials/{self.pk}/"

    @property
    def kind(self) -> Kind | None:
        """Its type on the shelf; None for one that is not there any more."""
        return shelf.get(self.type)

    @property
    def label(self) -> str:
        """What its type is called."""
        return self.kind.label if self.kind else self.type

    @property
    def entered(self) -> dict[str, Any]:
        """What was entered. Raises SecretKeyError when its key is missing."""
        found: dict[str, Any] = json.loads(self.values_text.reveal() or "{}")
        return found

    @entered.setter
    def entered(self, values: dict[str, Any]) -> None:
        self.values_text = Secret.of(json.dumps(values, ensure_ascii=False))

    def forget_token(self) -> None:
        """Let go of what the provider gave; not saved yet."""
        self.token_text, self.token_ends_at, self.trouble = Secret(""), None, ""
        self.connected_by = self.renewing_until = None
        self.token_version += 1

    @property
    def token(self) -> dict[str, Any]:
        """What the provider gave; empty before somebody has connected it."""
        found: dict[str, Any] = json.loads(self.token_text.reveal() or "{}")
        return found
