"""Which agent gets a call: a pure function whose score is a time.

The score of a candidate says in how many seconds the answer would be there: waiting for a slot,
loading the model, reading the prompt, speaking. What is no time (proficiency, priority, an old
acquaintance) counts as seconds gained or lost, so all parts can be added, compared and read. Facts
come in as frozen values; nothing here knows a database or a network.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from agents.routing.costs import RULES, Part, lacking, sizing
from agents.routing.facts import (
    ANSWER_TOKENS,
    USABLE,
    Candidate,
    Held,
    Need,
    load_seconds,
    same_model,
)

__all__ = (
    "ANSWER_TOKENS", "USABLE", "Candidate", "Decision", "Held", "Need", "Score",
    "choose", "load_seconds", "same_model", "suits",
)  # fmt: skip

CHATS = "completion"
IMPATIENCE = 0.02
"""How fast the will to wait for a better host wanes with the time spent waiting."""


@dataclass(frozen=True)
class Score:
    """What became of one candidate."""

    agent: str
    model: str = ""
    seconds: float = 0.0
    parts: tuple[Part, ...] = ()
    refused: str = ""
    """Why it is out, or nothing."""
    context: int | None = None
    """Tokens of context that are named when it is sent there; None for nothing."""
    lacks: str = ""
    """It fits, but has nothing free: what would be waited for."""
    failed: bool = False
    """It failed this very call: it gets it again only where nobody else can have it."""
    rank: int = 0
    """Place of the model among those that may be used: 0 is the one asked for."""

    @property
    def full(self) -> bool:
        """Whether there is nothing free."""
        return bool(self.lacks)

    def as_dict(self) -> dict[str, object]:
        """Return the score as plain JSON, to be kept with the call."""
        return {
            "agent": self.agent,
            "model": self.model,
            "seconds": round(self.seconds, 1),
            "parts": [[words, round(seconds, 1)] for words, seconds in self.parts],
            "refused": self.refused,
            "full": self.full,
        }


@dataclass(frozen=True)
class Decision:
    """The winner, if any, the score of everybody, and the reason in one line."""

    scores: tuple[Score, ...]
    winner: Score | None
    reason: str
    waits_for: str = ""
    """The agent whose slot the call waits for, when somebody fits but nobody is taken now."""

    def as_dict(self) -> dict[str, object]:
        """Return the decision as plain JSON."""
        return {
            "agent": self.winner.agent if self.winner else "",
            "model": self.winner.model if self.winner else "",
            "reason": self.reason,
            "waits_for": self.waits_for,
            "scores": [score.as_dict() for score in self.scores],
        }


def choose(need: Need, candidates: Sequence[Candidate]) -> Decision:
    """Score every candidate; take the soonest, or wait for it when it is worth it.

    A full host that would still answer sooner than every free one is waited for, the less willingly
    the longer the call has waited. Equals go by name. Who failed this very call comes last, also
    after those that only have a fallback model.
    """
    scores = sorted((_score(need, found) for found in _side_by_side(candidates)), key=_order)
    fitting = [score for score in scores if not score.refused]
    if not fitting:
        return Decision(tuple(scores), None, _excuse(need, scores))
    first = fitting[0]
    best = [one for one in fitting if (one.failed, one.rank) == (first.failed, first.rank)]
    free = [score for score in best if not score.full]
    if free and (not first.full or first.seconds + need.waited * IMPATIENCE >= free[0].seconds):
        return Decision(tuple(scores), free[0], _praise(free[0], len(fitting)))
    return Decision(tuple(scores), None, _patience(first, free), waits_for=first.agent)


def _side_by_side(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Let every candidate know what all of them have in memory."""
    served: Counter[str] = Counter()
    for one in candidates:
        if one.status in USABLE and not one.open_for:
            served.update({held.name: one.slots for held in one.held if held.there})
    return [replace(one, served=served) for one in candidates]


def suits(need: Need, name: str, abilities: Collection[str]) -> bool:
    """Whether a model may be used for a call, its context apart."""
    if need.model and not any(same_model(one, name) for one in (need.model, *need.fallbacks)):
        return False
    chats = bool(need.model) or CHATS in abilities
    return not abilities or (chats and need.abilities <= set(abilities))


