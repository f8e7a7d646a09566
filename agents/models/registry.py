"""Models, and which of them are where."""

from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.models.hosts import Agent
from whoosh_site.core.models.people import User


class ModelQuerySet(models.QuerySet["Model"]):
    """Questions about many models."""

    def visible_to(self, user: User) -> Self:
        """Models on agents the user sees."""
        if user.is_superuser:
            return self
        return self.filter(hosts__agent__in=Agent.objects.visible_to(user)).distinct()


class Model(models.Model):
    """A model by its name as hosts give it, such as "llama3:8b"."""

    name = models.CharField(max_length=200, unique=True)
    family = models.CharField(max_length=80, blank=True)
    parameters = models.CharField(max_length=40, blank=True, help_text="Such as 8.0B")

    objects = ModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the model's page."""
        return f"/models/{self.pk}/"


def with_models() -> models.Prefetch:
    """Prefetch an agent's models by one join: a host may have more than a list of ids can hold."""
    return models.Prefetch("models", AgentModel.objects.select_related("model"))


class AgentModel(models.Model):
    """One model on one host: what it is there, whether it is in memory, how fast it was."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="models")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="hosts")
    digest = models.CharField(max_length=80, blank=True)
    size = models.BigIntegerField(null=True, blank=True, help_text="Bytes on disk")
    quantization = models.CharField(max_length=40, blank=True)
    capabilities = models.JSONField(default=list, blank=True)
    context_length = models.PositiveIntegerField(null=True, blank=True)
    resident = models.BooleanField(default=False, help_text="In memory now")
    resident_until = models.DateTimeField(null=True, blank=True)
    resident_context = models.PositiveIntegerField(null=True, blank=True)
    named_context = models.PositiveIntegerField(
        null=True, blank=True, help_text="Named when WHOOSH had it loaded; 0 for nothing"
    )
    usual_context = models.PositiveIntegerField(
        null=True, blank=True, help_text="Loaded by the host when nothing was named"
    )
    size_vram = models.BigIntegerField(null=True, blank=True, help_text="Bytes in GPU memory")
    tps = models.FloatField("tokens/s", null=True, blank=True, help_text="Measured, smoothed")
    prompt_tps = models.FloatField("prompt tokens/s", null=True, blank=True)
    remote_host = models.CharField(
        max_length=200, blank=True, help_text="Where it runs, when the host only passes calls on"
    )
    load_ms = models.FloatField(
        null=True, blank=True, help_text="Loading into memory, measured, smoothed"
    )
    call_ms = models.FloatField(
        null=True, blank=True, help_text="A call without loading, measured, smoothed"
    )
    slots = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Calls it works on at once; empty for as many as the agent has slots",
    )
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["model__name"]
        constraints = [models.UniqueConstraint(fields=["agent", "model"], name="once_per_host")]

    def __str__(self) -> str:
        return f"{self.model} on {self.agent}"
