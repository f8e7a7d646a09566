"""Approvals: questions a person answers before a run goes on."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from whoosh_site.core.models.people import Role, Team, User
from workflows.models.executions import Execution


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Questions about many approvals."""

    def visible_to(self, user: User) -> Self:
        """Approvals of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def open(self) -> Self:
        """Those somebody can still decide."""
        in_time = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(in_time, state=Approval.State.PENDING)

    def brief(self) -> Self:
        """What a list shows, newest first."""
        rows = self.select_related("execution__workflow", "requester", "decided_by")
        unread = ("execution__input_text", "execution__nodes", "execution__workflow__static_text")
        return rows.defer("data", *unread).order_by("-pk")


class Approval(models.Model):
    """One question, about one thing, for one decision.

    `digest` is the SHA-256 of question, text and data: who decides names it, so that nobody decides
    about something else than they saw.
    """

    class State(models.TextChoices):
        """All but the first are final."""

        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Expired"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Deciders(models.TextChoices):
        """Who may decide."""

        EDITORS = "editors", "Editors of the team"
        OWNERS = "owners", "Owners of the team"
        USERS = "users", "These people"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="approvals")
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="approvals")
    node = models.CharField(max_length=200)
    question = models.CharField(max_length=300)
    text = models.TextField(blank=True, help_text="More about it, in Markdown")
    data = models.TextField(blank=True, help_text="What it is about: items as JSON, cut when long")
    digest = models.CharField(max_length=64)
    deciders = models.CharField(max_length=10, choices=Deciders.choices, default=Deciders.EDITORS)
    users = models.JSONField(default=list, blank=True, help_text="Names of these people")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+",
        help_text="Who started the run, if a person did",
    )  # fmt: skip
    requester_may = models.BooleanField(default=False, help_text="Whether that person may decide")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state", "team", "-id"], name="approval_open"),
            models.Index(fields=["state", "expires_at"], name="approval_expiry"),
        ]

    def __str__(self) -> str:
        return self.question

    def get_absolute_url(self) -> str:
        """Return the approval's page."""
        return f"/approvals/{self.pk}/"

    @property
    def is_open(self) -> bool:
        """Whether somebody can still decide."""
        return self.state == self.State.PENDING and not self._is_over

    @property
    def shown_state(self) -> str:
        """The state; a question whose time is over has expired, whether written down yet or not."""
        return self.State.EXPIRED if self._is_late else self.state

    @property
    def shown_label(self) -> str:
        """The state in words."""
        return self.State(self.shown_state).label

    @property
    def who_may(self) -> str:
        """Who may decide, in words."""
        if self.deciders == self.Deciders.USERS:
            return ", ".join(self.users)
        return self.get_deciders_display()

    def refusal_of(self, user: User) -> str:
        """Say why this person may not decide; nothing when they may."""
        if user.pk == self.requester_id and not self.requester_may:
            return "You started this run: somebody else has to decide."
        if self.deciders == self.Deciders.USERS:
            named = user.get_username() in self.users
            return "" if named else f"Only {self.who_may} may decide."
        needed = Role.OWNER if self.deciders == self.Deciders.OWNERS else Role.EDITOR
        role = user.roles.get(self.team_id)
        if user.is_superuser or (role is not None and role.rank >= needed.rank):
            return ""
        return f"Only {self.who_may.lower()} may decide."

    @property
    def _is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def _is_late(self) -> bool:
        return self.state == self.State.PENDING and self._is_over