def _order(score: Score) -> tuple[bool, bool, int, float, str]:
    return bool(score.refused), score.failed, score.rank, score.seconds, score.agent


# -- who fits --------------------------------------------------------------------------------


def _score(need: Need, candidate: Candidate) -> Score:
    refused = _refusal(need, candidate)
    if refused:
        return Score(candidate.name, refused=refused)
    found = _model(need, candidate)
    if found is None:
        return Score(candidate.name, refused=_without_model(need, candidate))
    rank, held = found
    parts = tuple(part for rule in RULES for part in rule(need, candidate, held))
    return Score(
        agent=candidate.name,
        model=held.name,
        seconds=sum(seconds for _, seconds in parts),
        parts=parts,
        context=sizing(need, held).sent,
        lacks=lacking(need, candidate, held),
        failed=candidate.name in need.failed,
        rank=rank,
    )


def _refusal(need: Need, candidate: Candidate) -> str:
    if need.agent and need.agent != candidate.name:
        return f"not the agent asked for ({need.agent})"
    if need.capability and need.capability not in candidate.skills:
        return f"lacks the capability {need.capability}"
    if candidate.status not in USABLE:
        return f"{candidate.status}: {candidate.status_reason}".rstrip(": ")
    if candidate.open_for > 0:
        return "failed too often; one call tries it again soon"
    return ""


def _model(need: Need, candidate: Candidate) -> tuple[int, Held] | None:
    """Return the model to use: asked for, or a fallback; else preferred, resident, the first."""
    able = [held for held in candidate.held if _fits(need, held)]
    if need.model:
        for rank, name in enumerate((need.model, *need.fallbacks)):
            for held in able:
                if same_model(name, held.name):
                    return rank, held
        return None
    chatting = [held for held in able if not held.abilities or CHATS in held.abilities]
    preferred = [held for held in chatting if same_model(candidate.preferred, held.name)]
    resident = [held for held in chatting if held.resident]
    found = [*preferred, *resident, *chatting]
    return (0, found[0]) if found else None


def _fits(need: Need, held: Held) -> bool:
    able = not held.abilities or need.abilities <= held.abilities
    return able and _holds(need, held)


def _holds(need: Need, held: Held) -> bool:
    return not need.context or held.context is None or held.context >= need.context


def _without_model(need: Need, candidate: Candidate) -> str:
    names = (need.model, *need.fallbacks)
    meant = [
        h for h in candidate.held if not need.model or any(same_model(n, h.name) for n in names)
    ]
    if need.model and not meant:
        return f"does not have the model {need.model}"
    able = [held for held in meant if not held.abilities or need.abilities <= held.abilities]
    if able and not any(_holds(need, held) for held in able):
        most = max(held.context or 0 for held in able)
        needed = max(need.context, need.prompt_tokens)
        return f"holds {most} tokens of context at most; this needs {needed}"
    if need.abilities and not able:
        return f"has no model for {', '.join(sorted(need.abilities))}"
    return "has no model that can chat"


# -- in one line -----------------------------------------------------------------------------


def _praise(winner: Score, fitting: int) -> str:
    words = ", ".join(text for text, _ in winner.parts[:2])
    field_size = "the only one that fits" if fitting == 1 else f"soonest of {fitting} that fit"
    return f"{winner.agent}: {field_size}; {words}"


def _patience(first: Score, free: Sequence[Score]) -> str:
    if not free:
        return f"waits for {first.lacks} on {first.agent}"
    return f"waits for {first.lacks} on {first.agent}: {free[0].agent} would take longer"


def _excuse(need: Need, scores: Sequence[Score]) -> str:
    if not scores:
        return "waits for an agent: none is registered"
    if need.agent:
        asked = next((score for score in scores if score.agent == need.agent), None)
        return f"waits for {need.agent}: {asked.refused if asked else 'it is not there'}"
    wish = " with ".join(filter(None, [need.capability, need.model])) or "any model"
    why = "; ".join(f"{score.agent} {score.refused}" for score in scores[:3])
    return f"waits for an agent for {wish}: {why}"
