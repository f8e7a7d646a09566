"""Workflows and their versions: documents kept as the text they came as."""

from functools import cached_property
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import Team, User
from workflows.engine.document import Document
from workflows.n8n.reading import LONGEST_NAME, read_one


class TagQuerySet(models.QuerySet["Tag"]):
    """Questions about many tags."""

    def visible_to(self, user: User) -> Self:
        """Tags of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)


class Tag(models.Model):
    """A word workflows of a team are found by."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="workflow_tags")
    name = models.CharField(max_length=60)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="workflow_tag")]

    def __str__(self) -> str:
        return self.name


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    """Questions about many workflows."""

    def visible_to(self, user: User) -> Self:
        """Workflows of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def brief(self) -> Self:
        """What a list shows, without documents, in two queries."""
        rows = self.select_related("team", "created_by", "current__author", "active")
        unread = [
            f"{one}__{name}" for one in ("current", "active") for name in WorkflowVersion.TEXTS
        ]
        return rows.defer("static_text", *unread).prefetch_related("tags")


class Workflow(models.Model):
    """A name under which versions of a document are kept.

    `current` is the version people see and edit; `active` the one that triggers run, if any.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="workflows")
    name = models.CharField(max_length=LONGEST_NAME)
    current = models.ForeignKey(
        "WorkflowVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    active = models.ForeignKey(
        "WorkflowVersion", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    origin = models.CharField(
        max_length=LONGEST_NAME, blank=True, help_text="The id n8n gave it, if it came from there"
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="workflows")
    archived = models.BooleanField(default=False, help_text="Out of the list; never active")
    at_once = models.PositiveIntegerField(
        default=0, help_text="Runs of it that may go on at the same time; 0: as many as its team's"
    )
    static_text = models.TextField(blank=True, help_text="Its static data, as JSON")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="workflow_name")]
        indexes = [models.Index(fields=["team", "-id"], name="workflow_team")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the workflow's page."""
        return f"/workflows/{self.pk}/"

    @property
    def text(self) -> str:
        """The document of the current version, as it was given."""
        return self.current.text if self.current else "{}"


class VersionQuerySet(models.QuerySet["WorkflowVersion"]):
    """Questions about many versions."""

    def visible_to(self, user: User) -> Self:
        """Versions of workflows of the user's teams."""
        return self if user.is_superuser else self.filter(workflow__team__in=user.roles)


class WorkflowVersion(models.Model):
    """What a document was at one time; only its name is ever changed."""

    TEXTS = ("text", "findings")

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # Text, not a column for JSON: those forget key order, and how numbers were written.
    text = models.TextField()
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the text")
    name = models.CharField(max_length=120, blank=True, help_text="What people call it")
    node_count = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list, blank=True)
    error_count = models.PositiveIntegerField(default=0, help_text="Findings that are errors")
    warning_count = models.PositiveIntegerField(default=0, help_text="Those that are warnings")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="workflow_version")
        ]

    def __str__(self) -> str:
        return f"version {self.number}" + (f" ({self.name})" if self.name else "")

    @property
    def team_ids(self) -> list[int]:
        """The team whose workflow it is a version of."""
        return [self.workflow.team_id]

    @cached_property
    def value(self) -> dict[str, Any]:
        """The document as values, mended where it is broken or old."""
        return read_one(self.text).document

    @cached_property
    def document(self) -> Document:
        """The document as the engine reads it."""
        return Document(self.value)
