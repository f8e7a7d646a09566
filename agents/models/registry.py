"""Models, and which of them are where."""

from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Cast

from agents.models.hosts import Agent
from whoosh_site.core.models.people import User

FOR_EVER = -1
KEEP_RULE = RegexValidator(
    r"\A(|-1|[0-9]{1,9}|([0-9]{1,6}[hms]){1,3})\Z",
    "Use a time such as 30m, 2h or 1h30m, a number of seconds, 0 for not at all, -1 for ever, "
    "or nothing for what the host does by itself.",
)


class ModelQuerySet(models.QuerySet["Model"]):
    """Questions about many models."""

    def visible_to(self, user: User) -> Self:
        """Models on agents the user sees."""
        if user.is_superuser:
            return self
        return self.filter(hosts__agent__in=Agent.objects.visible_to(user)).distinct()

    def held_as(
        self, user: User, *, agent: str = "", capability: str = "", resident: bool | None = None
    ) -> Self:
        """Models as some host the user sees has them: that agent, able to that, in memory or not.

        Not in memory means: on none of those hosts.
        """
        rows = AgentModel.objects.visible_to(user)
        if agent:
            rows = rows.filter(agent__name=agent)
        if capability:
            rows = rows.able_to(capability)
        loaded = rows.filter(resident=True).values("model")
        if resident:
            return self.filter(pk__in=loaded)
        held = self.filter(pk__in=rows.values("model"))
        return held if resident is None else held.exclude(pk__in=loaded)


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

    @property
    def team_ids(self) -> list[int]:
        """The teams that own its hosts: their owners manage it there."""
        return list(self.hosts.values_list("agent__team", flat=True).distinct())

    @property
    def capabilities(self) -> list[str]:
        """What some host says that it can do."""
        return sorted({name for row in self.hosts.all() for name in row.capabilities})

    @property
    def context_length(self) -> int | None:
        """The longest context some host gives it."""
        return max((row.context_length or 0 for row in self.hosts.all()), default=0) or None

    @property
    def sizes(self) -> list[int]:
        """Bytes on disk, smallest and largest first where hosts differ."""
        found = {row.size for row in self.hosts.all() if row.size}
        return sorted({min(found), max(found)}) if found else []

    @property
    def digests(self) -> set[str]:
        """What its hosts hold under this name; a host that only passes calls on holds nothing."""
        return {row.short_digest for row in self.hosts.all() if row.digest and not row.remote_host}

    @property
    def digests_differ(self) -> bool:
        """Whether some hosts hold other files than others."""
        return len(self.digests) > 1


def with_models() -> models.Prefetch:
    """Prefetch an agent's models by one join: a host may have more than a list of ids can hold."""
    return models.Prefetch("models", AgentModel.objects.select_related("model"))


class AgentModelQuerySet(models.QuerySet["AgentModel"]):
    """Questions about models on hosts."""

    def visible_to(self, user: User) -> Self:
        """Models on agents the user sees."""
        return self.filter(agent__in=Agent.objects.visible_to(user))

    def able_to(self, capability: str) -> Self:
        """Models whose host says that they can do this."""
        # As text: SQLite cannot look into JSON lists.
        told = self.annotate(told=Cast("capabilities", models.TextField()))
        return told.filter(told__contains=f'"{capability}"')


def kept(keep_alive: str, *, pinned: bool) -> str | int | None:
    """Return what is sent along with a call: a time, seconds, -1 for ever, or nothing."""
    if pinned:
        return FOR_EVER
    seconds = keep_alive.lstrip("-").isdecimal()
    return int(keep_alive) if seconds else keep_alive or None


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
    keep_alive = models.CharField(
        max_length=20,
        blank=True,
        validators=[KEEP_RULE],
        help_text="How long it stays in memory after a call; empty: as the host does by itself",
    )
    pinned = models.BooleanField(
        default=False, help_text="Kept in memory, and loaded again when it is not there"
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

    objects = AgentModelQuerySet.as_manager()

    class Meta:
        ordering = ["model__name"]
        constraints = [models.UniqueConstraint(fields=["agent", "model"], name="once_per_host")]

    def __str__(self) -> str:
        return f"{self.model} on {self.agent}"

    @property
    def short_digest(self) -> str:
        """The beginning of its digest: enough to tell two apart."""
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def kept(self) -> str | int | None:
        """What is sent along with a call: a time, seconds, -1 for ever, or nothing."""
        return kept(self.keep_alive, pinned=self.pinned)
