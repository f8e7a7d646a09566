"""Executions: runs of workflows, and what their nodes gave."""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.people import Team, User
from workflows.engine.run import Step, read_steps
from workflows.models.workflows import Workflow, WorkflowVersion

WAITING, SUCCESS, ERROR, CANCELED = "waiting", "success", "error", "canceled"
OPEN = (QUEUED, RUNNING, WAITING)
LEVEL = 3
"""How hard data is pressed: more costs twice the time for a tenth of the bytes."""


class ExecutionQuerySet(models.QuerySet["Execution"]):
    """Questions about many executions."""

    def visible_to(self, user: User) -> Self:
        """Executions of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def open(self) -> Self:
        """Executions that have not ended."""
        return self.filter(state__in=OPEN)

    def brief(self) -> Self:
        """What a list shows, newest first."""
        rows = self.select_related("workflow", "version", "started_by").order_by("-pk")
        return rows.defer("input_text", "version__text", "version__findings", "nodes")


class Execution(Leased):
    """One run of one version of a workflow."""

    class State(models.TextChoices):
        """States only move downwards; the last four are final."""

        QUEUED = QUEUED, "Queued"
        RUNNING = RUNNING, "Running"
        WAITING = WAITING, "Waiting"
        SUCCESS = SUCCESS, "Succeeded"
        ERROR = ERROR, "Failed"
        CANCELED = CANCELED, "Canceled"
        QUARANTINED = QUARANTINED, "Quarantined"

    class Source(models.TextChoices):
        """Who or what started it."""

        PAGE = "page", "Page"
        API = "api", "API"
        COMMAND = "command", "Command line"
        RETRY = "retry", "Retry"

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="executions")
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="executions")
    version = models.ForeignKey(WorkflowVersion, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.PAGE)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    input_text = models.TextField(blank=True, help_text="The items it starts with, as JSON")
    start_node = models.CharField(max_length=200, blank=True)
    until_node = models.CharField(max_length=200, blank=True)
    pins = models.BooleanField(default=False, help_text="Pinned data is used")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    ms = models.FloatField(null=True, blank=True, help_text="Milliseconds it worked")
    nodes = models.JSONField(default=list, blank=True, help_text="Nodes in order, with figures")
    warnings = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    error_node = models.CharField(max_length=200, blank=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta(Leased.Meta):
        ordering = ["-pk"]
        indexes = [
            *Leased.Meta.indexes,
            models.Index(fields=["team", "-id"], name="execution_team"),
            models.Index(fields=["workflow", "-id"], name="execution_workflow"),
            models.Index(fields=["finished_at"], name="execution_finished"),
        ]

    def __str__(self) -> str:
        return f"execution {self.pk} of {self.workflow}"

    def get_absolute_url(self) -> str:
        """Return the execution's page."""
        return f"/executions/{self.pk}/"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state not in OPEN

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items it starts with."""
        return json.loads(self.input_text) if self.input_text else [{"json": {}}]

    def steps(self) -> Iterator[Step]:
        """Yield what its nodes gave, in order; nothing while none is kept."""
        kept = ExecutionData.objects.filter(execution=self).first()
        return kept.steps() if kept else iter(())


class ExecutionData(models.Model):
    """What the nodes of an execution gave: one line of JSON a step, compressed."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="data"
    )
    blob = models.BinaryField()
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes before compression")

    def __str__(self) -> str:
        return f"data of execution {self.execution_id}"

    def steps(self) -> Iterator[Step]:
        """Yield the steps in the order they ran."""
        return read_steps(line for line in zlib.decompress(bytes(self.blob)).split(b"\n") if line)

    @classmethod
    def packed(cls, steps: Iterable[Step]) -> tuple[bytes, int]:
        """Return steps as they are kept, and how large they were before."""
        press, parts, size = zlib.compressobj(LEVEL), [], 0
        for step in steps:
            for line in step.lines():
                size += len(line) + 1
                parts.append(press.compress(line + b"\n"))
        return b"".join([*parts, press.flush()]), size
