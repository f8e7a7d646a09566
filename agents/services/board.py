"""What routing has to know: all agents as they are now, and what is going on there.

Read anew for every pass over the queue, in a few plain queries whatever the number of agents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from agents import routing
from agents.context import USUAL
from agents.models import Agent, AgentCapability, AgentModel, Call, Gpu, Health
from agents.models.registry import kept
from agents.protocols import protocols
from agents.services.needs import need_of
from agents.services.waiting import Waiting, count
from whoosh_site.core import leases, tunables
from whoosh_site.core.prepared import Prepared

AGENT = tuple(field.attname for field in Agent._meta.concrete_fields)
HEALTH = tuple(field.attname for field in Health._meta.concrete_fields)
HELD = (
    "agent_id", "model__name", "slots", "capabilities", "size", "context_length",
    "resident", "resident_context", "named_context", "usual_context", "size_vram",
    "tps", "prompt_tps", "load_ms", "call_ms", "keep_alive", "pinned",
)  # fmt: skip

_agents = Prepared(
    lambda: Agent.objects.values_list(*AGENT, *(f"health__{name}" for name in HEALTH))
)
_guests = Prepared(
    lambda: Agent.shared_with.through.objects.order_by("pk").values_list("agent_id", "team_id")
)
_models = Prepared(lambda: AgentModel.objects.order_by("model__name").values_list(*HELD))
_skills = Prepared(
    lambda: AgentCapability.objects.order_by().values_list(
        "agent_id", "capability__name", "proficiency"
    )
)
_cards = Prepared(
    lambda: Gpu.objects.filter(vram_gb__gt=0).order_by().values_list("agent_id", "vram_gb")
)
_running = Prepared(
    lambda: (
        Call.objects.filter(state=leases.RUNNING, agent__isnull=False)
        .order_by()
        .values_list("agent_id", "model_name", "context_length")
        .annotate(n=Count("pk"))
    )
)


@dataclass
class Going:
    """Calls of one model that one agent works on."""

    count: int = 0
    context: int = 0
    """The longest context that was named with them: the one that is loaded by now or soon."""

    def add(self, count: int, context: int | None) -> None:
        """Count calls that named a length, or none."""
        self.count += count
        self.context = max(self.context, context or 0)


Work = dict[int, dict[str, Going]]
"""What is going on, by agent and model."""


class Board:
    """All agents as they are now; a call that is placed on it makes its agent busier."""

    def __init__(self, waiting: Waiting | None = None) -> None:
        self.waiting = count() if waiting is None else waiting
        self.agents = {agent.name: agent for agent in _rows()}
        self.teams = {name: set(agent.team_ids) for name, agent in self.agents.items()}
        self._work = _work()
        self._facts = _Facts()
        self.candidates = {name: self._candidate(agent) for name, agent in self.agents.items()}

    def decide(self, call: Call) -> routing.Decision:
        """Return what becomes of a call now."""
        behind = max(self.waiting.kinds.get(call.need_key, 0) - 1, 0)
        usual = self._facts.usual_answer(call.wanted_model)
        need = replace(need_of(call), behind=behind, usual_tokens=usual)
        return routing.choose(need, self.of_team(call.team_id))

    def of_team(self, team: int) -> list[routing.Candidate]:
        """Return the agents a team may use."""
        return [found for name, found in self.candidates.items() if team in self.teams[name]]

    @property
    def full(self) -> bool:
        """Whether no agent that takes calls has a free slot."""
        return all(c.full or c.status not in routing.USABLE for c in self.candidates.values())

    def hold(self) -> None:
        """Keep others from placing until the transaction ends; count what runs once more."""
        if connection.vendor == "postgresql":  # SQLite has one writer anyway
            ids = [agent.pk for agent in self.agents.values()]
            rows = Agent.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
            list(rows.values("pk"))
        before, self._work = self._work, _work()
        for name, agent in self.agents.items():
            if before.get(agent.pk) != self._work.get(agent.pk):
                self.candidates[name] = self._candidate(agent)

    def take(self, call: Call, winner: routing.Score) -> Agent:
        """Note that a call goes to the winner, and return its row."""
        agent = self.agents[winner.agent]
        going = self._work.setdefault(agent.pk, {}).setdefault(winner.model, Going())
        going.add(1, winner.context)
        old = self.candidates[agent.name]
        held = tuple(_busier(one, going) if one.name == winner.model else one for one in old.held)
        self.candidates[agent.name] = replace(old, busy=old.busy + 1, held=held)
        self.waiting.kinds[call.need_key] = max(self.waiting.kinds.get(call.need_key, 0) - 1, 0)
        return agent

    def kept(self, winner: routing.Score) -> str | int | None:
        """Return how long the model is to stay in memory there, as it is sent with a call."""
        for row in self._facts.held.get(self.agents[winner.agent].pk, ()):
            if row["model__name"] == winner.model:
                return kept(row["keep_alive"], pinned=row["pinned"])
        return None

    def awaited(self, agent: str) -> None:
        """Note that calls wait for an agent: those of other kinds come after them."""
        old = self.candidates[agent]
        self.candidates[agent] = replace(old, queued=old.queued + 1)

    def _candidate(self, agent: Agent) -> routing.Candidate:
        facts, work, now = self._facts, self._work.get(agent.pk, {}), self._facts.now
        status, reason = agent.status, agent.status_reason
        if status == Health.Status.ONLINE and agent.health.stale(now, facts.interval):
            status, reason = Health.Status.DEGRADED, "not checked lately"
        trial = agent.health.open_until is not None  # half open: one call tells whether it works
        open_for = (agent.health.open_until - now).total_seconds() if trial else 0.0
        slots = 1 if trial else agent.slots
        rows = facts.held.get(agent.pk, ())
        protocol = protocols.get(agent.protocol or agent.health.found_protocol)
        takes_context = protocol is not None and protocol.takes_context
        spent, wanted = _seconds_a_call(rows, work), self.waiting.at(agent.name)
        known = {"frees_in": spent / slots} if spent else {}
        return routing.Candidate(
            name=agent.name,
            status=status,
            status_reason=reason,
            slots=slots,
            busy=sum(going.count for going in work.values()),
            held=tuple(
                _held(row, work.get(row["model__name"]), wanted, takes_context) for row in rows
            ),
            preferred=agent.preferred_model,
            skills=facts.skills.get(agent.pk, {}),
            min_tps=agent.min_tps,
            max_seconds=agent.max_response_time,
            priority=agent.priority,
            vram=facts.vram.get(agent.pk),
            holds=max(agent.health.most_resident, 1),
            open_for=max(open_for, 0.0),
            **known,
        )


class _Facts:
    """What stands below the agents' rows, by agent."""

    def __init__(self) -> None:
        self.now: datetime = timezone.now()
        self.interval: float = tunables.value("health_check_interval")
        self.held: dict[int, list[dict[str, Any]]] = {}
        for row in _models.rows():
            self.held.setdefault(row[0], []).append(dict(zip(HELD, row, strict=True)))
        self.skills: dict[int, dict[str, float]] = {}
        for pk, name, skill in _skills.rows():
            self.skills.setdefault(pk, {})[name] = skill
        self.vram: dict[int, float] = {}
        for pk, gb in _cards.rows():
            self.vram[pk] = self.vram.get(pk, 0.0) + gb

    def usual_answer(self, model: str) -> int | None:
        """Return how many tokens answers of a model had lately; of no model: all answers."""
        known = [
            row["tps"] * row["call_ms"] / 1000
            for rows in self.held.values()
            for row in rows
            if row["tps"] and row["call_ms"]
            if not model or routing.same_model(model, row["model__name"])
        ]
        return max(round(sum(known) / len(known)), 1) if known else None


