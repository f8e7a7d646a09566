"""How hosts come to be agents: searches for them, and hosts that ask to join by themselves."""

from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from agents.models.hosts import NAME_RULE, Agent, list_of_texts
from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.access import fresh_secret, holder_of
from whoosh_site.core.models.people import Team, User

FOUND, CANCELED = "success", "canceled"


class AdministratorsQuerySet(models.QuerySet[Any]):
    """Rows that are an administrator's business only."""

    def visible_to(self, user: User) -> Self:
        """All for an administrator, none for everybody else."""
        return self if user.is_superuser else self.none()


class Discovery(Leased):
    """One search for model hosts at places an administrator named."""

    KEPT = 50

    class State(models.TextChoices):
        """States only move downwards; the last three are final."""

        QUEUED = QUEUED, "Waiting"
        RUNNING = RUNNING, "Looking"
        FOUND = FOUND, "Done"
        CANCELED = CANCELED, "Stopped"
        QUARANTINED = QUARANTINED, "Quarantined"

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    targets = models.JSONField(help_text="Hosts, host:port and networks, as they were named")
    ports = models.JSONField(help_text="Ports asked where a target names none")
    total = models.PositiveIntegerField(help_text="Places to ask: addresses times ports")
    asked = models.PositiveIntegerField(default=0, help_text="Places asked so far")
    found = models.JSONField(
        default=list, help_text="What answered, and what was named by itself and did not"
    )

    objects = AdministratorsQuerySet.as_manager()

    class Meta(Leased.Meta):
        ordering = ["-pk"]
        verbose_name_plural = "discoveries"

    def __str__(self) -> str:
        return f"Discovery {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the page of its progress and results."""
        return f"/agents/discover/{self.pk}/"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state not in (QUEUED, RUNNING)


class JoinToken(models.Model):
    """Lets hosts ask to become agents of a team, and nothing else. Its text is shown once."""

    MARK = "whooshjoin"

    name = models.CharField(max_length=80, help_text="What it is for, such as 'lab rack 2'")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="+", help_text="Owner of agents that join"
    )
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    most_uses = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="How many hosts may ask with it",
    )
    uses = models.PositiveSmallIntegerField(default=0, editable=False)
    expires_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = AdministratorsQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def fresh(cls) -> tuple[str, str, str]:
        """Return a new token's prefix, digest and the text to show once."""
        return fresh_secret(cls.MARK)

    @classmethod
    def find(cls, text: str) -> "JoinToken | None":
        """Return the token with this text, unless it has expired."""
        token = holder_of(text, cls.MARK, cls.objects.select_related("team"))
        return token if token and token.expires_at > timezone.now() else None

    def spend(self) -> bool:
        """Count one use; False when there is none left."""
        unspent = JoinToken.objects.filter(pk=self.pk, uses__lt=models.F("most_uses"))
        return bool(unspent.update(uses=models.F("uses") + 1))


class JoinRequest(models.Model):
    """A host that asked to join. Nothing is sent to it before an administrator approves."""

    class State(models.TextChoices):
        """The last two are final."""

        WAITING = "waiting", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(JoinToken, on_delete=models.SET_NULL, null=True, related_name="+")
    address = models.CharField("asked from", max_length=45, help_text="The sender's address")
    name = models.CharField(max_length=80, validators=[NAME_RULE])
    endpoint = models.CharField(max_length=300)
    allow_local = models.BooleanField("this machine", default=False)
    protocol = models.CharField(max_length=10, choices=Agent.Protocol.choices, blank=True)
    slots = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    capabilities = models.JSONField(default=list, blank=True, validators=[list_of_texts])
    tags = models.JSONField(default=list, blank=True, validators=[list_of_texts])
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, related_name="+")
    trouble = models.TextField(blank=True, help_text="Why approving it did not work")

    objects = AdministratorsQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name", "endpoint"], name="one_join_request")
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.endpoint}"
