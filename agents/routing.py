"""Which agent gets a call: a pure function whose score is a time.

The score of a candidate says in how many seconds the answer would be there: waiting for a slot,
loading the model, reading the prompt, speaking. What is no time (proficiency, priority, an old
acquaintance) counts as seconds gained or lost, so all parts can be added, compared and read. Facts
come in as frozen values; nothing here knows a database or a network.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.context import USUAL, Known, Sizing, Wanted, sized

USABLE = ("online", "degraded", "overloaded")
CHATS = "completion"
GB = 1024**3

UNSKILLED = 40.0
"""What a proficiency of 0 costs against one of 1."""
TROUBLED = {"degraded": 10.0, "overloaded": 20.0}
FAILED_IT = 1000.0
MISSES_TARGET = 5.0
PRIORITY, NEUTRAL = 2.0, 3
PREFERRED = -2.0
STAY = -3.0
CROWDED = 0.5
"""How much slower, at most, an answer is spoken when all other slots are busy."""
SPILLS = 4.0
"""How much slower a model is that does not fit into the memory of the graphics cards."""
ROOM = 1.15
"""Memory a model takes for each byte on disk: its context comes on top."""
IMPATIENCE = 0.02
"""How fast the will to wait for a better host wanes with the time spent waiting."""

ANSWER_TOKENS = 256
TPS, PROMPT_TPS = 20.0, 400.0
"""Rates believed of a host nobody has measured."""
LOAD_GB_PER_SECOND, LOAD_SECONDS = 1.0, 8.0


@dataclass(frozen=True)
class Need:
    """What a call asks for; empty means: no matter."""

    agent: str = ""
    model: str = ""
    fallbacks: Sequence[str] = ()
    """Models to be used, in this order, where the one asked for is nowhere to be had."""
    capability: str = ""
    abilities: frozenset[str] = frozenset()
    """What the model itself must be able to do, such as "vision" or "tools"."""
    failed: frozenset[str] = frozenset()
    """Agents that could not be reached for this very call: another host first."""
    prompt_tokens: int = 0
    answer_tokens: int = ANSWER_TOKENS
    context: int = 0
    """Tokens the context must hold at least; 0 when that is not known to matter."""
    named_context: int = 0
    """Tokens of context its caller named; 0 for nothing."""
    protected: bool = True
    """What is loaded is kept wherever it suffices, whatever smaller context was named."""
    waited: float = 0.0
    """Seconds it has waited so far."""
    behind: int = 0
    """Calls of the same kind that wait behind it: all of them gain when it goes elsewhere."""
    known_to: str = ""
    """Agent that answered this conversation before."""

    @property
    def room(self) -> Wanted:
        """The context it needs."""
        tokens = max(self.prompt_tokens + self.answer_tokens, self.context)
        return Wanted(tokens, self.named_context, self.protected)


@dataclass(frozen=True)
class Held:
    """One model on one host."""

    name: str
    resident: bool = False
    coming: bool = False
    """Another call is having it loaded there."""
    tps: float | None = None
    prompt_tps: float | None = None
    load_seconds: float | None = None
    """How long loading took, measured."""
    abilities: frozenset[str] = frozenset()
    """What it can do; empty when the host does not tell, so that it is tried."""
    context: int | None = None
    loaded_context: int | None = None
    """Tokens of context it has in memory; more of them need another load."""
    named_context: int | None = None
    """What was named when it was loaded, or is being: 0 for nothing, None when nobody knows."""
    usual_context: int = USUAL
    takes_context: bool = True
    """Its host takes a length of context with each call."""
    size: int | None = None
    """Bytes on disk."""
    size_vram: int | None = None
    """Bytes in the memory of the graphics cards, while it is resident."""
    slots: int | None = None
    """Calls it works on at once there, where that is fewer than the agent has slots."""
    going: int = 0
    """Calls that it works on: pushing it out of memory would cost them a load."""
    waiting: int = 0
    """Calls that wait for it: they would lose what this one gains."""

    @property
    def full(self) -> bool:
        """Whether it works on as many calls as it can."""
        return self.slots is not None and self.going >= self.slots

    @property
    def room(self) -> Known:
        """The context it has."""
        there = self.resident or self.coming
        loaded = self.named_context or self.loaded_context or self.usual_context
        named = bool(self.named_context or (self.named_context is None and self.loaded_context))
        return Known(
            self.takes_context,
            self.context,
            loaded if there else None,
            named,
            self.usual_context,
        )


@dataclass(frozen=True)
class Candidate:
    """One agent as it is now."""

    name: str
    status: str
    status_reason: str = ""
    slots: int = 1
    busy: int = 0
    queued: int = 0
    """Calls that wait for it already."""
    frees_in: float = 5.0
    """Seconds until one of its slots is expected to be free."""
    held: Sequence[Held] = ()
    preferred: str = ""
    skills: Mapping[str, float] = field(default_factory=dict)
    min_tps: float | None = None
    max_seconds: float | None = None
    priority: int | None = None
    vram: float | None = None
    """GB of graphics memory."""
    holds: int = 1
    """Models that were seen in its memory at once: what counts where `vram` is not known."""
    open_for: float = 0.0
    """Seconds its circuit breaker stays open: it failed too often."""

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return self.busy >= self.slots


Part = tuple[str, float]


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
    the longer the call has waited. Equals go by name.
    """
    scores = sorted((_score(need, candidate) for candidate in candidates), key=_order)
    fitting = [score for score in scores if not score.refused]
    if not fitting:
        return Decision(tuple(scores), None, _excuse(need, scores))
    best = [score for score in fitting if score.rank == fitting[0].rank]
    free = [score for score in best if not score.full]
    first = best[0]
    if free and (not first.full or first.seconds + need.waited * IMPATIENCE >= free[0].seconds):
        return Decision(tuple(scores), free[0], _praise(free[0], len(fitting)))
    return Decision(tuple(scores), None, _patience(first, free), waits_for=first.agent)


