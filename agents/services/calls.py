"""Calls: what somebody asks for, recorded; and taken back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import routing
from agents.errors import UnknownName
from agents.live import tell_call
from agents.models import Agent, Call, Capability, Model
from agents.models.calls import CANCELED, SUCCESS
from agents.services.board import Board
from agents.services.endings import ended
from agents.services.needs import CONTEXT, key_of, size_of, thread_of, turn_of
from agents.services.sizes import vet_size
from whoosh_site.core import leases
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Forbidden
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand, may

LONGEST_PROMPT = 4_000_000
MOST_CONTEXT = 2**31 - 1
EFFORTS = ("low", "medium", "high", "max")


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `messages` are wire-neutral dicts with role and content."""

    messages: Sequence[dict[str, Any]]
    agent: str = ""
    model: str = ""
    capability: str = ""
    fallbacks: Sequence[str] = ()
    """Models to use, in this order, where the one asked for is nowhere to be had."""
    options: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    streams: bool = False
    time_limit: float | None = None
    """Seconds the host may take for the whole answer; without it the limits of every call hold."""
    priority: int = leases.NORMAL
    since: datetime | None = None
    """From when its turn counts: for work that waits longer than this call of it."""
    not_before: datetime | None = None
    avoid: Sequence[str] = ()
    """Agents that failed this work before: others first."""


def ask(wish: Wish, *, by: Actor, source: str, team: Team | None = None, holder: str = "") -> Call:
    """Record a call; a runner takes it within milliseconds, unless this process holds it.

    Args:
        wish: what is asked.
        by: who asks.
        source: page, api, command or task.
        team: on whose behalf; default the caller's first team that has what is named.
        holder: owner of the process that runs the call itself (`ask_here`).

    Raises:
        Forbidden: the caller may start no work in the team.
        UnknownName: no agent, model or capability of that name; says which exist.
        PromptTooLong: no model it may go to holds the prompt; says how much each holds.
        BadInput: nothing to say.
    """
    call = _drafted(wish, by, source, team)
    if holder:
        until = timezone.now() + leases.LEASE
        call.state, call.owner, call.lease_until = leases.RUNNING, holder, until
        call.attempt = 1
    with transaction.atomic():  # only here: SQLite lets one write at a time
        call.save(force_insert=True)
        tell_call(call)
        leases.wake()
    return call


def foresee(wish: Wish, *, by: Actor, team: Team | None = None) -> routing.Decision:
    """Return what would become of a call now, without asking anybody. Raises as `ask`."""
    call = _drafted(wish, by, "", team)
    return Board().decide(call)


def _drafted(wish: Wish, by: Actor, source: str, team: Team | None) -> Call:
    """Return the call as it would be recorded."""
    team = team or team_for(wish, by)
    demand(by, "call.create", [team.pk])
    if unknown := _unknown(wish, team):
        raise unknown
    _vet(wish)
    call = Call(
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
        fallbacks=list(wish.fallbacks),
        thread_key=thread_of(team.pk, wish.messages),
        known_to=_known_to(team, wish.messages),
        prompt_size=size_of(wish.messages, wish.options.get("tools", ())),
        time_limit=wish.time_limit,
        priority=wish.priority,
        failed_agents=list(wish.avoid),
    )
    vet_size(call)
    call.due_at = wish.not_before or call.due_at
    call.need_key = key_of(call)
    call.turn_at = turn_of(call, wish.since or call.created_at)
    return call


def _known_to(team: Team, messages: Sequence[dict[str, Any]]) -> str:
    """Return who answered a conversation before that goes on: its words are read there already."""
    if not any(message.get("role") == "assistant" for message in messages):
        return ""
    earlier = Call.objects.filter(thread_key=thread_of(team.pk, messages), state=SUCCESS)
    return earlier.order_by("-pk").values_list("agent_name", flat=True).first() or ""


def _vet(wish: Wish) -> None:
    texts = [str(message.get("content") or "") for message in wish.messages]
    said = sum(map(len, texts))
    if not any(text.strip() for text in texts):
        raise BadInput("prompt: there is nothing to ask")
    if said > LONGEST_PROMPT:
        raise BadInput(f"prompt: {said} characters are more than {LONGEST_PROMPT}")
    tools, think = wish.options.get("tools", []), wish.options.get("think")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise BadInput("options.tools: must be a list of tool objects.")
    if think is not None and not isinstance(think, bool) and think not in EFFORTS:
        raise BadInput(f"options.think: must be true, false or one of {', '.join(EFFORTS)}.")
    for word in CONTEXT:
        length = wish.options.get(word, 1)
        if type(length) is not int or not 1 <= length <= MOST_CONTEXT:
            raise BadInput(f"options.{word}: must be a whole number of tokens, at least 1.")


def _title(messages: Sequence[dict[str, Any]]) -> str:
    said = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    return " ".join(said[-1].split())[:160] if said else ""


def team_for(wish: Wish, by: Actor) -> Team:
    """Return the caller's first team that has what is named, else simply the first.

    Raises:
        Forbidden: there is none.
    """
    home = Team.first_made() if by.user is None else by.user.home_team
    if home is None:
        raise Forbidden("You belong to no team. Ask an administrator to add you to one.")
    if by.user is None or not _unknown(wish, home):
        return home
    others = Team.objects.visible_to(by.user).exclude(pk=home.pk).order_by("pk")
    fitting = (t for t in others if may(by, "call.create", [t.pk]) and not _unknown(wish, t))
    return next(fitting, home)


def _unknown(wish: Wish, team: Team) -> UnknownName | None:
    """Return the error for a name that does not exist for this team."""
    agents = Agent.objects.of_team(team.pk)
    if wish.agent and not agents.filter(name=wish.agent).exists():
        return _none_called("agent", wish.agent, agents.values_list("name", flat=True))
    skills = Capability.objects.filter(agents__agent__in=agents).distinct()
    if wish.capability and not skills.filter(name=wish.capability).exists():
        return _none_called("capability", wish.capability, skills.values_list("name", flat=True))
    for wanted in filter(None, (wish.model, *wish.fallbacks)):
        models = Model.objects.filter(hosts__agent__in=agents).distinct()
        names = list(models.values_list("name", flat=True))
        if not any(routing.same_model(wanted, name) for name in names):
            return _none_called("model", wanted, names)
    return None


def _none_called(kind: str, name: str, existing: Sequence[str]) -> UnknownName:
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
        call.refresh_from_db(fields=["state"])
        if call.ended:
            ended(call)
        else:
            tell_call(call)
            leases.wake()
    return moved


@transaction.atomic
def set_priority(call: Call, priority: int, since: datetime) -> bool:
    """Give a waiting call another place in the queue; False when it waits no more."""
    call.priority = priority
    moved = Call.objects.filter(pk=call.pk, state=leases.QUEUED).update(
        priority=priority, turn_at=turn_of(call, since)
    )
    if moved:
        tell_call(call)
    return bool(moved)


def wait_for(call: Call, seconds: float) -> Call:
    """Return the call once it has ended, or as it is after `seconds`."""
    until = time.monotonic() + seconds
    while not call.ended and time.monotonic() < until:
        time.sleep(0.05)
        call.refresh_from_db()
    return call
