"""From the queue to free slots: what routing has to know, who goes now, and the slot that is held.

A pass looks at all that waits, once per kind of need instead of once per call: when nobody takes
the first call of a kind, nobody takes the others behind it. So a queue of any length costs what
its kinds cost. Calls are taken in the order of their turn over all kinds.
"""

import heapq
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Avg, Count, Min
from django.utils import timezone

from agents import routing
from agents.errors import NoAgent
from agents.live import tell_call
from agents.models import Agent, AgentModel, Call, Health, with_models
from agents.protocols import HostProtocol
from agents.services.endpoints import host_of
from agents.services.needs import need_of
from whoosh_site.core import leases, live, tunables
from whoosh_site.core.leases import Lease

KINDS = 500
"""How many kinds of need one pass looks at."""
IN_USE = timedelta(minutes=2)
LATELY = timedelta(minutes=10)
TOLD = 100
"""How many waiting calls are told of a new reason one by one; lists hear of all."""
AT_ONCE = 50
"""How many calls one transaction places: others write meanwhile."""


@dataclass(frozen=True)
class Placement:
    """Where a call goes."""

    agent: Agent
    model: str

    def host(self) -> HostProtocol:
        """Return the host to ask; only inside an event loop, whose connections it uses."""
        found = host_of(self.agent, self.agent.health.found_protocol)
        if found is None:
            raise NoAgent(f"waits for the first check of {self.agent.name}")
        return found


# -- what routing has to know ----------------------------------------------------------------


class Board:
    """All agents as they are now; a call that is placed on it makes its agent busier."""

    def __init__(self) -> None:
        now, interval = timezone.now(), tunables.value("health_check_interval")
        rows = Agent.objects.select_related("health").prefetch_related(
            with_models(), "capabilities__capability", "gpus", "shared_with"
        )
        self.agents: dict[str, Agent] = {agent.name: agent for agent in rows}
        self.behind: dict[str, int] = {}  # calls that wait behind the first, by kind of need
        self.teams = {name: set(_teams(agent)) for name, agent in self.agents.items()}
        going, spent, wanted = _going(), _seconds_a_call(), _wanted()
        self.candidates = {
            name: _candidate(agent, now, interval, going.get(agent.pk, {}), spent.get(agent.pk))
            for name, agent in self.agents.items()
        }
        for name, found in self.candidates.items():
            held = tuple(replace(one, waiting=_count(wanted, one.name)) for one in found.held)
            self.candidates[name] = replace(found, held=held)

    def decide(self, call: Call) -> routing.Decision:
        """Return what becomes of a call now."""
        need = replace(need_of(call), behind=self.behind.get(call.need_key, 0))
        return routing.choose(need, self.of_team(call.team_id))

    def of_team(self, team: int) -> list[routing.Candidate]:
        """Return the agents a team may use."""
        return [found for name, found in self.candidates.items() if team in self.teams[name]]

    @property
    def full(self) -> bool:
        """Whether no agent that takes calls has a free slot."""
        return all(c.full or c.status not in routing.USABLE for c in self.candidates.values())

    def take(self, winner: routing.Score) -> Agent:
        """Note that a call goes to the winner, and return its row."""
        old = self.candidates[winner.agent]
        held = tuple(
            replace(one, in_use=True, coming=one.coming or not one.resident)
            if one.name == winner.model
            else one
            for one in old.held
        )
        self.candidates[old.name] = replace(old, busy=old.busy + 1, held=held)
        return self.agents[old.name]

    def awaited(self, agent: str) -> None:
        """Note that a call waits for an agent."""
        old = self.candidates[agent]
        self.candidates[agent] = replace(old, queued=old.queued + 1)


def _teams(agent: Agent) -> list[int]:
    return [agent.team_id, *(team.pk for team in agent.shared_with.all())]


def _going() -> dict[int, dict[str, int]]:
    """Return how many calls run, by agent and model."""
    running = Call.objects.filter(state=leases.RUNNING, agent__isnull=False)
    found: dict[int, dict[str, int]] = {}
    for agent, model, count in (
        running.values_list("agent", "model_name").annotate(n=Count("pk")).order_by()
    ):
        found.setdefault(agent, {})[model] = count
    return found


