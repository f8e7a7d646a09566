"""What a call asks for, in routing's words, and the kind of need it shares with others."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agents import routing
from agents.models import Call
from whoosh_site.core import tunables

LETTERS_A_TOKEN = 3.5
IMAGE_TOKENS = 800
SURELY = 0.7
"""Share of an estimate that is there for certain: plain English has up to five letters a token."""
STEP = 2048
"""Needs for so many tokens of context more are told apart in the queue."""
AGING = timedelta(minutes=1)
"""How much earlier a call comes for each step it is more urgent."""
HEAD_START = timedelta(days=1)
"""How much earlier comes what somebody waits for than a task: people do not queue behind a batch,
and no task starves."""
LONGEST_ANSWER = 4096
CONTEXT = ("context_length", "num_ctx")
"""How callers name a length of context: it is decided when a call is placed."""

tunables.declare(
    tunables.Tunable(
        "context_protection",
        True,
        "Context protection",
        "Calls keep the context a model is loaded with wherever it suffices: another length, as "
        "clients like to name, would have Ollama load the model anew. Off: what the caller named "
        "is sent.",
    )
)


def need_of(call: Call) -> routing.Need:
    """Return what a call asks for, in routing's words."""
    limit, named = call.options.get("max_tokens"), named_context(call.options)
    answer = limit if isinstance(limit, int) and limit > 0 else routing.ANSWER_TOKENS
    return routing.Need(
        agent=call.wanted_agent,
        model=call.wanted_model,
        fallbacks=tuple(call.fallbacks),
        capability=call.wanted_capability,
        abilities=abilities(call.messages, call.options),
        failed=frozenset(call.failed_agents),
        prompt_tokens=call.prompt_size,
        answer_tokens=min(answer, LONGEST_ANSWER),
        context=max(round(call.prompt_size * SURELY), named),
        named_context=named,
        protected=tunables.value("context_protection"),
        known_to=call.known_to,
        turn=call.turn_at.timestamp(),
        waited=(timezone.now() - call.created_at).total_seconds(),
    )


def named_context(options: Mapping[str, Any]) -> int:
    """Return the length of context a caller named, in WHOOSH's word or in Ollama's; else 0."""
    named = next((options[word] for word in CONTEXT if word in options), 0)
    return named if isinstance(named, int) else 0


def key_of(call: Call) -> str:
    """Return what calls have in common that fit the same agents: when one waits, all do."""
    need = need_of(call)
    parts = [
        call.team_id, need.agent, need.model, list(need.fallbacks), need.capability,
        sorted(need.abilities), sorted(need.failed), need.context // STEP, need.known_to,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def turn_of(call: Call, since: datetime) -> datetime:
    """Return a call's place in the queue: the time it waits since, moved by its urgency."""
    ahead = timedelta() if call.source == Call.Source.TASK else HEAD_START
    return since + call.priority * AGING - ahead


def thread_of(team: int, messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the calls of one conversation have in common: the team and the first words."""
    said = [str(message.get("content") or "") for message in messages]
    first = next((i for i, m in enumerate(messages) if m.get("role") == "user"), 0)
    return hashlib.sha256(json.dumps([team, *said[: first + 1]]).encode()).hexdigest()


def size_of(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = ()) -> int:
    """Return about how many tokens a conversation has, with the tools it may use."""
    letters = sum(len(str(message.get("content") or "")) for message in messages)
    letters += len(json.dumps(tools)) if tools else 0
    images = sum(len(message.get("images") or ()) for message in messages)
    return round(letters / LETTERS_A_TOKEN) + images * IMAGE_TOKENS


def abilities(messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> frozenset[str]:
    """Return what a model must be able to do for a conversation."""
    wanted = {
        "vision": any(message.get("images") for message in messages),
        "tools": bool(options.get("tools")),
        "thinking": bool(options.get("think")),
    }
    return frozenset(name for name, needed in wanted.items() if needed)
