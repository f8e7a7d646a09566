"""What routing is told: what a call needs, what an agent has and does now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.context import USUAL, Known, Wanted

USABLE = ("online", "degraded", "overloaded")
GB = 1024**3
ANSWER_TOKENS = 256
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
    """The longest answer that is reckoned with."""
    usual_tokens: int | None = None
    """How long answers are as a rule; None when nobody has measured it."""
    context: int = 0
    """Tokens the context must hold at least; 0 when that is not known to matter."""
    named_context: int = 0
    """Tokens of context its caller named; 0 for nothing."""
    protected: bool = True
    """What is loaded is kept wherever it suffices, whatever smaller context was named."""
    waited: float = 0.0
    """Seconds it has waited so far."""
    turn: float = 0.0
    """Its place in the queue, in seconds: the smaller, the earlier."""
    behind: int = 0
    """Calls of the same kind that wait behind it: all of them gain when it goes elsewhere."""
    known_to: str = ""
    """Agent that answered this conversation before."""

    @property
    def room(self) -> Wanted:
        """The context it needs."""
        tokens = max(self.prompt_tokens + self.answer_tokens, self.context)
        return Wanted(tokens, self.named_context, self.protected)

    @property
    def speaks(self) -> int:
        """Tokens its answer is likely to have."""
        return min(self.answer_tokens, self.usual_tokens or self.answer_tokens)


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
    turn: float = 0.0
    """Place in the queue of the first of them."""

    @property
    def full(self) -> bool:
        """Whether it works on as many calls as it can."""
        return self.slots is not None and self.going >= self.slots

    @property
    def there(self) -> bool:
        """Whether it is in memory, or will be soon."""
        return self.resident or self.coming

    @property
    def room(self) -> Known:
        """The context it has."""
        loaded = self.named_context or self.loaded_context or self.usual_context
        named = bool(self.named_context or (self.named_context is None and self.loaded_context))
        return Known(
            self.takes_context,
            self.context,
            loaded if self.there else None,
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
    """Seconds from one free slot to the next while calls come and go and nothing is loaded."""
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
    served: Mapping[str, int] = field(default_factory=dict)
    """By model: slots of all agents that have it in memory, or will soon."""

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return self.busy >= self.slots

    @property
    def loads(self) -> "list[Held]":
        """Models that calls are having loaded there: one after the other."""
        return [held for held in self.held if held.coming and held.going]

    def wait(self, calls: float, slots: int) -> float:
        """Seconds until so many calls have had one of its slots; loads come first."""
        loading = sum(held.going for held in self.loads) / max(self.busy, 1)
        loads = loading * sum(map(load_seconds, self.loads))
        return loads + self.frees_in * calls * self.slots / slots

    def beside(self, held: Held) -> int:
        """Slots of the others that have a model in memory, or will soon."""
        return max(self.served.get(held.name, 0) - self.slots * held.there, 0)

    def share(self, held: Held) -> float:
        """Which part of the calls for a model is its own, going by slots."""
        return self.slots / (self.slots + self.beside(held))


def load_seconds(held: Held) -> float:
    """Return how long loading takes: measured, else by size."""
    if held.load_seconds is not None:
        return held.load_seconds
    return held.size / GB / LOAD_GB_PER_SECOND if held.size else LOAD_SECONDS


def same_model(wanted: str, name: str) -> bool:
    """Compare model names as Ollama does: no tag means `latest`, and case does not matter."""
    one, other = wanted.lower(), name.lower()
    return one == other or f"{one}:latest" == other or one == f"{other}:latest"
