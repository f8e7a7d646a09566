"""Settings, notices, processes and what the API and whoosh.yaml remember."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone


class Setting(models.Model):
    """One tunable that was changed from its default; `core.tunables` declares them all."""

    key = models.CharField(max_length=60, unique=True)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class ConfigSection(models.Model):
    """A part of whoosh.yaml whose room is not built yet: checked, kept, dumped back."""

    path = models.CharField(max_length=120, unique=True)
    # Text, not JSON: key order must survive on every database.
    text = models.TextField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.path


class Notice(models.Model):
    """Something changed: a topic for the pages that watch it, with data for streams.

    Written in the transaction of the change, so it is seen exactly when the change is.
    """

    topic = models.CharField(max_length=80)
    data = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [models.Index(fields=["topic", "id"])]

    def __str__(self) -> str:
        return self.topic


class ProcessQuerySet(models.QuerySet["Process"]):
    """Questions about many processes."""

    def fresh(self, now: datetime | None = None) -> Self:
        """Processes that gave a sign of life lately."""
        return self.filter(beat_at__gte=(now or timezone.now()) - Process.QUIET)


class Process(models.Model):
    """A resident process and its last sign of life."""

    QUIET = timedelta(seconds=20)

    class Job(models.TextChoices):
        """What the process does."""

        WEB = "web", "Web"
        TASKS = "tasks", "Background jobs"
        RUNNER = "runner", "Runner"

    job = models.CharField(max_length=10, choices=Job.choices)
    host = models.CharField(max_length=120)
    owner = models.CharField(max_length=200, unique=True)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    carrying = models.PositiveIntegerField(default=0, help_text="Rows in hand")

    objects = ProcessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.get_job_display()} {self.pid} on {self.host}"


class IdempotentRequest(models.Model):
    """The answer to a POST with an Idempotency-Key, given again when it is repeated."""

    KEPT = timedelta(hours=24)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
