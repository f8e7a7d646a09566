"""How much context goes out with a call: what is loaded already, wherever that suffices.

Ollama loads a model anew whenever the length asked for is not the loaded one, also when one was
named and the other was its own choice, and silently cuts prompts that are longer than it. So a
length is named only where it must be, and one that has to grow grows in large steps.
"""

from dataclasses import dataclass

USUAL = 4096
"""What a host loads by itself, as long as nobody has seen it load anything."""
SMALLEST_STEP = 2048


@dataclass(frozen=True)
class Wanted:
    """What a call needs, in tokens."""

    tokens: int
    """Prompt and answer, as estimated."""
    named: int = 0
    """What its caller named; 0 for nothing."""
    protected: bool = True
    """Off: what the caller named goes out, and nothing else."""


@dataclass(frozen=True)
class Known:
    """What is known of the context of one model on one host, in tokens."""

    settable: bool = True
    """The host takes a length with each call."""
    most: int | None = None
    """What the model can hold."""
    current: int | None = None
    """What is in memory, or on its way there for another call; None when neither."""
    named: bool = False
    """The current length was named, and is kept by being named again."""
    usual: int = USUAL
    """What the host loads when nothing is named."""


@dataclass(frozen=True)
class Sizing:
    """The length that goes out with a call, and what it does."""

    sent: int | None = None
    """None: nothing is named."""
    anew: str = ""
    """Why the model is loaded anew though it is there, or nothing."""
    words: str = ""
    """What to tell about it, or nothing."""


def sized(wanted: Wanted, known: Known) -> Sizing:
    """Decide once what goes out."""
    if not known.settable:
        unsent = f"has a context of its own; the {wanted.named} tokens asked for are not sent"
        return Sizing(words=unsent if wanted.named else "")
    if not wanted.protected:
        return _as_named(wanted, known)
    needed = max(wanted.tokens, wanted.named)
    needed = min(needed, known.most or needed)
    if known.current is not None and needed <= known.current:
        words = f"keeps its loaded {known.current} tokens of context"
        kept = known.current if known.named else None
        return Sizing(kept, words=_compared(words, wanted, known.current))
    if known.current is None and needed <= known.usual:
        words = f"gets its usual {known.usual} tokens of context"
        return Sizing(words=_compared(words, wanted, known.usual))
    larger = stepped(needed, known.most)
    anew = f"for more than {known.current} tokens of context" if known.current else ""
    words = f"gets {larger} tokens of context"
    if wanted.named not in (0, larger):
        words += f"; {wanted.named} were asked for"
    return Sizing(larger, anew, words)


def stepped(needed: int, most: int | None) -> int:
    """Round up to a power of two, or to what the model can hold: no reload at every request."""
    step = max(SMALLEST_STEP, 1 << (needed - 1).bit_length())
    return min(step, most or step)


def _compared(words: str, wanted: Wanted, given: int) -> str:
    """Return the words where the caller named another length, else nothing."""
    return f"{words}; {wanted.named} were asked for" if wanted.named not in (0, given) else ""


def _as_named(wanted: Wanted, known: Known) -> Sizing:
    loaded = known.current if known.named else 0
    if known.current is None or wanted.named == loaded:
        return Sizing(wanted.named or None)
    length = f"the {wanted.named} tokens of context" if wanted.named else "the usual context"
    return Sizing(wanted.named or None, f"for {length} asked for")
