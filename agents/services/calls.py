"""Calls: from a prompt to an answer with exact figures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from agents import routing
from agents.errors import AgentBusy, AgentError, AgentOffline, NoAgent, UnknownName
from agents.models import Agent, AgentModel, Call, Capability, Health, Model
from agents.models.calls import CANCELED, ERROR, SUCCESS
from agents.protocols import ChatRequest, HostProtocol, Message, Piece, ToolCall, Usage
from agents.services.endpoints import close_doors, host_of
from agents.services.health import check_soon
from whoosh_site.core import leases, live, tunables
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Forbidden, WhooshError
from whoosh_site.core.leases import Lease
from whoosh_site.core.limits import Limits
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand

FLUSH_EVERY = 0.08
LOOK_AGAIN = 1.0
LONGEST_PROMPT = 4_000_000
SMOOTH = 0.3
RETRIES = 2
Tell = Callable[[Piece], None]


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `messages` are wire-neutral dicts with role and content."""

    messages: Sequence[dict[str, Any]]
    agent: str = ""
    model: str = ""
    capability: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    streams: bool = False


@transaction.atomic
def ask(wish: Wish, *, by: Actor, source: str, team: Team | None = None, holder: str = "") -> Call:
    """Record a call; a runner takes it within milliseconds, unless this process holds it.

    Args:
        wish: what is asked.
        by: who asks.
        source: page, api or command.
        team: on whose behalf; default the caller's first team.
        holder: owner of the process that runs the call itself (`ask_here`).

    Raises:
        Forbidden: the caller may start no work in the team.
        UnknownName: no agent, model or capability of that name; says which exist.
        BadInput: nothing to say.
    """
    team = team or (by.user.home_team if by.user else Team.objects.first())
    if team is None:
        raise Forbidden("You belong to no team. Ask an administrator to add you to one.")
    demand(by, "call.create", [team.pk])
    _known(wish, team)
    said = sum(len(str(message.get("content", ""))) for message in wish.messages)
    if not said:
        raise BadInput("prompt: there is nothing to ask")
    if said > LONGEST_PROMPT:
        raise BadInput(f"prompt: {said} characters are more than {LONGEST_PROMPT}")
    call = Call.objects.create(
        team=team,
        created_by=by.user,
        api_key=by.key,
        source=source,
        wanted_agent=wish.agent,
        wanted_model=wish.model,
        wanted_capability=wish.capability,
        title=_title(wish.messages),
        messages=list(wish.messages),
        options=wish.options,
        schema=wish.schema,
        streams=wish.streams,
        **(_held_by(holder) if holder else {}),
    )
    _tell(call)
    leases.wake()
    return call


def _title(messages: Sequence[dict[str, Any]]) -> str:
    said = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    return " ".join(said[-1].split())[:160] if said else ""


def _held_by(holder: str) -> dict[str, Any]:
    until = timezone.now() + leases.LEASE
    return {"state": leases.RUNNING, "owner": holder, "lease_until": until, "attempt": 1}


def _known(wish: Wish, team: Team) -> None:
    """Refuse names that do not exist for this team."""
    agents = Agent.objects.of_team(team.pk)
    if wish.agent and not agents.filter(name=wish.agent).exists():
        raise _unknown("agent", wish.agent, agents.values_list("name", flat=True))
    skills = Capability.objects.filter(agents__agent__in=agents).distinct()
    if wish.capability and not skills.filter(name=wish.capability).exists():
        raise _unknown("capability", wish.capability, skills.values_list("name", flat=True))
    if wish.model:
        models = Model.objects.filter(hosts__agent__in=agents).distinct()
        names = list(models.values_list("name", flat=True))
        if not any(routing.same_model(wish.model, name) for name in names):
            raise _unknown("model", wish.model, names)


def _unknown(kind: str, name: str, existing: Sequence[str]) -> UnknownName:
    names = sorted(existing)
    shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    there_are = f"There are: {shown}." if names else "There is none yet."
    return UnknownName(f"{kind}: no {kind} is called {name!r}. {there_are}", {"existing": names})


@transaction.atomic
def cancel_call(call: Call, *, by: Actor) -> bool:
    """Stop a call: a waiting one ends, a running one is stopped at its host.

    Returns False when it had ended already.
    """
    demand(by, "call.cancel", [call.team_id])
    moved = leases.cancel(Call, call.pk, state=CANCELED, finished_at=timezone.now())
    if moved:
        _tell(call)
        leases.wake()
    return moved


# -- running ---------------------------------------------------------------------------------


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


