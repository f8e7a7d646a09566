"""What one may wish of a schedule beside its rules: parameters n8n has not, and passes over."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.parameters import choice
from workflows.engine.schedules import ALL, ONCE, SKIP

START = "start"
MISSED = {
    ONCE: "Run Once for All of Them",
    SKIP: "Leave Them Out (n8n)",
    ALL: "Run Each, the Newest 100 at Most",
}
OVERLAP = {START: "Start Anyway", SKIP: "Leave This One Out"}
WISHES = (
    choice(
        "missed", "Moments Missed", MISSED, ONCE,
        hint="What to do about moments that came while nothing ran, for longer than a minute",
    ),
    choice(
        "overlap", "When the Last Run Goes On", OVERLAP, START,
        hint="What to do when a moment comes and an earlier run has not ended",
    ),
)  # fmt: skip


def wishes(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the wishes by name.

    Raises:
        NodeError: a wish nobody knows.
    """
    found = {"missed": parameters.get("missed", ONCE), "overlap": parameters.get("overlap", START)}
    for name, known in (("missed", MISSED), ("overlap", OVERLAP)):
        if found[name] not in known:
            raise NodeError(f"{name}: {found[name]!r} is none of {', '.join(known)}.")
    return found
