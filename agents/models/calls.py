"""Calls: every prompt that was sent to a model, and how it went."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from agents.models.hosts import Agent
from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING, Leased
from whoosh_site.core.models.access import ApiKey
from whoosh_site.core.models.people import Team, User

SUCCESS, ERROR, CANCELED = "success", "error", "canceled"
ENDED = (SUCCESS, ERROR, CANCELED, QUARANTINED)


class CallQuerySet(models.QuerySet["Call"]):
    """Questions about many calls."""

    def visible_to(self, user: User) -> Self:
        """Calls of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def due(self) -> Self:
        """Calls that wait for a slot now."""
        return self.filter(state=QUEUED, due_at__lte=timezone.now())

    def brief(self) -> Self:
        """Without the texts: what a list shows."""
        return self.select_related("agent", "created_by").defer(*Call.TEXTS)

    def waiting(self) -> Self:
        """Calls no agent works on yet, those a runner is looking for an agent for included."""
        return self.filter(models.Q(state=QUEUED) | models.Q(state=RUNNING, agent=None))

    def at_work(self) -> Self:
        """Calls an agent works on."""
        return self.filter(state=RUNNING, agent__isnull=False)

    def shown_as(self, state: str) -> Self:
        """Calls that are shown in a state; see `Call.shown_state`."""
        if state == QUEUED:
            return self.waiting()
        return self.at_work() if state == RUNNING else self.filter(state=state)

    def ended_since(self, moment: datetime) -> Self:
        """Calls that came to an end after a moment."""
        return self.filter(state__in=ENDED, finished_at__gte=moment)


class Call(Leased):
    """One prompt and its answer. While it runs it is also the lease of one slot of its agent."""

    TEXTS = ("messages", "answer", "thinking", "decision", "options", "schema", "tool_calls")
    HEARD = ("answer", "thinking", "decision", "tool_calls")
    """Texts nobody needs to place a call."""

    class State(models.TextChoices):
        """States only move downwards; the last four are final."""

        QUEUED = QUEUED, "Waiting"
        RUNNING = RUNNING, "Running"
        SUCCESS = SUCCESS, "Done"
        ERROR = ERROR, "Failed"
        CANCELED = CANCELED, "Canceled"
        QUARANTINED = QUARANTINED, "Quarantined"

    class Source(models.TextChoices):
        """How the prompt came in."""

        PAGE = "page", "Page"
        API = "api", "API"
        COMMAND = "command", "Command"
        TASK = "task", "Task"

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="calls")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="calls"
    )
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=10, choices=Source.choices)
    created_at = models.DateTimeField(default=timezone.now)

    # The wish
    wanted_agent = models.CharField(max_length=80, blank=True)
    wanted_model = models.CharField(max_length=200, blank=True)
    wanted_capability = models.CharField(max_length=80, blank=True)
    fallbacks = models.JSONField(
        default=list, blank=True, help_text="Models to use where the wanted one is nowhere"
    )
    prompt_size = models.PositiveIntegerField(default=0, help_text="Tokens, as estimated here")
    need_key = models.CharField(
        max_length=64, blank=True, help_text="Calls with one key fit the same agents"
    )
    thread_key = models.CharField(
        max_length=64, blank=True, help_text="Calls with one key begin with the same words"
    )
    known_to = models.CharField(
        max_length=80, blank=True, help_text="Agent that answered this conversation before"
    )
    turn_at = models.DateTimeField(
        default=timezone.now, help_text="Place in the queue: creation, later for less urgent ones"
    )
    title = models.CharField(max_length=160, blank=True, help_text="First words of the prompt")
    messages = models.JSONField(default=list)
    options = models.JSONField(default=dict, blank=True)
    schema = models.JSONField(null=True, blank=True, help_text="JSON schema of the answer")
    streams = models.BooleanField(default=False, help_text="Tokens are sent as they come")
    time_limit = models.FloatField(
        null=True, blank=True, help_text="Seconds the host may take for the whole answer"
    )

    # The decision
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, related_name="calls")
    agent_name = models.CharField(max_length=80, blank=True)
    model_name = models.CharField(max_length=200, blank=True)
    context_length = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tokens of context named to the host; empty for none"
    )
    reason = models.CharField(max_length=300, blank=True)
    decision = models.JSONField(default=list, blank=True, help_text="Every candidate's score")

    failed_agents = models.JSONField(
        default=list, blank=True, help_text="Hosts that could not be reached for it"
    )

    # The outcome
    answer = models.TextField(blank=True)
    thinking = models.TextField(blank=True)
    tool_calls = models.JSONField(default=list, blank=True)
    done_reason = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    wait_ms = models.FloatField(null=True, blank=True, help_text="Here, before it was sent")
    load_ms = models.FloatField(null=True, blank=True, help_text="Loading or scheduling there")
    slot_wait_ms = models.FloatField(
        null=True, blank=True, help_text="Waiting for a slot there, as far as the host tells"
    )
    first_token_ms = models.FloatField(null=True, blank=True)
    prompt_ms = models.FloatField(null=True, blank=True)
    answer_ms = models.FloatField(null=True, blank=True)
    total_ms = models.FloatField(null=True, blank=True, help_text="From sending to the end")
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    answer_tokens = models.PositiveIntegerField(null=True, blank=True)
    tps = models.FloatField("tokens/s", null=True, blank=True)
    prompt_tps = models.FloatField("prompt tokens/s", null=True, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta(Leased.Meta):
        ordering = ["-pk"]
        indexes = [
            *Leased.Meta.indexes,
            models.Index(fields=["team", "-id"], name="call_team"),
            models.Index(fields=["state", "need_key", "turn_at"], name="call_queue"),
            models.Index(fields=["state", "turn_at"], name="call_turn"),
            models.Index(fields=["thread_key", "-id"], name="call_thread"),
            models.Index(fields=["agent", "state"], name="call_slots"),
            models.Index(fields=["finished_at"], name="call_finished"),
        ]

    def __str__(self) -> str:
        return f"Call {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the call's page."""
        return f"/calls/{self.pk}/"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED

    @property
    def shown_state(self) -> str:
        """The state people and programs are told.

        A runner claims a waiting call about once a second to look for a free agent: until it has
        one, the call waits.
        """
        claimed = self.state == RUNNING and self.agent_id is None
        return QUEUED if claimed else self.state

    @property
    def shown_label(self) -> str:
        """The word for the shown state."""
        return str(self.State(self.shown_state).label)

    @property
    def waits(self) -> bool:
        """Whether no agent works on it yet."""
        return self.shown_state == QUEUED

    @property
    def last_prompt(self) -> str:
        """What the person said last: the text to ask again."""
        said = [m.get("content", "") for m in self.messages if m.get("role") == "user"]
        return said[-1] if said else ""

    def may_be_seen_by(self, user: User) -> bool:
        """Whether the user belongs to the call's team."""
        return user.is_superuser or self.team_id in user.roles
