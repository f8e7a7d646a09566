"""From the queue to free slots: who goes now, and the slot that is held.

A pass looks at all that waits, once per kind of need instead of once per call: when nobody takes
the first call of a kind, nobody takes the others behind it. So a queue of any length costs what
its kinds cost. Calls are taken in the order of their turn over all kinds.
"""

import heapq
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import routing
from agents.errors import NoAgent
from agents.live import tell_call
from agents.models import Agent, Call
from agents.protocols import HostProtocol
from agents.services.board import Board
from agents.services.endpoints import host_of
from agents.services.keeping import kept_at
from agents.services.waiting import AT_ONCE, Counter, Line, Teller, first_of_each_kind
from whoosh_site.core import leases, live
from whoosh_site.core.bulk import update_each
from whoosh_site.core.leases import Lease


@dataclass(frozen=True)
class Placement:
    """Where a call goes, and what is named to the host with it."""

    agent: Agent
    model: str
    context: int | None = None
    keep_alive: str | int | None = None

    def host(self) -> HostProtocol:
        """Return the host to ask; only inside an event loop, whose connections it uses."""
        found = host_of(self.agent, self.agent.health.found_protocol)
        if found is None:
            raise NoAgent(f"waits for the first check of {self.agent.name}")
        return found


@dataclass(frozen=True)
class Placed(Lease[Call]):
    """The lease of a call that a pass has just given a slot, with all that its carrier needs."""

    call: Call = field(compare=False, repr=False, kw_only=True)
    placement: Placement = field(compare=False, repr=False, kw_only=True)
    news: dict[str, Any] = field(compare=False, repr=False, kw_only=True)
    """What was decided, as the call's row says it."""


class Pass:
    """One look at the queue: places what fits, and tells the others what they wait for."""

    counter = Counter()
    teller = Teller()

    def __init__(self, owner: str, room: int) -> None:
        self.owner = owner
        self.room = room
        self.chosen: list[Placed] = []
        self.placed: list[Placed] = []
        self.stuck: list[tuple[Call, routing.Decision]] = []

    def run(self) -> list[Placed]:
        """Place at most as many as there is room for; they are the owner's to carry."""
        first = first_of_each_kind()
        if not first:
            return []
        self.board = Board(self.counter.count())
        if self.board.full:  # nobody takes anything: say so without a write lock
            for call in first:
                self._waits(call, self.board.decide(call))
        else:
            with transaction.atomic(), live.together():
                self.board.hold()
                self._choose_in_turn(first)
                self._write()
        for call, decision in self.stuck:
            self.teller.tell(call, decision.reason, self.board.waiting)
        return self.placed

    def _choose_in_turn(self, first: list[Call]) -> None:
        counted = self.board.waiting.kinds  # of a long queue a second old: 0 is not known
        lines = {
            call.need_key: Line(call, min(counted.get(call.need_key) or self.room, self.room))
            for call in first
        }
        turns = [(call.turn_at, call.need_key) for call in first]
        while turns and len(self.chosen) < self.room:
            _, key = heapq.heappop(turns)
            call = lines[key].take()
            decision = self.board.decide(call)
            if decision.winner is None:
                self._waits(call, decision)
                continue
            self._choose(call, decision, decision.winner)
            following = lines[key].next_turn()
            if following is not None:
                heapq.heappush(turns, (following, key))

    def _waits(self, call: Call, decision: routing.Decision) -> None:
        """Note that nobody takes a call, nor any of its kind."""
        self.stuck.append((call, decision))
        if decision.waits_for:
            self.board.awaited(decision.waits_for)

    def _choose(self, call: Call, decision: routing.Decision, winner: routing.Score) -> None:
        """Give a call a slot on the board."""
        agent = self.board.take(call, winner)
        news = {"agent": agent, **_decided(call, decision, winner, timezone.now())}
        for name, value in news.items():
            setattr(call, name, value)
        kept = self.board.kept(winner)
        placement = Placement(agent, winner.model, winner.context, kept)
        lease = Placed(
            Call,
            call.pk,
            self.owner,
            call.attempt + 1,
            call.deaths,
            call=call,
            placement=placement,
            news=news,
        )
        self.chosen.append(lease)

    def _write(self) -> None:
        """Write who goes where, inside the pass's transaction, unless one waits no more."""
        until = timezone.now() + leases.LEASE
        changes = []
        for lease in self.chosen:
            waits = {"pk": lease.pk, "state": leases.QUEUED, "attempt": lease.attempt - 1}
            held = {"state": leases.RUNNING, "owner": self.owner, "lease_until": until}
            changes.append((waits, held | {"attempt": lease.attempt} | lease.news))
        written = update_each(Call, changes)
        # The others were canceled, or another runner was first.
        self.placed = [lease for lease, moved in zip(self.chosen, written, strict=True) if moved]
        for lease in self.placed:
            tell_call(lease.call, lease.placement.agent)


def dispatch(owner: str, room: int) -> list[Placed]:
    """Place what waits and fits now, at most `room` calls; they are this owner's to carry."""
    placed: list[Placed] = []
    while len(placed) < room:
        found = Pass(owner, min(room - len(placed), AT_ONCE)).run()
        placed += found
        if len(found) < AT_ONCE:
            break
    return placed


def _decided(
    call: Call, decision: routing.Decision, winner: routing.Score, now: datetime
) -> dict[str, Any]:
    return {
        "agent_name": winner.agent,
        "model_name": winner.model,
        "context_length": winner.context,
        "reason": decision.reason[:300],
        "decision": [score.as_dict() for score in decision.scores],
        "sent_at": now,
        "wait_ms": (now - call.created_at).total_seconds() * 1000,
        "trouble": "",
    }


def placed(call: Call) -> Placement | None:
    """Return where a pass put the call, if one did."""
    if not (call.agent and call.model_name):
        return None
    kept = kept_at(call.agent, call.model_name)
    return Placement(call.agent, call.model_name, call.context_length, kept)


def place(lease: Lease[Call], call: Call) -> Placement:
    """Choose an agent for a call this process holds already, and take one of its slots.

    Raises:
        NoAgent: says what the call waits for.
    """
    with transaction.atomic():
        board = Board()
        board.hold()
        decision = board.decide(call)
        winner = decision.winner
        if winner is None:
            raise NoAgent(decision.reason, {"scores": decision.as_dict()["scores"]})
        agent = board.take(call, winner)
        if lease.write(agent=agent, **_decided(call, decision, winner, timezone.now())):
            tell_call(call, agent)
    return Placement(agent, winner.model, winner.context, board.kept(winner))