def suits(need: Need, name: str, abilities: Collection[str]) -> bool:
    """Whether a model may be used for a call, its context apart."""
    if need.model and not any(same_model(one, name) for one in (need.model, *need.fallbacks)):
        return False
    chats = bool(need.model) or CHATS in abilities
    return not abilities or (chats and need.abilities <= set(abilities))


def same_model(wanted: str, name: str) -> bool:
    """Compare model names as Ollama does: no tag means `latest`, and case does not matter."""
    one, other = wanted.lower(), name.lower()
    return one == other or f"{one}:latest" == other or one == f"{other}:latest"


def _order(score: Score) -> tuple[bool, int, float, str]:
    return bool(score.refused), score.rank, score.seconds, score.agent


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
        context=_sizing(need, held).sent,
        lacks=_lacking(candidate, held),
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


# -- what it takes ---------------------------------------------------------------------------


def _lacking(candidate: Candidate, held: Held) -> str:
    if candidate.full:
        return "a free slot"
    return f"{held.name}, which takes {_calls(held.slots)} at a time," if held.full else ""


def _waiting(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    before = candidate.queued + need.behind
    if candidate.full:
        wait = candidate.frees_in * (1 + before / candidate.slots)
        yield f"all {candidate.slots} slots busy, one free in about {wait:.0f} s", wait
    elif held.full and held.slots:
        a_call = candidate.frees_in * candidate.slots
        wait = a_call * (1 + before) / held.slots
        words = f"{held.name} takes {_calls(held.slots)} at a time, one more in about {wait:.0f} s"
        yield words, wait


def _sizing(need: Need, held: Held) -> Sizing:
    return sized(need.room, held.room)


def _loading(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    size = _sizing(need, held)
    if size.anew:
        yield f"loads {held.name} anew, {size.anew}", load_seconds(held)
    elif held.resident:
        yield f"{held.name} is in memory", 0.0
    elif held.coming:
        yield f"{held.name} is being loaded already", load_seconds(held) / 2
    else:
        yield f"loads {held.name}", load_seconds(held)
        pushed = _pushed_out(candidate, held)
        if pushed:
            lost = load_seconds(pushed) + candidate.frees_in * pushed.waiting / candidate.slots
            yield f"pushes {pushed.name} out of memory", lost
    if size.words:
        yield size.words, 0.0


def load_seconds(held: Held) -> float:
    """Return how long loading takes: measured, else by size."""
    if held.load_seconds is not None:
        return held.load_seconds
    return held.size / GB / LOAD_GB_PER_SECOND if held.size else LOAD_SECONDS


def _pushed_out(candidate: Candidate, held: Held) -> Held | None:
    """Return the model in use or wanted that would have to leave the memory, if there is one."""
    others = [other for other in candidate.held if other.resident or other.coming]
    if candidate.vram is not None and held.size:
        taken = sum(other.size_vram or (other.size or 0) * ROOM for other in others)
        enough = taken + held.size * ROOM <= candidate.vram * GB
    else:
        enough = len(others) < candidate.holds
    if enough or not all(other.going or other.waiting for other in others):
        return None  # there is room, or a model nobody uses makes it
    return min(others, key=lambda other: (other.waiting, load_seconds(other)), default=None)


def _speaking(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    if need.prompt_tokens:
        rate = held.prompt_tps or PROMPT_TPS
        yield f"reads {_tokens(need.prompt_tokens)}", need.prompt_tokens / rate
    rate = held.tps or TPS
    seconds = need.answer_tokens / rate
    measured = f"at {rate:.0f} tokens/s" if held.tps else "at a speed nobody has measured"
    yield f"speaks {_tokens(need.answer_tokens)} {measured}", seconds
    if candidate.busy and candidate.slots > 1:
        share = min(candidate.busy / candidate.slots, 1.0)
        words = f"{candidate.busy} of {candidate.slots} slots busy"
        yield words, seconds * CROWDED * share
    if candidate.vram and held.size and held.size > candidate.vram * GB:
        yield f"does not fit into {candidate.vram:g} GB of VRAM", seconds * (SPILLS - 1)


def _tokens(count: int) -> str:
    return f"{count} token" if count == 1 else f"{count} tokens"


def _calls(count: int | None) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _targets(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    if candidate.min_tps and held.tps and held.tps < candidate.min_tps:
        yield f"slower than its target of {candidate.min_tps:g} tokens/s", MISSES_TARGET
    if candidate.max_seconds:
        times = (_loading, _speaking)
        seconds = sum(s for rule in times for _, s in rule(need, candidate, held))
        if seconds > candidate.max_seconds:
            yield f"longer than its target of {candidate.max_seconds:g} s", MISSES_TARGET


def _standing(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    if need.capability:
        skill = candidate.skills[need.capability]
        yield f"{need.capability} {skill:g}", UNSKILLED * (1 - skill)
    if candidate.preferred and same_model(candidate.preferred, held.name):
        yield "its preferred model", PREFERRED
    if need.known_to == candidate.name:
        yield "answered this conversation before", STAY
    if candidate.priority is not None:
        yield f"priority {candidate.priority}", PRIORITY * (candidate.priority - NEUTRAL)
    if candidate.status in TROUBLED:
        yield candidate.status_reason or candidate.status, TROUBLED[candidate.status]
    if candidate.name in need.failed:
        yield "did not take this call before", FAILED_IT


Rule = Callable[[Need, Candidate, Held], Iterator[Part]]
RULES: tuple[Rule, ...] = (_waiting, _loading, _speaking, _targets, _standing)


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
