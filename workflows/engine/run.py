"""Which node runs next, and with what: the scheduler of one run.

`Run` is told what each node gave and says which step is ready. It knows no clock and no chance: the
same document, start and steps give the same order. So a run that was cut off is gone through again
with the steps that were saved, and goes on where they end; retry and partial runs are the same.

The rules are n8n's (its orders v1 and v0), as recorded from its released engine.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.engine.document import Document, Link, NodeSpec
from workflows.engine.items import Item, Items, Outputs, Source
from workflows.engine.store import CHUNK, Store
from workflows.engine.values import pack, unpack

Needs = Callable[[NodeSpec], Sequence[int] | int]
"""Which inputs (or how many) of a node must have come before it may run with what it has."""


@dataclass
class Step:
    """What one run of one node gave."""

    node: str
    index: int  # how often the node ran before
    sources: Sequence[Source | None]
    outputs: Outputs = field(default_factory=list)
    error: Mapping[str, Any] | None = None  # message, description, item ...
    ms: float = 0.0
    started: float = 0.0  # seconds since the epoch
    state: Mapping[str, Any] | None = None  # the node's context afterwards, when it has one
    logs: Sequence[str] = ()
    pinned: bool = False
    notes: Mapping[str, Any] | None = None  # custom and static data it changed, as they are then

    @property
    def failed(self) -> bool:
        """Whether the node ended the run."""
        return self.error is not None

    @property
    def count(self) -> int:
        """How many items it gave, over all outputs."""
        return sum(len(items) for items in self.outputs if items)

    def lines(self, *, state: bool = True, notes: bool = True) -> Iterator[bytes]:
        """Yield what has to be kept of it to go through the run again: one line, then its items.

        A line of items is `[output, items]`; long outputs take several, so that none is large.
        The `state` is needed of the last step of each node only, `notes` of the last that has any.
        """
        left_out = {"state": not state, "notes": not notes}
        kept: dict[str, Any] = {"node": self.node, "index": self.index, "sources": self.sources}
        kept |= {"ms": self.ms, "started": self.started}
        for name in ("error", "state", "logs", "pinned", "notes"):
            value = getattr(self, name)
            if value and not left_out.get(name):
                kept[name] = value
        kept["silent"] = [items is None for items in self.outputs]
        yield pack(kept)
        for output, items in enumerate(self.outputs):
            for first in range(0, len(items or ()), CHUNK):
                yield pack([output, (items or ())[first : first + CHUNK]])


def read_steps(lines: Iterable[bytes], store: Store | None = None) -> Iterator[Step]:
    """Yield the steps whose `lines` were kept; long outputs go to the store, if one is given."""
    step: Step | None = None
    for line in lines:
        value = unpack(line)
        if isinstance(value, list):
            output, items = value
            if step is not None:
                step.outputs[output] = [*(step.outputs[output] or ()), *items]
            continue
        if step is not None:
            yield _settled(step, store)
        sources = [None if one is None else Source(*one) for one in value.pop("sources")]
        outputs: Outputs = [None if silent else [] for silent in value.pop("silent")]
        step = Step(**value, sources=sources, outputs=outputs)
    if step is not None:
        yield _settled(step, store)


def _settled(step: Step, store: Store | None) -> Step:
    if store is not None:
        step.outputs = [store.kept(items) for items in step.outputs]
    return step


@dataclass
class Ready:
    """A node that can run now: its inputs, by input index, and where they came from."""

    node: str
    inputs: list[Sequence[Item] | None]
    sources: list[Source | None]
    index: int = 0


@dataclass
class Gathering:
    """Inputs of a node with several that wait for the others."""

    inputs: list[Sequence[Item] | None]
    sources: list[Source | None]

    @classmethod
    def of(cls, count: int) -> "Gathering":
        """Return one for this many inputs, all empty."""
        return cls([None] * count, [None] * count)

    @property
    def complete(self) -> bool:
        """Whether every input has come."""
        return all(items is not None for items in self.inputs)


class Run:
    """The state of one run: steps done, nodes ready, nodes that wait for more inputs."""

    def __init__(
        self,
        document: Document,
        *,
        needs: Needs = lambda spec: 1,
        only: Iterable[str] | None = None,
    ) -> None:
        self.document = document
        self.needs = needs
        self.only = None if only is None else frozenset(only)
        self.legacy = document.legacy_order
        self.steps: dict[str, list[Step]] = {}
        self.order: list[Step] = []
        self.queue: deque[Ready] = deque()
        self.waiting: dict[str, list[Gathering]] = {}

    def begin(self, node: str, items: Items) -> None:
        """Start with a node and the items it is given."""
        self.queue.append(Ready(node, [items], [None]))

    def next(self) -> Ready | None:
        """Return the step to do now, and take it off the list; None when the run is over."""
        if not self.queue:
            self._release()
        if not self.queue:
            return None
        ready = self.queue.popleft()
        ready.index = len(self.steps.get(ready.node, ()))
        return ready

    def finish(self, step: Step) -> None:
        """Take in what a node gave; its targets get ready."""
        self.steps.setdefault(step.node, []).append(step)
        self.order.append(step)
        if step.failed:
            self.queue.clear()
            self.waiting.clear()
            return
        reached = list(self._reached(step))
        if not self.legacy:
            # The node at the top left goes first: it is put in front last.
            reached.sort(key=lambda one: self._place(one[1]), reverse=True)
        for output, link in reached:
            self._arrive(step, output, link)

    def unfinished(self) -> Iterable[tuple[str, list[int]]]:
        """Yield the nodes that never ran because inputs stayed silent, with those inputs."""
        for name, gatherings in self.waiting.items():
            for gathering in gatherings:
                yield name, [n for n, items in enumerate(gathering.inputs) if items is None]

    # -- inside ----------------------------------------------------------------------------------

    def _reached(self, step: Step) -> Iterable[tuple[int, Link]]:
        for output, links in enumerate(self.document.targets(step.node)):
            items = step.outputs[output] if output < len(step.outputs) else None
            for link in links:
                if self.only is not None and link.node not in self.only:
                    continue
                # Under the old order an empty list counts at a later input: its branch has run.
                if items or (self.legacy and items is not None and link.input > 0):
                    yield output, link

    def _place(self, link: Link) -> tuple[float, float]:
        x, y = self.document.nodes[link.node].position
        return y, x

    def _arrive(self, step: Step, output: int, link: Link) -> None:
        items, source = step.outputs[output], Source(step.node, output, step.index)
        count = len(self.document.origins(link.node))
        if count <= 1:
            self._queue(Ready(link.node, [items], [source]))
            return
        gatherings = self.waiting.setdefault(link.node, [])
        first = not gatherings
        gathering = next((g for g in gatherings if g.inputs[link.input] is None), None)
        if gathering is None:
            gathering = Gathering.of(count)
            gatherings.append(gathering)
        gathering.inputs[link.input], gathering.sources[link.input] = items, source
        if gathering.complete:
            self._take(link.node, gathering)
        elif self.legacy and first:
            self._force(link.node, step)

    def _queue(self, ready: Ready) -> None:
        if self.legacy:
            self.queue.append(ready)
        else:
            self.queue.appendleft(ready)

    def _drop(self, node: str, gathering: Gathering) -> None:
        self.waiting[node].remove(gathering)
        if not self.waiting[node]:
            del self.waiting[node]

    def _take(self, node: str, gathering: Gathering) -> None:
        self._drop(node, gathering)
        self._queue(Ready(node, gathering.inputs, gathering.sources))

    def _release(self) -> None:
        """Let one node go on with the inputs it has: nothing else is left to run."""
        while (found := self._releasable()) is not None:
            name, gathering = found
            if any(gathering.inputs):
                gathering.inputs = [
                    items if items is not None else [] for items in gathering.inputs
                ]
                self._take(name, gathering)
                return
            self._drop(name, gathering)  # every branch that ran gave nothing

    def _releasable(self) -> tuple[str, Gathering] | None:
        for name, (gathering, *_) in self.waiting.items():
            above = self.document.parents(name)
            blocked = any(parent in self.waiting for parent in above if parent != name)
            if not blocked and self._enough(name, gathering):
                return name, gathering
        return None

    def _enough(self, name: str, gathering: Gathering) -> bool:
        come = [n for n, items in enumerate(gathering.inputs) if items is not None]
        needed = self.needs(self.document.nodes[name])
        if isinstance(needed, int):
            return len(come) >= needed
        return all(n in come for n in needed)

    def _force(self, node: str, step: Step) -> None:
        """Under the old order: make branches run that a waiting node still lacks data from.

        Each starts, with one empty item, at its first node that has not run.
        """
        for origins in self.document.origins(node):
            for origin in origins:
                if origin.node == step.node or self._comes(origin.node, step):
                    continue
                start = self._first_not_run(origin.node, step)
                if start is not None:
                    self.queue.append(Ready(start, [[{"json": {}}]], [Source(step.node)]))

    def _comes(self, node: str, step: Step) -> bool:
        """Whether a node has run, gathers inputs, or is fed by this step: it needs no help."""
        if node in self.steps or node in self.waiting:
            return True
        if any(ready.node == node for ready in self.queue):
            return True
        fed = self.document.targets(step.node)
        return any(link.node == node for links in fed for link in links)

    def _first_not_run(self, node: str, step: Step) -> str | None:
        chain, seen = node, {node}
        while True:
            above = [origin.node for origins in self.document.origins(chain) for origin in origins]
            if any(self._comes(name, step) for name in above if name not in self.steps):
                return None  # its turn comes by itself
            fresh = [name for name in above if name not in self.steps and name not in seen]
            if not fresh:
                return chain
            chain = fresh[-1]
            seen.add(chain)
