"""What it takes until an agent has answered: parts of a score, each with its words."""

from collections.abc import Callable, Iterator

from agents.context import Sizing, sized
from agents.routing.facts import GB, Candidate, Held, Need, load_seconds, same_model
from agents.routing.memory import kept, leaving_of, pushed_out

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


TPS, PROMPT_TPS = 20.0, 400.0
"""Rates believed of a host nobody has measured."""


Part = tuple[str, float]


def lacking(need: Need, candidate: Candidate, held: Held) -> str:
    """Return what has to become free before the call can go there, or nothing."""
    if candidate.full:
        return "a free slot"
    if held.full:
        return f"{held.name}, which takes {_calls(held.slots)} at a time,"
    first = kept(need, candidate, held)
    return f"the calls for {first.name}" if first else ""


def _waiting(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    before = 1 + candidate.queued + need.behind * candidate.share(held)
    first = kept(need, candidate, held)
    if first:
        wait = candidate.wait(first.waiting, candidate.slots)
        yield f"{first.name} is wanted there, for about {wait:.0f} s", wait
    if candidate.full:
        wait = candidate.wait(before, candidate.slots)
        yield f"all {candidate.slots} slots busy, one free in about {wait:.0f} s", wait
    elif held.full and held.slots:
        wait = candidate.wait(before, held.slots)
        words = f"{held.name} takes {_calls(held.slots)} at a time, one more in about {wait:.0f} s"
        yield words, wait


def sizing(need: Need, held: Held) -> Sizing:
    """Return the length of context the call gets there."""
    return sized(need.room, held.room)


def _loading(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    size, leaves = sizing(need, held), held in leaving_of(candidate)
    if size.anew:
        yield f"loads {held.name} anew, {size.anew}", load_seconds(held)
    elif held.resident and not leaves:
        yield f"{held.name} is in memory", 0.0
    else:
        yield from _fetching(need, candidate, held, "again: it makes room" if leaves else "")
    if size.words:
        yield size.words, 0.0


def _fetching(need: Need, candidate: Candidate, held: Held, why: str) -> Iterator[Part]:
    """Tell what it takes until a model is in memory that is not there yet, or leaves it."""
    if held.coming:
        yield f"{held.name} is being loaded already", load_seconds(held) / 2
    else:
        yield f"loads {held.name} {why}".rstrip(), load_seconds(held)
    first = [other for other in candidate.loads if other.name != held.name]
    if first:
        names = " and ".join(other.name for other in first)
        yield f"after {names}", sum(map(load_seconds, first))
    pushed = pushed_out(candidate, held)
    if pushed and not kept(need, candidate, held):
        own = pushed.waiting * candidate.share(pushed)
        lost = load_seconds(pushed) + candidate.frees_in * own
        yield f"pushes {pushed.name} out of memory", lost


def _speaking(need: Need, candidate: Candidate, held: Held) -> Iterator[Part]:
    if need.prompt_tokens:
        rate = held.prompt_tps or PROMPT_TPS
        yield f"reads {_tokens(need.prompt_tokens)}", need.prompt_tokens / rate
    rate, measured = _rate(candidate, held)
    seconds = need.speaks / rate
    yield f"speaks {_tokens(need.speaks)} {measured}", seconds
    if candidate.busy and candidate.slots > 1:
        share = min(candidate.busy / candidate.slots, 1.0)
        words = f"{candidate.busy} of {candidate.slots} slots busy"
        yield words, seconds * CROWDED * share
    if candidate.vram and held.size and held.size > candidate.vram * GB:
        yield f"does not fit into {candidate.vram:g} GB of VRAM", seconds * (SPILLS - 1)


def _rate(candidate: Candidate, held: Held) -> tuple[float, str]:
    """Return tokens a second, and how that is known: measured, or by what its other models do.

    To speak is to read the whole model once a token: half the size, twice the speed.
    """
    if held.tps:
        return held.tps, f"at {held.tps:.0f} tokens/s"
    known = [
        other.tps * (other.size / held.size if other.size and held.size else 1.0)
        for other in candidate.held
        if other.tps
    ]
    if not known:
        return TPS, "at a speed nobody has measured"
    rate = sum(known) / len(known)
    return rate, f"at about {rate:.0f} tokens/s, going by its other models"


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
