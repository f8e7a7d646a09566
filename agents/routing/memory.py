"""What fits into the memory of a host, and which model makes room for another."""

from collections.abc import Sequence

from agents.routing.facts import GB, Candidate, Held, Need, load_seconds

ROOM = 1.15
"""Memory a model takes for each byte on disk: its context comes on top."""
HEADWAY = 4.0
"""For how many times both loads a model is kept where calls of a later turn still wait for it."""
PATIENCE = 10
"""For how many times as long a call waits for that at most, while the model is at work."""


def kept(need: Need, candidate: Candidate, held: Held) -> Held | None:
    """Return the model that may not be pushed out yet: calls wait for it that nobody else takes.

    So a load is worth while: a model's calls are worked off together, until those that remain came
    much later than this one.
    """
    pushed = pushed_out(candidate, held)
    if pushed is None or not pushed.waiting or candidate.beside(pushed):
        return None
    headway = HEADWAY * (load_seconds(pushed) + load_seconds(held))
    # Whoever waits may want what this host cannot do: what nobody works on is not kept for long.
    patience = headway * (PATIENCE if pushed.going else 1)
    kept = pushed.turn < need.turn + headway and need.waited < patience and not pushed.full
    return pushed if kept else None


def pushed_out(candidate: Candidate, held: Held) -> Held | None:
    """Return the model in use or wanted that would have to leave the memory, if there is one."""
    leaving = leaving_of(candidate)
    if held.there and held not in leaving:
        return None
    leaving.append(held)
    others = [other for other in candidate.held if other.there and other not in leaving]
    enough = _roomy(candidate, [held, *others])
    if enough or not all(other.going or other.waiting for other in others):
        return None  # there is room, or a model nobody uses makes it
    return min(others, key=lambda other: (other.waiting, load_seconds(other)), default=None)


def leaving_of(candidate: Candidate) -> list[Held]:
    """Return the models in memory that make room for those being loaded."""
    coming = [held for held in candidate.held if held.coming]
    staying = [held for held in candidate.held if held.resident]
    staying.sort(key=lambda held: (held.going, held.waiting), reverse=True)
    leaving = []
    while coming and staying and not _roomy(candidate, [*coming, *staying]):
        leaving.append(staying.pop())
    return leaving


def _roomy(candidate: Candidate, models: Sequence[Held]) -> bool:
    """Whether the memory holds all of them at once."""
    if candidate.vram is not None and models[0].size:
        taken = sum(held.size_vram or (held.size or 0) * ROOM for held in models)
        return taken <= candidate.vram * GB
    return len(models) <= candidate.holds
