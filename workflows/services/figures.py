"""What pages show of the nodes of a run: how often each ran, on how much, how long."""

from collections.abc import Sequence
from typing import Any

from workflows.engine.run import Step
from workflows.n8n.findings import storable


def figures_of(figures: dict[str, dict[str, Any]], node: str) -> dict[str, Any]:
    """Return the figures of a node, begun if need be."""
    begun = {"name": storable(node), "runs": 0, "given": 0, "items": 0, "ms": 0.0}
    return figures.setdefault(node, begun | {"failed": False, "running": False})


def all_figures(
    steps: Sequence[Step], first: int, waiting: Step | None = None
) -> list[dict[str, Any]]:
    """Return the figures of all nodes that ran, and of one that waits.

    `first` counts the items the run started with.
    """
    figures: dict[str, dict[str, Any]] = {}
    outputs = {(step.node, step.index): step.outputs for step in steps}
    for place, step in enumerate([*steps, *([waiting] if waiting else [])]):
        if step is waiting:
            figures_of(figures, step.node)["running"] = True
        else:
            add_figures(figures, step)
        for source in step.sources:
            if source is not None:
                given = outputs.get((source.node, source.run), [])
                count = len(given[source.output] or ()) if source.output < len(given) else 0
            else:
                count = 0 if place else first
            figures[step.node]["given"] += count
    return list(figures.values())


def add_figures(figures: dict[str, dict[str, Any]], step: Step) -> None:
    """Add a step to the figures of its node: runs, items it gave, milliseconds, failure."""
    found = figures_of(figures, step.node)
    found["runs"] += 1
    found["items"] += step.count
    found["ms"] = round(found["ms"] + step.ms, 2)
    found["failed"] = found["failed"] or step.failed
    found["running"] = False
