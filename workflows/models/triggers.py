"""Triggers: what starts the runs of active workflows."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import User
from workflows.engine import triggers
from workflows.models.workflows import Workflow, WorkflowVersion

LONGEST_PATH = 500
CLOCKS = (triggers.SCHEDULE, triggers.POLL)
LATE = timedelta(minutes=1)


class TriggerQuerySet(models.QuerySet["Trigger"]):
    """Questions about many triggers."""

    def visible_to(self, user: User) -> Self:
        """Triggers of workflows of the user's teams."""
        return self if user.is_superuser else self.filter(workflow__team__in=user.roles)

    def clocks(self) -> Self:
        """Those that follow a clock, the one that is due first in front."""
        rows = self.filter(kind__in=CLOCKS, test=False).select_related("workflow", "version")
        rows = rows.defer("workflow__static_text", "version__text", "version__findings")
        return rows.order_by(models.F("due_at").asc(nulls_last=True), "pk")

    def late(self, now: datetime) -> Self:
        """Those whose moment came more than a minute ago, and nobody has seen to it."""
        return self.filter(test=False, due_at__lt=now - LATE)

    def called(self) -> Self:
        """Those that have an address and listen now, with what lists show of their workflows."""
        now = timezone.now()
        listening = models.Q(until=None) | models.Q(until__gt=now)
        rows = self.filter(listening).exclude(path="").select_related("workflow__team")
        return rows.defer("workflow__static_text").order_by("-pk")


class Trigger(models.Model):
    """One way a node of a workflow starts runs: a call at a path, or moments of a clock.

    Rows are made when a workflow is activated and gone when it no longer is. A `test` one is there
    for a person who builds: for one call, and not for long.
    """

    class Kind(models.TextChoices):
        """What it listens to."""

        WEBHOOK = triggers.WEBHOOK, "Webhook"
        FORM = triggers.FORM, "Form"
        CHAT = triggers.CHAT, "Chat"
        SCHEDULE = triggers.SCHEDULE, "Schedule"
        POLL = triggers.POLL, "Poll"

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="triggers")
    version = models.ForeignKey(WorkflowVersion, on_delete=models.CASCADE, related_name="+")
    node = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    method = models.CharField(max_length=10, blank=True)
    path = models.CharField(max_length=LONGEST_PATH, blank=True)
    options = models.JSONField(default=dict, blank=True)
    rules = models.JSONField(default=list, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="The next moment of its clock")
    last_at = models.DateTimeField(null=True, blank=True, help_text="When it last started a run")
    trouble = models.TextField(blank=True, help_text="Why it did not start the last one")
    test = models.BooleanField(default=False)
    until = models.DateTimeField(null=True, blank=True, help_text="When a test one is gone")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = TriggerQuerySet.as_manager()

    class Meta:
        ordering = ["workflow", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["path", "method", "test"],
                condition=~models.Q(path=""),
                name="trigger_address",
            )
        ]
        indexes = [models.Index(fields=["due_at"], name="trigger_due")]

    def __str__(self) -> str:
        return f"{self.node} of {self.workflow}"

    @property
    def team_ids(self) -> list[int]:
        """The team whose workflow it starts."""
        return [self.workflow.team_id]

    @property
    def address(self) -> str:
        """Where it is called, below the base URL; empty for a clock."""
        if not self.path:
            return ""
        door = "form" if self.kind == self.Kind.FORM else "webhook"
        return f"/{door}{'-test' if self.test else ''}/{self.path}"