async def run_call(lease: Lease[Call], tell: Tell | None = None) -> bool:
    """Place one claimed call and carry it to its end; False when it has to wait.

    `tell` hears every piece of the answer in this process.
    """
    call = await sync_to_async(Call.objects.select_related("team").get)(pk=lease.pk)
    if call.cancel_asked:  # between two looks, or before its process died
        await sync_to_async(canceled)(lease)
        return True
    try:
        placement = await sync_to_async(_place)(lease, call)
    except NoAgent as error:
        await sync_to_async(_wait)(lease, call, error.message)
        return False
    except WhooshError as error:
        await sync_to_async(_failed)(lease, call, error)
        return True
    answer = _Answer(call, lease.attempt, tell)
    try:
        async with contextlib.aclosing(answer):
            await answer.listen(placement)
        await sync_to_async(_succeeded)(lease, call, placement, answer)
    except NoAgent as error:
        await sync_to_async(_wait)(lease, call, error.message)
        return False
    except AgentError as error:
        if isinstance(error, AgentOffline) and len(call.failed_agents) < RETRIES:
            await sync_to_async(_elsewhere)(lease, call, placement.agent, error)
            return False
        await sync_to_async(_failed)(lease, call, error, answer, placement.agent)
    except asyncio.CancelledError:
        await asyncio.shield(sync_to_async(canceled)(lease, answer))
        raise
    return True


def facts(call: Call) -> list[tuple[Agent, routing.Candidate]]:
    """Return every agent of the call's team with what routing needs to know."""
    now = timezone.now()
    interval = tunables.value("health_check_interval")
    rows = (
        Agent.objects.of_team(call.team_id)
        .select_related("health")
        .prefetch_related("models__model", "capabilities__capability")
    )
    found = []
    running = Q(state=leases.RUNNING) & ~Q(pk=call.pk)
    counts = Call.objects.filter(running, agent__isnull=False).values_list("agent")
    busy = dict(counts.annotate(n=Count("pk")).order_by())
    for agent in rows:
        status, reason = agent.status, agent.status_reason
        if status == Health.Status.ONLINE and agent.health.stale(now, interval):
            status, reason = Health.Status.DEGRADED, "not checked lately"
        candidate = routing.Candidate(
            name=agent.name,
            status=status,
            status_reason=reason,
            slots=agent.slots,
            busy=busy.get(agent.pk, 0),
            held=[_held(row) for row in agent.models.all()],
            preferred=agent.preferred_model,
            skills={row.capability.name: row.proficiency for row in agent.capabilities.all()},
            min_tps=agent.min_tps,
            priority=agent.priority,
        )
        found.append((agent, candidate))
    return found


def _held(row: AgentModel) -> routing.Held:
    return routing.Held(row.model.name, row.resident, row.tps, frozenset(row.capabilities))


def _place(lease: Lease[Call], call: Call) -> Placement:
    """Choose an agent and take one of its slots; raises NoAgent saying what the call waits for."""
    found = facts(call)
    images = any(message.get("images") for message in call.messages)
    need = routing.Need(
        agent=call.wanted_agent,
        model=call.wanted_model,
        capability=call.wanted_capability,
        abilities=frozenset({"vision"} if images else ()),
        failed=frozenset(call.failed_agents),
    )
    decision = routing.choose(need, [candidate for _, candidate in found])
    if decision.winner is None:
        raise NoAgent(decision.reason, {"scores": [s.as_dict() for s in decision.scores]})
    agent = next(agent for agent, _ in found if agent.name == decision.winner.agent)
    if not _take_slot(lease, call, agent, decision):
        raise NoAgent(f"waits for a free slot on {agent.name}")
    return Placement(agent, decision.winner.model)


@transaction.atomic
def _take_slot(lease: Lease[Call], call: Call, agent: Agent, decision: routing.Decision) -> bool:
    """Hold one of the agent's slots; the running call itself is the lease of it."""
    if connection.vendor == "postgresql":
        Agent.objects.select_for_update().get(pk=agent.pk)  # SQLite has one writer anyway
    running = Call.objects.filter(agent=agent, state=leases.RUNNING).exclude(pk=lease.pk)
    if decision.winner is None or running.count() >= agent.slots:
        return False
    now = timezone.now()
    mine = lease.write(
        agent=agent,
        agent_name=agent.name,
        model_name=decision.winner.model,
        reason=decision.reason[:300],
        decision=[score.as_dict() for score in decision.scores],
        sent_at=now,
        wait_ms=(now - call.created_at).total_seconds() * 1000,
        trouble="",
    )
    if mine:
        _tell(call, agent)
    return mine


@transaction.atomic
def _wait(lease: Lease[Call], call: Call, why: str) -> None:
    later = timezone.now() + timedelta(seconds=LOOK_AGAIN)
    mine = lease.put_back(later, trouble=why, agent=None, attempt=max(lease.attempt - 1, 0))
    if mine and call.trouble != why:
        _tell(call)


