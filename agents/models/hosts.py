"""Agents: the hosts, what they are good at, and how they are doing."""

from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from whoosh_site.core.leases import Leased
from whoosh_site.core.models.people import Team, User
from whoosh_site.core.secrets import SecretField

NAME_RULE = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "Use letters, digits, '-', '_' and '.' only."
)


def list_of_texts(value: object) -> None:
    """Raise ValidationError unless a JSON column holds a list of short texts."""
    if not isinstance(value, list) or not all(isinstance(v, str) and len(v) <= 200 for v in value):
        raise ValidationError("Must be a list of texts, each of at most 200 characters.")


class AgentQuerySet(models.QuerySet["Agent"]):
    """Questions about many agents."""

    def visible_to(self, user: User) -> Self:
        """Agents of the user's teams, and those shared with them."""
        if user.is_superuser:
            return self
        mine = models.Q(team__in=user.roles) | models.Q(shared_with__in=user.roles)
        return self.filter(mine).distinct()

    def of_team(self, team_id: int) -> Self:
        """Agents a team may use."""
        mine = models.Q(team=team_id) | models.Q(shared_with=team_id)
        return self.filter(mine).distinct()

    def with_state(self) -> Self:
        """Everything a list shows, by name, in a fixed number of queries."""
        running = models.Q(calls__state="running")
        rows = self.select_related("health", "team").annotate(
            in_flight=models.Count("calls", filter=running, distinct=True)
        )
        return rows.order_by("name")  # a grouped query forgets the model's own order


class Agent(models.Model):
    """One endpoint that runs models: an Ollama host or anything that speaks OpenAI's API."""

    class Protocol(models.TextChoices):
        """Wire formats; empty means: find out by asking."""

        AUTO = "", "find out"
        OLLAMA = "ollama", "Ollama"
        OPENAI = "openai", "OpenAI-compatible"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="agents")
    shared_with = models.ManyToManyField(
        Team, blank=True, related_name="shared_agents", help_text="Other teams that may use it"
    )
    name = models.CharField(
        max_length=80,
        unique=True,
        validators=[NAME_RULE],
        help_text="Short name, as in whoosh.yaml and 'ask --agent'",
    )
    title = models.CharField(max_length=120, blank=True, help_text="Full name shown to people")
    endpoint = models.CharField(
        max_length=300,
        unique=True,
        validators=[RegexValidator(r"^https?://[^\s/?#]+", "Use http://host:port.")],
        help_text="http://192.168.1.27:11434",
    )
    protocol = models.CharField(
        max_length=10, choices=Protocol.choices, blank=True, default=Protocol.AUTO
    )
    api_key = SecretField(blank=True, default="", help_text="Sent as a Bearer token")
    allow_local = models.BooleanField(
        "allow this machine",
        default=False,
        help_text="The endpoint is this machine itself or link-local, and that is intended",
    )
    preferred_model = models.CharField(max_length=200, blank=True)
    specialization = models.CharField(max_length=200, blank=True)
    slots = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Calls the host works on at once (OLLAMA_NUM_PARALLEL)",
    )
    tags = models.JSONField(default=list, blank=True, validators=[list_of_texts])
    enabled = models.BooleanField(default=True, help_text="Off: neither used nor checked")
    maintenance = models.BooleanField(
        default=False, help_text="Draining: calls in hand finish, no new ones start"
    )
    builtin = models.BooleanField(default=False, editable=False)
    models_fixed = models.JSONField(
        default=list,
        blank=True,
        validators=[list_of_texts],
        help_text="Use only these models of the host; empty for all",
    )
    cpu_cores = models.PositiveIntegerField("CPU cores", null=True, blank=True)
    ram_gb = models.FloatField("RAM (GB)", null=True, blank=True, validators=[MinValueValidator(0)])
    hardware_notes = models.JSONField(default=dict, blank=True)
    min_tps = models.FloatField(
        "minimum tokens/s", null=True, blank=True, validators=[MinValueValidator(0)]
    )
    max_response_time = models.FloatField(
        "longest response (s)", null=True, blank=True, validators=[MinValueValidator(0)]
    )
    target_availability = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    priority = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="1 is preferred most",
    )
    # What whoosh.yaml said that no column holds: references, and keys no room uses yet.
    references = models.JSONField(default=dict, blank=True, editable=False)
    kept = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title or self.name

    def get_absolute_url(self) -> str:
        """Return the agent's page."""
        return f"/agents/{self.pk}/"

    @cached_property
    def team_ids(self) -> list[int]:
        """All teams that may use it; the owning one first."""
        return [self.team_id, *self.shared_with.values_list("pk", flat=True)]

    @property
    def model_slots(self) -> dict[str, int]:
        """Calls at once of models that are limited more than the agent, by their names."""
        return {row.model.name: row.slots for row in self.models.all() if row.slots}

    @property
    def vram_gb(self) -> float:
        """Memory of all GPUs together."""
        return sum(gpu.vram_gb or 0 for gpu in self.gpus.all())

    @property
    def status(self) -> str:
        """What to show: the switches first, then what the last check said."""
        if not self.enabled:
            return Health.Status.DISABLED
        if self.maintenance:
            return Health.Status.DRAINING
        health = getattr(self, "health", None)
        if health is None:
            return Health.Status.UNKNOWN
        tripped = health.open_until is not None and health.usable
        return Health.Status.DEGRADED if tripped else health.status

    @property
    def status_reason(self) -> str:
        """Why, in plain words."""
        if not self.enabled:
            return "Switched off"
        health = getattr(self, "health", None)
        reason = health.reason if health else ""
        if health and health.open_until is not None and health.usable:
            reason = f"{health.call_failures} calls in a row failed; few are sent until one works"
        return f"Takes no new calls. {reason}".strip() if self.maintenance else reason


