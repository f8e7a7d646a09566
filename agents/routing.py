"""Which agent gets a call: a pure function with a visible score.

Facts come in as frozen values, a decision goes out in which every candidate has its score in plain
words, so that any choice can be explained later. Nothing here knows a database or a network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SKILL, RESIDENT, FREE, SPEED, PREFERRED = 40.0, 30.0, 10.0, 15.0, 5.0
DEGRADED, OVERLOADED, TOO_SLOW, FAILED_IT = -20.0, -30.0, -10.0, -200.0
USABLE = ("online", "degraded", "overloaded")
CHATS = "completion"


@dataclass(frozen=True)
class Need:
    """What a call asks for; empty means: no matter."""

    agent: str = ""
    model: str = ""
    capability: str = ""
    abilities: frozenset[str] = frozenset()
    """What the model itself must be able to do, such as "vision" or "tools"."""
    failed: frozenset[str] = frozenset()
    """Agents that could not be reached for this very call: another host first."""


@dataclass(frozen=True)
class Held:
    """One model on one host."""

    name: str
    resident: bool = False
    tps: float | None = None
    abilities: frozenset[str] = frozenset()
    """What it can do; empty when the host does not tell, so that it is tried."""


@dataclass(frozen=True)
class Candidate:
    """One agent as it is now."""

    name: str
    status: str
    status_reason: str = ""
    slots: int = 1
    busy: int = 0
    held: Sequence[Held] = ()
    preferred: str = ""
    skills: Mapping[str, float] = field(default_factory=dict)
    min_tps: float | None = None
    priority: int | None = None


@dataclass(frozen=True)
class Score:
    """What became of one candidate."""

    agent: str
    model: str = ""
    points: float = 0.0
    parts: tuple[tuple[str, float], ...] = ()
    refused: str = ""
    """Why it is out, or nothing."""
    full: bool = False
    """It fits, but all its slots are taken."""

    def as_dict(self) -> dict[str, object]:
        """Return the score as plain JSON, to be kept with the call."""
        return {
            "agent": self.agent,
            "model": self.model,
            "points": round(self.points, 1),
            "parts": [[words, round(points, 1)] for words, points in self.parts],
            "refused": self.refused,
            "full": self.full,
        }


@dataclass(frozen=True)
class Decision:
    """The winner, if any, the score of everybody, and the reason in one line."""

    scores: tuple[Score, ...]
    winner: Score | None
    reason: str


def choose(need: Need, candidates: Sequence[Candidate]) -> Decision:
    """Score every candidate and take the best with a free slot; ties go by name."""
    fastest = max((h.tps or 0.0 for c in candidates for h in c.held), default=0.0)
    scores = [_score(need, candidate, fastest) for candidate in candidates]
    scores.sort(key=lambda score: (bool(score.refused), -score.points, score.agent))
    fitting = [score for score in scores if not score.refused]
    free = [score for score in fitting if not score.full]
    if free:
        return Decision(tuple(scores), free[0], _praise(free[0], len(fitting)))
    return Decision(tuple(scores), None, _excuse(need, scores, fitting))


def same_model(wanted: str, name: str) -> bool:
    """Compare model names as Ollama does: no tag means `latest`, and case does not matter."""
    one, other = wanted.lower(), name.lower()
    return one == other or f"{one}:latest" == other or one == f"{other}:latest"


def _score(need: Need, candidate: Candidate, fastest: float) -> Score:
    refused = _refusal(need, candidate)
    if refused:
        return Score(candidate.name, refused=refused)
    held = _model(need, candidate)
    if held is None:
        return Score(candidate.name, refused=_without_model(need, candidate))
    parts = tuple(_parts(need, candidate, held, fastest))
    return Score(
        agent=candidate.name,
        model=held.name,
        points=sum(points for _, points in parts),
        parts=parts,
        full=candidate.busy >= candidate.slots,
    )


def _refusal(need: Need, candidate: Candidate) -> str:
    if need.agent and need.agent != candidate.name:
        return f"not the agent asked for ({need.agent})"
    if need.capability and need.capability not in candidate.skills:
        return f"lacks the capability {need.capability}"
    if candidate.status not in USABLE:
        return f"{candidate.status}: {candidate.status_reason}".rstrip(": ")
    return ""


def _model(need: Need, candidate: Candidate) -> Held | None:
    """Return the model to use: the one asked for, else preferred, resident, then the first."""
    able = [
        held for held in candidate.held if not held.abilities or need.abilities <= held.abilities
    ]
    if need.model:
        return next((held for held in able if same_model(need.model, held.name)), None)
    chatting = [held for held in able if not held.abilities or CHATS in held.abilities]
    preferred = [held for held in chatting if same_model(candidate.preferred, held.name)]
    resident = [held for held in chatting if held.resident]
    return next(iter([*preferred, *resident, *chatting]), None)


def _without_model(need: Need, candidate: Candidate) -> str:
    if need.model and not any(same_model(need.model, held.name) for held in candidate.held):
        return f"does not have the model {need.model}"
    if need.abilities:
        return f"has no model for {', '.join(sorted(need.abilities))}"
    return "has no model that can chat"


def _parts(need: Need, candidate: Candidate, held: Held, fastest: float) -> list[tuple[str, float]]:
    parts: list[tuple[str, float]] = []
    if need.capability:
        skill = candidate.skills[need.capability]
        parts.append((f"{need.capability} {skill:g}", SKILL * skill))
    if held.resident:
        parts.append((f"{held.name} is in memory", RESIDENT))
    free = max(candidate.slots - candidate.busy, 0)
    parts.append((f"{free} of {candidate.slots} slots free", FREE * free / candidate.slots))
    if held.tps and fastest:
        parts.append((f"{held.tps:.0f} tokens/s", SPEED * held.tps / fastest))
        if candidate.min_tps and held.tps < candidate.min_tps:
            parts.append((f"slower than its target of {candidate.min_tps:g}", TOO_SLOW))
    if candidate.preferred and same_model(candidate.preferred, held.name):
        parts.append(("its preferred model", PREFERRED))
    if candidate.name in need.failed:
        parts.append(("could not be reached for this call", FAILED_IT))
    if candidate.priority is not None:
        parts.append((f"priority {candidate.priority}", 6.0 - 2.0 * candidate.priority))
    troubles = {"degraded": DEGRADED, "overloaded": OVERLOADED}
    if candidate.status in troubles:
        parts.append((candidate.status_reason or candidate.status, troubles[candidate.status]))
    return parts


def _praise(winner: Score, fitting: int) -> str:
    best = sorted(winner.parts, key=lambda part: -part[1])[:2]
    words = ", ".join(text for text, points in best if points > 0)
    field_size = "the only one that fits" if fitting == 1 else f"best of {fitting} that fit"
    return f"{winner.agent}: {field_size}; {words}" if words else f"{winner.agent}: {field_size}"


def _excuse(need: Need, scores: Sequence[Score], fitting: Sequence[Score]) -> str:
    if fitting:
        names = ", ".join(score.agent for score in fitting[:3])
        return f"waits for a free slot on {names}"
    if not scores:
        return "waits for an agent: none is registered"
    if need.agent:
        asked = next((score for score in scores if score.agent == need.agent), None)
        return f"waits for {need.agent}: {asked.refused if asked else 'it is not there'}"
    wish = " with ".join(filter(None, [need.capability, need.model])) or "any model"
    why = "; ".join(f"{score.agent} {score.refused}" for score in scores[:3])
    return f"waits for an agent for {wish}: {why}"