@transaction.atomic
def _elsewhere(lease: Lease[Call], call: Call, agent: Agent, error: AgentOffline) -> None:
    """Queue a call again whose host gave no connection, so that not a byte of it was sent."""
    check_soon(agent)
    failed = [*call.failed_agents, agent.name]
    if lease.put_back(timezone.now(), trouble=error.message, agent=None, failed_agents=failed):
        _tell(call, agent)
        leases.wake()


class _Answer:
    """What has been heard so far; sends it on in parcels while somebody listens."""

    def __init__(self, call: Call, attempt: int, tell: Tell | None) -> None:
        self.call = call
        self.attempt = attempt
        self.tell = tell
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[ToolCall] = []
        self.usage = Usage()
        self.began = time.monotonic()
        self.first_at: float | None = None
        self.last_at = self.began
        self._parcel: list[Piece] = []
        self._sent = 0
        self._thought = 0
        self._flusher: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def listen(self, placement: Placement) -> None:
        """Hear the host out."""
        async with contextlib.aclosing(_pieces(self.call, placement)) as pieces:
            async for piece in pieces:
                self._hear(piece)

    def _hear(self, piece: Piece) -> None:
        self.last_at = time.monotonic()
        if self.first_at is None and (piece.text or piece.thinking or piece.tool_calls):
            self.first_at = self.last_at
        self.text.append(piece.text)
        self.thinking.append(piece.thinking)
        self.tool_calls += piece.tool_calls
        if piece.usage is not None:
            self.usage = piece.usage
        if self.tell is not None:
            self.tell(piece)
        if self.call.streams and (piece.text or piece.thinking):
            self._parcel.append(piece)
            if self._flusher is None or self._flusher.done():
                self._flusher = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), FLUSH_EVERY)
        await self._flush()

    async def _flush(self) -> None:
        parcel, self._parcel = self._parcel, []
        if not parcel:
            return
        text = "".join(piece.text for piece in parcel)
        thinking = "".join(piece.thinking for piece in parcel)
        # `at` lets a page that joins late, or hears a piece twice, put it in its place; a higher
        # attempt starts the answer anew.
        body = {
            "attempt": self.attempt,
            "at": self._sent,
            "text": text,
            "thought_at": self._thought,
            "thinking": thinking,
        }
        self._sent += len(text)
        self._thought += len(thinking)
        await sync_to_async(live.stream)(f"call:{self.call.pk}", body)

    async def aclose(self) -> None:
        """Send what is left."""
        self._hurry.set()
        if self._flusher is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._flusher)
        await asyncio.shield(self._flush())

    @property
    def fields(self) -> dict[str, Any]:
        """The columns of the call, as far as they are known."""
        usage = self.usage
        first = (self.first_at - self.began) * 1000 if self.first_at else None
        total = (self.last_at - self.began) * 1000
        spoken = usage.answer_ms or ((total - first) if first is not None else None)
        return {
            "answer": "".join(self.text),
            "thinking": "".join(self.thinking),
            "tool_calls": [
                {"id": call.id, "name": call.name, "arguments": call.arguments}
                for call in self.tool_calls
            ],
            "done_reason": usage.done_reason[:20],
            "prompt_tokens": usage.prompt_tokens,
            "answer_tokens": usage.answer_tokens,
            "load_ms": usage.load_ms,
            "prompt_ms": usage.prompt_ms,
            "answer_ms": spoken,
            "first_token_ms": first,
            "total_ms": total,
            "tps": _rate(usage.answer_tokens, spoken),
            "prompt_tps": _rate(usage.prompt_tokens, usage.prompt_ms),
            "finished_at": timezone.now(),
        }


def _rate(tokens: int | None, milliseconds: float | None) -> float | None:
    return tokens / milliseconds * 1000 if tokens and milliseconds else None


def _pieces(call: Call, placement: Placement) -> AsyncIterator[Piece]:
    request = ChatRequest(
        model=placement.model,
        messages=tuple(_message(message) for message in call.messages),
        tools=tuple(call.options.get("tools", ())),
        schema=call.schema,
        options={k: v for k, v in call.options.items() if k not in ("tools", "think")},
        think=call.options.get("think"),
    )
    return placement.host().chat(request, Limits())


def _message(data: dict[str, Any]) -> Message:
    return Message(
        role=data["role"],
        content=data.get("content") or "",
        images=tuple(data.get("images") or ()),
        tool_calls=tuple(
            ToolCall(call["name"], call.get("arguments") or {}, call.get("id") or "")
            for call in data.get("tool_calls") or ()
        ),
        tool_name=data.get("tool_name") or "",
        tool_call_id=data.get("tool_call_id") or "",
    )


