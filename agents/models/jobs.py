"""Jobs at the hosts: fetching, loading, unloading and deleting models there."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from agents.models.calls import CANCELED, ENDED, ERROR, SUCCESS
from agents.models.hosts import Agent
from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.people import User

OPEN = (QUEUED, RUNNING)


class ModelJobQuerySet(models.QuerySet["ModelJob"]):
    """Questions about many jobs."""

    def visible_to(self, user: User) -> Self:
        """Jobs at agents the user sees."""
        if user.is_superuser:
            return self
        return self.filter(agent__in=Agent.objects.visible_to(user))

    def open(self) -> Self:
        """Jobs that have not ended."""
        return self.filter(state__in=OPEN)

    def due(self) -> Self:
        """Jobs that could start now; those at a host that is switched off wait for it."""
        return self.filter(state=QUEUED, due_at__lte=timezone.now(), agent__enabled=True)

    def shown(self) -> Self:
        """With what a list shows: those under way first, then the newest."""
        ended = models.Case(models.When(state__in=OPEN, then=0), default=1)
        return self.select_related("agent", "created_by").order_by(ended, "-pk")


class ModelJob(Leased):
    """Something to be done to one model on one host; one at a time for each model there."""

    class State(models.TextChoices):
        """States only move downwards; the last four are final."""

        QUEUED = QUEUED, "Waiting"
        RUNNING = RUNNING, "Running"
        SUCCESS = SUCCESS, "Done"
        ERROR = ERROR, "Failed"
        CANCELED = CANCELED, "Canceled"
        QUARANTINED = QUARANTINED, "Quarantined"

    class Verb(models.TextChoices):
        """What is done; keys as wire formats name them."""

        PULL = "pull", "Pull"
        LOAD = "load", "Load"
        UNLOAD = "unload", "Unload"
        DELETE = "delete", "Delete"

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="jobs")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    model_name = models.CharField("model", max_length=200)
    force = models.BooleanField(default=False, help_text="Although calls run on the model")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Nobody: a pinned model was not in memory",
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0, help_text="In a row that brought nothing")
    said = models.CharField(
        max_length=200, blank=True, help_text="What the host does, in its words"
    )
    layers = models.JSONField(
        default=dict, blank=True, help_text="Bytes [of all, there already] by digest"
    )
    rate = models.FloatField("bytes/s", null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)

    objects = ModelJobQuerySet.as_manager()

    class Meta(Leased.Meta):
        ordering = ["-pk"]
        indexes = [
            *Leased.Meta.indexes,
            models.Index(fields=["agent", "state"], name="modeljob_agent"),
            models.Index(fields=["finished_at"], name="modeljob_finished"),
        ]
        constraints = [
            models.UniqueConstraint(
                "agent",
                Lower("model_name"),
                condition=models.Q(state__in=OPEN),
                name="one_open_job_per_model",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.model_name} on {self.agent.name}"

    @property
    def team_id(self) -> int:
        """The team that owns the host, and so the job."""
        return self.agent.team_id

    @property
    def team_ids(self) -> list[int]:
        """All teams that may use the host, and so see the job."""
        return self.agent.team_ids

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED

    @property
    def total(self) -> int:
        """Bytes of all layers the host has told of."""
        return sum(total for total, _ in self.layers.values())

    @property
    def completed(self) -> int:
        """Bytes of them the host has."""
        return sum(completed for _, completed in self.layers.values())

    @property
    def left_ms(self) -> float | None:
        """Milliseconds a pull still takes at the speed measured last."""
        if not self.rate or self.ended:
            return None
        return (self.total - self.completed) / self.rate * 1000

    @property
    def waits_for(self) -> str:
        """Why nothing happens, or nothing."""
        if self.state != QUEUED:
            return ""
        off = "" if self.agent.enabled else f"{self.agent.name} is switched off"
        return off or self.trouble or "waits for its turn"

    def told(self) -> dict[str, Any]:
        """Return what the audit trail says of it."""
        return {"job": self.pk, "model": self.model_name} | ({"force": True} if self.force else {})
