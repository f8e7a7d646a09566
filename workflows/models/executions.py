"""Executions: runs of workflows, and what their nodes gave."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.people import Team, User
from workflows.engine.run import Step
from workflows.models.kept import KeptSteps
from workflows.models.workflows import Workflow, WorkflowVersion

WAITING, SUCCESS, ERROR, CANCELED = "waiting", "success", "error", "canceled"
TEST, PRODUCTION = "test", "production"
OPEN = (QUEUED, RUNNING, WAITING)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a run is due that waits for a call and for nothing else."""
LONGEST_LINE = 100
"""Executions that may go on from one another."""


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
        documents = ("version__text", "version__findings", "workflow__static_text")
        return rows.defer("input_text", "nodes", *documents)

    def whole(self) -> Self:
        """What a page of one shows, without the document."""
        rows = self.select_related("workflow", "version", "started_by", "retry_of")
        return rows.defer("version__text", "version__findings", "workflow__static_text")


class Execution(Leased):
    """One run of one version of a workflow.

    `mode` is what `$execution.mode` says: "production" when a trigger started it, or the run it
    goes on from; "test" when a person or a key did.
    """

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
        WORKFLOW = "workflow", "Workflow"
        WEBHOOK = "webhook", "Webhook"
        FORM = "form", "Form"
        CHAT = "chat", "Chat"
        SCHEDULE = "schedule", "Schedule"
        POLL = "poll", "Look"
        ERROR = "error", "Failed run"

    class Mode(models.TextChoices):
        """n8n's words for who wanted it."""

        TEST = TEST, "Test"
        PRODUCTION = PRODUCTION, "Production"

    STARTS_FROM = (QUEUED, WAITING)

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="executions")
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="executions")
    version = models.ForeignKey(WorkflowVersion, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.PAGE)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.TEST)
    slot = models.DateTimeField(
        null=True, blank=True, help_text="The moment of its trigger's clock it was started for"
    )
    about = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="error_run",
        help_text="The failed run it was started for",
    )  # fmt: skip
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children",
        help_text="The run that started it and went on",
    )  # fmt: skip
    parent_key = models.CharField(
        max_length=32, blank=True, help_text="Which step of the parent: repeated, it starts nothing"
    )
    depth = models.PositiveSmallIntegerField(
        default=0, help_text="How many runs started one another before it"
    )
    kept = models.BooleanField(default=False, help_text="Stays, however old or large it is")
    stored_bytes = models.PositiveBigIntegerField(
        default=0, help_text="What its data and files take"
    )
    input_text = models.TextField(blank=True, help_text="The items it starts with, as JSON")
    start_node = models.CharField(max_length=200, blank=True)
    until_node = models.CharField(max_length=200, blank=True)
    from_node = models.CharField(
        max_length=200, blank=True, help_text="Of a retry: this node and those after it run anew"
    )
    parked = models.JSONField(
        default=dict, blank=True, help_text="While it waits: the node, what for, and its last part"
    )
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
            models.Index(fields=["state", "team", "priority", "due_at"], name="execution_turn"),
            models.Index(fields=["workflow", "-id"], name="execution_workflow"),
            models.Index(fields=["finished_at"], name="execution_finished"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "parent_key"],
                condition=models.Q(parent__isnull=False),
                name="execution_started_once",
            )
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
    def shown_state(self) -> str:
        """Which deeds fit it: queued, running, waiting, succeeded or failed."""
        if not self.ended:
            return self.state
        return "succeeded" if self.state == SUCCESS else "failed"

    @property
    def failure(self) -> dict[str, str] | None:
        """Why it failed, and at which node if at one."""
        return {"message": self.error, "node": self.error_node} if self.error else None

    @property
    def waits_for(self) -> str:
        """What a waiting run waits for."""
        return self.trouble if self.state == WAITING else ""

    @property
    def due(self) -> datetime | None:
        """When a waiting run goes on by itself; nothing while it only waits for a call."""
        return self.due_at if self.state == WAITING and self.due_at < NEVER else None

    @property
    def lineage(self) -> list[int]:
        """Its id, and those of the runs it has its items from: their files are its files too."""
        found, new = [self.pk], [self.retry_of_id, self.parent_id]
        while new and len(found) < LONGEST_LINE:
            more = [pk for pk in dict.fromkeys(new) if pk is not None and pk not in found]
            found += more
            rows = Execution.objects.filter(pk__in=more).order_by("pk")
            new = [pk for pair in rows.values_list("retry_of", "parent") for pk in pair]
        return found

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items it starts with."""
        return json.loads(self.input_text) if self.input_text else [{"json": {}}]

    def steps(self) -> Iterator[Step]:
        """Yield what its nodes gave, in order; nothing while none is kept."""
        return KeptSteps(self.pk).steps()