# -- endings: one transaction each, fenced by the lease ----------------------------------------


@transaction.atomic
def _succeeded(lease: Lease[Call], call: Call, placement: Placement, answer: _Answer) -> None:
    fields = answer.fields
    if lease.finish(SUCCESS, **fields):
        _learn_speed(placement, fields)
        _ended(call, placement.agent)


@transaction.atomic
def _failed(
    lease: Lease[Call],
    call: Call,
    error: WhooshError,
    answer: _Answer | None = None,
    agent: Agent | None = None,
) -> None:
    fields = answer.fields if answer else {"finished_at": timezone.now()}
    if not lease.finish(ERROR, **fields, error=error.message, error_code=error.code):
        return
    if agent is not None and isinstance(error, AgentOffline | AgentBusy):
        check_soon(agent)
    _ended(call, agent)


@transaction.atomic
def canceled(lease: Lease[Call], answer: _Answer | None = None) -> None:
    """End a call whose coroutine was canceled because somebody asked for it.

    Without that wish the runner itself is stopping, and the row goes back to the queue.
    """
    if not Call.objects.filter(pk=lease.pk, cancel_asked=True).exists():
        return
    fields = answer.fields if answer else {"finished_at": timezone.now()}
    call = Call.objects.select_related("agent").get(pk=lease.pk)
    if lease.finish(CANCELED, **fields):
        _ended(call, call.agent)


def _ended(call: Call, agent: Agent | None) -> None:
    _tell(call, agent)
    # The slot is free: whoever waits longest looks again now, not in a second.
    waiting = Call.objects.filter(state=leases.QUEUED, due_at__gt=timezone.now())
    first = list(waiting.order_by("priority", "created_at").values_list("pk", flat=True)[:2])
    if first:
        Call.objects.filter(pk__in=first, state=leases.QUEUED).update(due_at=timezone.now())
        leases.wake()


def _learn_speed(placement: Placement, fields: dict[str, Any]) -> None:
    rows = AgentModel.objects.filter(agent=placement.agent, model__name=placement.model)
    row = rows.first()
    if row is None:
        return
    news = {}
    for name in ("tps", "prompt_tps"):
        if fields[name]:
            old = getattr(row, name)
            news[name] = fields[name] if old is None else old + SMOOTH * (fields[name] - old)
    if news:
        rows.update(**news)


def _tell(call: Call, agent: Agent | None = None) -> None:
    live.announce("calls", f"call:{call.pk}", teams=[call.team_id])
    if agent is not None:
        live.announce("agents", f"agent:{agent.pk}", teams=agent.team_ids)


# -- in this process ---------------------------------------------------------------------------


async def ask_here(call: Call, *, patience: float, tell: Tell | None = None) -> Call:
    """Run a call that `ask` recorded for this process, without a runner; returns it ended.

    Raises:
        NoAgent: nothing fitted within `patience` seconds; the call is canceled.
    """
    me = call.owner
    lease: Lease[Call] | None = Lease(Call, call.pk, me, call.attempt)
    until = time.monotonic() + patience
    keeper = asyncio.create_task(_keep(me))
    try:
        while True:
            if lease is not None and await run_call(lease, tell):
                return await Call.objects.aget(pk=call.pk)
            call = await Call.objects.aget(pk=call.pk)
            if call.ended:  # a runner was first
                return call
            if call.state == leases.QUEUED and time.monotonic() > until:
                await sync_to_async(_give_up)(call.pk, me)
                raise NoAgent(call.trouble or "waits for an agent")
            await asyncio.sleep(0.1)
            lease = await sync_to_async(leases.claim_one)(Call, call.pk, me)
    except asyncio.CancelledError:
        await asyncio.shield(sync_to_async(_give_up)(call.pk, me))
        raise
    finally:
        keeper.cancel()
        await close_doors()


@transaction.atomic
def _give_up(pk: int, me: str) -> None:
    """Cancel a call that is queued or in this process's hands."""
    mine = Call.objects.filter(Q(state=leases.QUEUED) | Q(state=leases.RUNNING, owner=me), pk=pk)
    ended = {"state": CANCELED, "owner": "", "lease_until": None, "finished_at": timezone.now()}
    if mine.update(**ended):
        _ended(Call.objects.select_related("agent").get(pk=pk), None)


async def _keep(me: str) -> None:
    while True:
        await asyncio.sleep(leases.LEASE.total_seconds() / 3)
        await sync_to_async(leases.renew)(Call, me)


def wait_for(call: Call, seconds: float) -> Call:
    """Return the call once it has ended, or as it is after `seconds`."""
    until = time.monotonic() + seconds
    while not call.ended and time.monotonic() < until:
        time.sleep(0.05)
        call.refresh_from_db()
    return call