def _rows() -> list[Agent]:
    """Return all agents with their health and their teams."""
    found = []
    guests: dict[int, list[int]] = {}
    for pk, team in _guests.rows():
        guests.setdefault(pk, []).append(team)
    for row in _agents.rows():
        agent = Agent.from_db(connection.alias, AGENT, row[: len(AGENT)])
        agent.health = Health.from_db(connection.alias, HEALTH, row[len(AGENT) :])
        agent.team_ids = [agent.team_id, *guests.get(agent.pk, ())]
        found.append(agent)
    return found


def _work() -> Work:
    """Return what is going on now."""
    found: Work = {}
    for agent, model, context, number in _running.rows():
        found.setdefault(agent, {}).setdefault(model, Going()).add(number, context)
    return found


def _seconds_a_call(rows: Iterable[Mapping[str, Any]], work: Mapping[str, Going]) -> float | None:
    """Return how long calls take there, of the models at work now, else of all."""
    known = {row["model__name"]: row["call_ms"] / 1000 for row in rows if row["call_ms"]}
    counts = {name: work[name].count for name in known if name in work} or dict.fromkeys(known, 1)
    total = sum(counts.values())
    return sum(known[name] * n for name, n in counts.items()) / total if total else None


def _held(
    row: Mapping[str, Any],
    going: Going | None,
    wanted: Iterable[tuple[str, int, float]],
    takes_context: bool,
) -> routing.Held:
    mine = [(n, turn) for name, n, turn in wanted if routing.same_model(name, row["model__name"])]
    held = routing.Held(
        name=row["model__name"],
        resident=row["resident"],
        tps=row["tps"],
        prompt_tps=row["prompt_tps"],
        load_seconds=row["load_ms"] / 1000 if row["load_ms"] is not None else None,
        abilities=frozenset(row["capabilities"]),
        context=row["context_length"],
        loaded_context=row["resident_context"],
        named_context=row["named_context"],
        usual_context=row["usual_context"] or USUAL,
        takes_context=takes_context,
        size=row["size"],
        size_vram=row["size_vram"],
        slots=row["slots"],
        waiting=sum(n for n, _ in mine),
        turn=min((turn for _, turn in mine), default=0.0),
    )
    return held if going is None else _busier(held, going)


def _busier(held: routing.Held, going: Going) -> routing.Held:
    """Return a model with the calls it works on, and the context they have it loaded with."""
    same = held.named_context == going.context
    return replace(
        held,
        going=going.count,
        coming=held.coming or not held.resident,
        named_context=going.context,
        loaded_context=held.loaded_context if same else None,
    )
