"""Running a document in this process, from start to end."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows import nodes
from workflows.engine.document import Document
from workflows.engine.driver import Driver, Ended, Saved, Surroundings
from workflows.engine.errors import NodeError, Parked
from workflows.engine.items import Item, Items, Source
from workflows.engine.node import Outside
from workflows.engine.run import Step
from workflows.engine.scripts import Scripts
from workflows.engine.values import dumps

TOO_DEEP = "What a node gave is nested too deeply to be kept. Flatten it, or keep it as text."


@dataclass(frozen=True)
class Order:
    """What to run, and how."""

    document: Document
    items: Items = field(default_factory=lambda: [{"json": {}}])
    start: str = ""  # a node; the document's own start when empty
    until: str = ""  # only this node and what leads to it
    pins: bool = False
    timezone: str = "UTC"
    limit: float = 0.0  # seconds; 0 for the document's own
    mode: str = "test"  # or production
    execution: Mapping[str, Any] = field(default_factory=dict)
    workflow: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    static: dict[str, dict[str, Any]] = field(default_factory=dict)
    saved: Saved = field(default_factory=dict)


@dataclass
class Outcome:
    """A run that ended, or waits."""

    status: str
    error: Mapping[str, Any] | None
    ms: float
    steps: Sequence[Step]  # in the order they ran
    warnings: Sequence[Mapping[str, str]]
    static: Mapping[str, Mapping[str, Any]]
    parked: Parked | None = None
    woken: Step | None = None  # the step that waits, as it is when its time has come
    close: Callable[[], None] = lambda: None  # lets go of long outputs, which lie in a file

    @classmethod
    def refused(cls, message: str) -> "Outcome":
        """Return the outcome of what could not even begin."""
        return cls("error", {"message": message, "node": ""}, 0.0, [], [], {})

    @property
    def last_items(self) -> Items:
        """What the node that ran last gave, at all its outputs."""
        last = self.steps[-1] if self.steps else None
        return [one for items in (last.outputs if last else []) for one in items or ()]

    def told(self) -> dict[str, Any]:
        """Return the run as `run_workflow --json` prints it, the file left out."""
        data: dict[str, list[Any]] = {}
        steps = [*self.steps, *([self.woken] if self.woken else [])]
        for step in steps:
            data.setdefault(step.node, []).append(told_step(step))
        if self.woken is not None:
            data[self.woken.node][-1]["status"] = "waiting"
        told = {
            "status": self.status,
            "executionOrder": [step.node for step in steps],
            "error": self.error,
            "ms": round(self.ms, 1),
            "runData": data,
        }
        if self.warnings:
            told["warnings"] = self.warnings
        return told

    def line(self, **first: Any) -> bytes:
        """Return the run as one line of JSON."""
        return dumps({**first, **self.told()})


def told_step(step: Step) -> dict[str, Any]:
    """Return one run of one node in n8n's shape."""
    told: dict[str, Any] = {
        "status": "error" if step.failed else "success",
        "ms": round(step.ms, 2),
        "source": [_told_source(source) for source in step.sources],
        "data": {"main": [[_told_item(one) for one in items or ()] for items in step.outputs]},
    }
    if step.error is not None:
        told["error"] = step.error
    if step.logs:
        told["logs"] = list(step.logs)
    return told


def _told_source(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {
        "previousNode": source.node,
        "previousNodeOutput": source.output,
        "previousNodeRun": source.run,
    }


def _told_item(one: Item) -> Item:
    return {key: one[key] for key in ("json", "binary", "pairedItem") if key in one}


def static_of(document: Document) -> dict[str, dict[str, Any]]:
    """Return a copy of a document's static data: of all nodes, and of each."""
    given = document.static_data.items()
    return {key: dict(value) for key, value in given if isinstance(value, Mapping)}


async def execute(order: Order, scripts: Scripts, outside: Outside, **hooks: Any) -> Outcome:
    """Run a document; what goes wrong in it is told by the outcome, never raised.

    `hooks` are `on_step` and `on_start` of `Surroundings`. Cancel the task to stop the run.
    """
    document, began = order.document, time.perf_counter()
    around = Surroundings(
        types=nodes.shelf.get,
        scripts=scripts,
        outside=outside,
        timezone=order.timezone,
        workflow=order.workflow or {"id": document.id, "name": document.name, "active": False},
        execution={"id": "1", "mode": order.mode, "customData": {}, **order.execution},
        vars=order.vars,
        env=order.env,
        static=order.static,
        **hooks,
    )
    driver = Driver(
        document,
        around,
        pins=document.pins if order.pins else None,
        saved=order.saved,
        only=[order.until, *document.parents(order.until)] if order.until else None,
    )
    try:
        start = _start(order)
    except NodeError as error:
        ended = Ended("error", {"message": error.message, "node": ""})
    else:
        try:
            ended = await driver.execute(start, order.items, order.limit or document.time_limit)
        except BaseException:  # canceled, or the process ends
            driver.close()
            raise
    return Outcome(
        status=ended.status,
        error=ended.error,
        ms=(time.perf_counter() - began) * 1000,
        steps=driver.run.order,
        warnings=driver.warnings,
        static=order.static,
        parked=ended.parked,
        woken=ended.woken() if ended.parked else None,
        close=driver.close,
    )


def _start(order: Order) -> str:
    if order.start:
        if order.start not in order.document.nodes:
            names = ", ".join(order.document.nodes)
            raise NodeError(f"No node is called {order.start!r}. There are: {names or 'none'}.")
        return order.start
    found = order.document.start()
    if found is None:
        raise NodeError(
            "This workflow has no node to start from. Add a trigger (a Manual Trigger will do), "
            "or name a node to start with."
        )
    return found.name
