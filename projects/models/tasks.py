"""Tasks: work given to agents, every attempt at it, and what came out."""

import math
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from agents.models import Call
from projects.models.projects import Project
from whoosh_site.core.leases import NORMAL, QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.access import ApiKey
from whoosh_site.core.models.people import Team, User

HELD, SUCCESS, ERROR, CANCELED = "held", "success", "error", "canceled"
OPEN = (HELD, QUEUED)
ENDED = (SUCCESS, ERROR, CANCELED, QUARANTINED)
PRIORITIES = [(1, "1 – most urgent"), (2, "2"), (NORMAL, "3 – normal"), (4, "4"), (5, "5 – least")]


NOBODY_FREE = "waits for a free agent"


def waits_for(call: Call) -> str:
    """Return what a waiting call waits for, in words."""
    rests = math.ceil((call.due_at - timezone.now()).total_seconds())
    if rests > 1:
        return f"rests for {rests} s before its next attempt"
    return call.trouble or NOBODY_FREE


class TaskQuerySet(models.QuerySet["Task"]):
    """Questions about many tasks."""

    def visible_to(self, user: User) -> Self:
        """Tasks of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def brief(self) -> Self:
        """What a list shows, without long texts, in one query."""
        rows = self.select_related("project", "team", "created_by", "call__agent")
        unread = [*Task.TEXTS, *(f"call__{name}" for name in Call.TEXTS)]
        return rows.defer(*unread)

    def shown_as(self, state: str) -> Self:
        """Tasks that are shown in a state; see `Task.shown_state`."""
        at_work = models.Q(call__state=RUNNING, call__agent__isnull=False)
        if state == RUNNING:
            return self.filter(at_work, state=QUEUED)
        if state == QUEUED:
            return self.filter(state=QUEUED).exclude(at_work)
        return self.filter(state=state)


class Task(models.Model):
    """One piece of work for an agent. It lasts until an attempt succeeds, or none is left.

    Its state in the database moves from held or queued to one that is final; that an agent works
    on it is told by its call.
    """

    TEXTS = ("description", "options", "schema")

    class State(models.TextChoices):
        """What a task is; the last four are final until somebody runs it again."""

        HELD = HELD, "On hold"
        QUEUED = QUEUED, "Waiting"
        RUNNING = RUNNING, "Running"
        SUCCESS = SUCCESS, "Done"
        ERROR = ERROR, "Failed"
        CANCELED = CANCELED, "Canceled"
        QUARANTINED = QUARANTINED, "Quarantined"

    class Source(models.TextChoices):
        """How the task came in."""

        PAGE = "page", "Page"
        API = "api", "API"
        COMMAND = "command", "Command"
        ADMIN = "admin", "Administration"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tasks")
    project = models.ForeignKey(
        Project, on_delete=models.RESTRICT, null=True, blank=True, related_name="tasks"
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(
        default=NORMAL,
        choices=PRIORITIES,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
    )
    source = models.CharField(max_length=10, choices=Source.choices)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="tasks"
    )
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    # The wish
    wanted_agent = models.CharField(max_length=80, blank=True)
    wanted_model = models.CharField(max_length=200, blank=True)
    wanted_capability = models.CharField(max_length=80, blank=True)
    fallbacks = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    schema = models.JSONField(null=True, blank=True, help_text="JSON schema of the answer")
    time_limit = models.FloatField(
        null=True, blank=True, help_text="Seconds one attempt may take at its agent"
    )
    token_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tokens the answer may have"
    )
    most_attempts = models.PositiveSmallIntegerField(
        default=3, help_text="Attempts before it fails; the repair of an answer is none"
    )

    # How it stands
    call = models.ForeignKey(
        Call, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Of this attempt"
    )
    round = models.PositiveIntegerField(default=1, help_text="Raised when it is run again")
    cancel_asked = models.BooleanField(default=False)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["team", "-id"], name="task_team"),
            models.Index(fields=["state", "-id"], name="task_state"),
            models.Index(fields=["project", "-id"], name="task_project"),
            models.Index(fields=["finished_at"], name="task_finished"),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}: {self.title}"

    def get_absolute_url(self) -> str:
        """Return the task's page."""
        return f"/tasks/{self.pk}/"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED

    @property
    def shown_state(self) -> str:
        """The state people and programs are told: running while an agent has its call."""
        at_work = self.call is not None and not self.call.ended and not self.call.waits
        return RUNNING if self.state == QUEUED and at_work else self.state

    @property
    def shown_label(self) -> str:
        """The word for the shown state."""
        return str(self.State(self.shown_state).label)

    @property
    def waits_for(self) -> str:
        """What a waiting task waits for, in words; empty for others."""
        if self.shown_state != QUEUED:
            return ""
        return waits_for(self.call) if self.call is not None else NOBODY_FREE


class Attachment(models.Model):
    """A text or an image given with a task."""

    class Kind(models.TextChoices):
        """What it is to a model."""

        TEXT = "text", "Text"
        IMAGE = "image", "Image"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    content = models.TextField(help_text="The text; an image in base64")
    size = models.PositiveIntegerField(help_text="Bytes")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Attempt(Leased):
    """One try at a task: a call, and its judgement. What is leased is the judging."""

    ASKED = "asked"

    class State(models.TextChoices):
        """Asked until its call has ended; queued and running while that is judged."""

        ASKED = "asked", "Asked"
        QUEUED = QUEUED, "Answered"
        RUNNING = RUNNING, "Being judged"
        SUCCESS = SUCCESS, "Done"
        ERROR = ERROR, "Failed"
        CANCELED = CANCELED, "Canceled"
        QUARANTINED = QUARANTINED, "Quarantined"

    class Kind(models.TextChoices):
        """Why there is one more."""

        FIRST = "first", "First"
        RETRY = "retry", "Retry"
        REPAIR = "repair", "Repair"
        AGAIN = "again", "Run again"
        RELEASE = "release", "Released"

    state = models.CharField(max_length=12, choices=State.choices, default=State.ASKED)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="attempts")
    round = models.PositiveIntegerField()
    number = models.PositiveIntegerField(help_text="Counts all attempts at the task")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    call = models.OneToOneField(
        Call, on_delete=models.SET_NULL, null=True, related_name="attempt_at"
    )
    created_at = models.DateTimeField(default=timezone.now)
    agent_name = models.CharField(max_length=80, blank=True)
    model_name = models.CharField(max_length=200, blank=True)
    answer = models.TextField(blank=True, help_text="Kept also when it was of no use")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(Leased.Meta):
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="attempt_number")]

    def __str__(self) -> str:
        return f"Attempt {self.number} at task {self.task_id}"


class Artifact(models.Model):
    """What a task brought; each run adds a version."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="artifacts")
    attempt = models.ForeignKey(Attempt, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField()
    media_type = models.CharField(max_length=80)
    content = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["task", "name", "version"], name="artifact_version")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Event(models.Model):
    """One line of a task's history; never changed."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=200, help_text="Who did it; empty for WHOOSH itself")
    text = models.TextField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:80]