class Gpu(models.Model):
    """One graphics card, or several alike."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="gpus")
    name = models.CharField(max_length=120)
    vram_gb = models.FloatField(
        "VRAM (GB)", null=True, blank=True, validators=[MinValueValidator(0)]
    )

    class Meta:
        ordering = ["pk"]
        verbose_name = "GPU"

    def __str__(self) -> str:
        return f"{self.name} ({self.vram_gb:g} GB)" if self.vram_gb else self.name


class CapabilityQuerySet(models.QuerySet["Capability"]):
    """Questions about many capabilities."""

    def visible_to(self, user: User) -> Self:
        """What the agents the user sees are good at; all for an admin."""
        if user.is_superuser:
            return self
        return self.filter(agents__agent__in=Agent.objects.visible_to(user)).distinct()


class Capability(models.Model):
    """Something an agent is good at, such as "backend"."""

    name = models.CharField(max_length=80, unique=True, validators=[NAME_RULE])
    description = models.CharField(max_length=300, blank=True)

    objects = CapabilityQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "capabilities"

    def __str__(self) -> str:
        return self.name


class AgentCapability(models.Model):
    """How good one agent is at one capability."""

    DEFAULT = 0.5

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="capabilities")
    capability = models.ForeignKey(Capability, on_delete=models.CASCADE, related_name="agents")
    proficiency = models.FloatField(
        default=DEFAULT,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="0 to 1; 0.5 when nobody has measured it",
    )

    class Meta:
        ordering = ["capability__name"]
        verbose_name_plural = "agent capabilities"
        constraints = [
            models.UniqueConstraint(fields=["agent", "capability"], name="one_proficiency")
        ]

    def __str__(self) -> str:
        return f"{self.capability} {self.proficiency:g}"


class Health(Leased):
    """The recurring check of one agent: a row of work that never ends, and what it last saw."""

    class Status(models.TextChoices):
        """How an agent is; the first one that applies is shown."""

        ONLINE = "online", "Online"
        DEGRADED = "degraded", "Degraded"
        OVERLOADED = "overloaded", "Overloaded"
        UNAUTHORISED = "unauthorised", "Unauthorised"
        OFFLINE = "offline", "Offline"
        DRAINING = "draining", "Draining"
        DISABLED = "disabled", "Disabled"
        UNKNOWN = "unknown", "Not checked yet"

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="health")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UNKNOWN)
    reason = models.TextField(blank=True)
    since = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    found_protocol = models.CharField(max_length=10, blank=True)
    flavour = models.CharField(max_length=40, blank=True, help_text="ollama, llama.cpp, vLLM, …")
    version = models.CharField(max_length=60, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    call_failures = models.PositiveIntegerField(
        default=0, help_text="Calls in a row that the host failed"
    )
    open_until = models.DateTimeField(
        null=True, blank=True, help_text="No calls until then: the circuit breaker is open"
    )
    most_resident = models.PositiveSmallIntegerField(
        default=0, help_text="Models seen in its memory at once"
    )
    models_at = models.DateTimeField(null=True, blank=True)

    class Meta(Leased.Meta):
        verbose_name_plural = "health"

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.status}"

    @property
    def usable(self) -> bool:
        """Whether calls may go there."""
        return self.status in (self.Status.ONLINE, self.Status.DEGRADED, self.Status.OVERLOADED)

    def stale(self, now: datetime, interval: float) -> bool:
        """Whether the last look is too old to be believed."""
        return self.checked_at is None or (now - self.checked_at).total_seconds() > interval * 2