def _wanted() -> dict[str, int]:
    """Return how many calls wait for a model, by its name."""
    waiting = Call.objects.due().exclude(wanted_model="").values_list("wanted_model")
    return dict(waiting.annotate(n=Count("pk")).order_by())


def _count(wanted: dict[str, int], name: str) -> int:
    return sum(count for model, count in wanted.items() if routing.same_model(model, name))


def _seconds_a_call() -> dict[int, float]:
    """Return how long a call took lately, by agent."""
    lately = Call.objects.filter(finished_at__gte=timezone.now() - LATELY, agent__isnull=False)
    rows = lately.values_list("agent").annotate(ms=Avg("total_ms")).order_by()
    return {agent: ms / 1000 for agent, ms in rows if ms is not None}


def _candidate(
    agent: Agent, now: datetime, interval: float, going: dict[str, int], spent: float | None
) -> routing.Candidate:
    status, reason = agent.status, agent.status_reason
    if status == Health.Status.ONLINE and agent.health.stale(now, interval):
        status, reason = Health.Status.DEGRADED, "not checked lately"
    trial = agent.health.open_until is not None  # half open: one call tells whether it works again
    open_for = (agent.health.open_until - now).total_seconds() if trial else 0.0
    slots = 1 if trial else agent.slots
    known = {"frees_in": spent / slots} if spent else {}
    return routing.Candidate(
        name=agent.name,
        status=status,
        status_reason=reason,
        slots=slots,
        busy=sum(going.values()),
        held=tuple(_held(row, going.get(row.model.name, 0)) for row in agent.models.all()),
        preferred=agent.preferred_model,
        skills={row.capability.name: row.proficiency for row in agent.capabilities.all()},
        min_tps=agent.min_tps,
        max_seconds=agent.max_response_time,
        priority=agent.priority,
        vram=agent.vram_gb or None,
        holds=max(agent.health.most_resident, 1),
        open_for=max(open_for, 0.0),
        **known,
    )


def _held(row: AgentModel, going: int) -> routing.Held:
    return routing.Held(
        name=row.model.name,
        resident=row.resident,
        coming=bool(going) and not row.resident,
        tps=row.tps,
        prompt_tps=row.prompt_tps,
        load_seconds=row.load_ms / 1000 if row.load_ms is not None else None,
        abilities=frozenset(row.capabilities),
        context=row.context_length,
        loaded_context=row.resident_context,
        size=row.size,
        size_vram=row.size_vram,
        in_use=bool(going),
    )


# -- a pass ----------------------------------------------------------------------------------


def dispatch(owner: str, room: int) -> list[Lease[Call]]:
    """Place what waits and fits now, at most `room` calls; they are this owner's to carry."""
    placed: list[Lease[Call]] = []
    waiting = Call.objects.due()
    while len(placed) < room and waiting.exists():
        found = _pass(owner, min(room - len(placed), AT_ONCE))
        placed += found
        if len(found) < AT_ONCE:
            break
    return placed


def _pass(owner: str, room: int) -> list[Lease[Call]]:
    board = Board()
    kinds = list(
        Call.objects.due()
        .values("need_key")
        .annotate(first=Min("turn_at"), count=Count("pk"))
        .order_by("first")[:KINDS]
    )
    board.behind = {kind["need_key"]: kind["count"] - 1 for kind in kinds}
    turns = [(kind["first"], kind["need_key"]) for kind in kinds]
    if board.full:  # nobody takes anything: say so without a write lock
        for _, key in turns:
            _explain(key, board)
        return []
    heapq.heapify(turns)
    placed: list[Lease[Call]] = []
    stuck: list[str] = []
    with transaction.atomic():
        _hold(board)
        queues = {key: _Queue(key) for _, key in turns}
        while turns and len(placed) < room:
            _, key = heapq.heappop(turns)
            call = queues[key].take()
            if call is None:
                continue
            decision = board.decide(call)
            if decision.winner is None:
                stuck.append(key)
                continue
            if lease := _place(call, decision, decision.winner, board, owner):
                placed.append(lease)
            following = queues[key].next_turn()
            if following is not None:
                heapq.heappush(turns, (following, key))
    for key in stuck:
        _explain(key, board)
    return placed


