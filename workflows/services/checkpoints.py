"""What a run has given so far, written down before anything outside can depend on it.

Nodes that surely give the same again are not written by themselves: a run that is carried on works
them out anew. Everything is written at once

1. after a node that reaches outside,
2. before such a node, when something before it may come out differently another time,
3. after every node, where the workflow asks for that (n8n's `saveExecutionProgress`),
4. when work of some seconds has gathered.
"""

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction

from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from workflows import nodes
from workflows.engine.document import Document
from workflows.engine.node import Node
from workflows.engine.repeating import repeats
from workflows.engine.run import Ready, Step
from workflows.models import Execution, KeptSteps, Pieces

MUCH = 3000.0
"""Milliseconds of work that are not done a second time."""
LARGEST_DATA = 256 * 1024 * 1024
"""Bytes, pressed, of what one execution keeps."""


class LeaseLost(Exception):
    """The execution is another process's by now: this one stops, and writes nothing more."""


class Checkpoints:
    """Writes steps down under the lease of their execution.

    `kept` are the node and index of the steps that stand in the database already; `figures` gives
    what pages show of the run.
    """

    def __init__(
        self,
        lease: Lease[Execution],
        document: Document,
        kept: Collection[tuple[str, int]],
        figures: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self.lease = lease
        self.document = document
        self.kept = set(kept)
        self.figures = figures
        self.pending: list[Step] = []
        self.rest: Pieces | None = None
        self.number = -1  # of the next part; asked of the database once
        self.length = 0
        self.unsure = False
        self.work = 0.0
        self.every = document.settings.get("saveExecutionProgress") is True

    @property
    def too_much(self) -> bool:
        """Whether more was given than one execution may keep."""
        return self.length > LARGEST_DATA

    def taken(self, step: Step) -> None:
        """Note a step that another execution had saved."""
        if (step.node, step.index) not in self.kept:
            self.pending.append(step)

    async def before(self, ready: Ready) -> None:
        """Write what has to stand before this node works."""
        node = self._type(ready.node)
        if self.unsure and node is not None and node.reaches_out:
            await self.save()

    async def after(self, step: Step) -> None:
        """Take a step, and write it where it cannot be done again."""
        self.pending.append(step)
        self.work += step.ms
        spec, node = self.document.nodes[step.node], self._type(step.node)
        if node is None or spec.disabled or step.pinned:
            return
        if self.every or node.reaches_out or self.work > MUCH:
            await self.save()
        elif not repeats(node, spec):
            self.unsure = True

    async def save(self) -> None:
        """Write everything that is pending.

        Raises:
            LeaseLost: the execution is another process's.
        """
        if self.pending and not self.too_much:
            pieces = Pieces(self.pending)
            self.length += pieces.length
            if not self.too_much:
                await leases.persist(self._write, pieces)
                self._written()

    def add_last(self, woken: Step | None) -> int:
        """Write the rest, in the caller's transaction; returns the part of the step that waits."""
        kept = KeptSteps(self.lease.pk)
        if self.pending and self.rest is None:  # else this is another try at the same end
            self.rest = Pieces(self.pending)
            self.length += self.rest.length
        if self.too_much and woken is None:
            kept.cut(0)
            return 0
        number = kept.next_number if self.number < 0 else self.number
        if self.rest is not None:
            number = kept.add(self.rest, number)
        if woken is not None:
            kept.add(Pieces([woken]), number)
        return number

    def _write(self, pieces: Pieces) -> None:
        kept = KeptSteps(self.lease.pk)
        with transaction.atomic():
            # It got on: deaths before this were not its last step's doing.
            if not self.lease.write(nodes=self.figures(), deaths=0):
                raise LeaseLost
            number = kept.next_number if self.number < 0 else self.number
            number = kept.add(pieces, number)
        self.number = number

    def _written(self) -> None:
        self.kept |= {(step.node, step.index) for step in self.pending}
        self.pending, self.unsure, self.work = [], False, 0.0

    def _type(self, name: str) -> type[Node] | None:
        return nodes.shelf.get(self.document.nodes[name].type)