class _Queue:
    """The calls of one kind of need in the order of their turn; read when they are needed."""

    def __init__(self, key: str) -> None:
        rows = Call.objects.due().filter(need_key=key).order_by("turn_at", "pk")
        self._waiting = rows.defer(*Call.HEARD)
        self._rows: list[Call] = []
        self._taken: list[int] = []

    def take(self) -> Call | None:
        """Take the call whose turn it is."""
        if self.next_turn() is None:
            return None
        call = self._rows.pop(0)
        self._taken.append(call.pk)
        return call

    def next_turn(self) -> datetime | None:
        """Return when the next one came."""
        if not self._rows:  # one at first, for most kinds find nobody; then more at a time
            rest = self._waiting.exclude(pk__in=self._taken)
            self._rows = list(rest[: 1 + 4 * len(self._taken)])
        return self._rows[0].turn_at if self._rows else None


def _hold(board: Board) -> None:
    """Keep others from placing calls until the transaction ends; count what runs once more."""
    if connection.vendor == "postgresql":  # SQLite has one writer anyway
        ids = [agent.pk for agent in board.agents.values()]
        list(
            Agent.objects.filter(pk__in=ids)
            .order_by("pk")
            .select_for_update(no_key=True)
            .values("pk")
        )
    going = _going()
    for name, agent in board.agents.items():
        busy = sum(going.get(agent.pk, {}).values())
        board.candidates[name] = replace(board.candidates[name], busy=busy)


def _place(
    call: Call, decision: routing.Decision, winner: routing.Score, board: Board, owner: str
) -> Lease[Call] | None:
    """Give a call its slot, inside the pass's transaction; None when it waits no more."""
    now, attempt = timezone.now(), call.attempt + 1
    moved = Call.objects.filter(pk=call.pk, state=leases.QUEUED).update(
        state=leases.RUNNING,
        owner=owner,
        lease_until=now + leases.LEASE,
        attempt=attempt,
        **_decided(call, decision, winner, now),
        agent=board.agents[winner.agent],
    )
    if not moved:  # canceled, or another runner was first
        return None
    agent = board.take(winner)
    board.behind[call.need_key] = max(board.behind.get(call.need_key, 0) - 1, 0)
    tell_call(call, agent)
    return Lease(Call, call.pk, owner, attempt)


def _decided(
    call: Call, decision: routing.Decision, winner: routing.Score, now: datetime
) -> dict[str, Any]:
    return {
        "agent_name": winner.agent,
        "model_name": winner.model,
        "reason": decision.reason[:300],
        "decision": [score.as_dict() for score in decision.scores],
        "sent_at": now,
        "wait_ms": (now - call.created_at).total_seconds() * 1000,
        "trouble": "",
    }


def _explain(key: str, board: Board) -> None:
    """Write at all calls of one kind what they wait for, where that is news."""
    waiting = Call.objects.due().filter(need_key=key)
    call = waiting.order_by("turn_at", "pk").defer(*Call.HEARD).first()
    if call is None:
        return
    decision = board.decide(call)
    if decision.winner is not None:  # somebody else placed or ended the first one meanwhile
        return
    if decision.waits_for:
        board.awaited(decision.waits_for)
    news = list(waiting.exclude(trouble=decision.reason).values_list("pk", flat=True)[:TOLD])
    if news:
        waiting.exclude(trouble=decision.reason).update(trouble=decision.reason)
        live.announce("calls", *(f"call:{pk}" for pk in news), teams=[call.team_id])


def placed(call: Call) -> Placement | None:
    """Return where a pass put the call, if one did."""
    return Placement(call.agent, call.model_name) if call.agent and call.model_name else None


def place(lease: Lease[Call], call: Call) -> Placement:
    """Choose an agent for a call this process holds already, and take one of its slots.

    Raises:
        NoAgent: says what the call waits for.
    """
    with transaction.atomic():
        board = Board()
        _hold(board)
        decision = board.decide(call)
        winner = decision.winner
        if winner is None:
            raise NoAgent(decision.reason, {"scores": decision.as_dict()["scores"]})
        agent = board.take(winner)
        if lease.write(agent=agent, **_decided(call, decision, winner, timezone.now())):
            tell_call(call, agent)
    return Placement(agent, winner.model)
