"""One expression, as a node would see it over the data of a run that was kept.

Asking again and again is what an editor does, so that run's steps and its scripts stay at hand for
a while: see `Kept`.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef

from whoosh_site.core.errors import BadInput
from workflows import nodes
from workflows.allowed import environment, variables_of
from workflows.engine.document import Document, NodeSpec
from workflows.engine.driver import Facts
from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Source, arriving
from workflows.engine.parameters import filled
from workflows.engine.run import Step
from workflows.engine.scripts import Scope
from workflows.models import Execution, ExecutionPart, KeptSteps, Workflow, WorkflowVersion
from workflows.scripts.session import Session
from workflows.scripts.typed import typed
from workflows.services.running import TEAM

KEPT_SECONDS = 60.0
MOST_KEPT = 16
LARGEST = 64 * 1024 * 1024
"""Bytes of data, before compression, of all runs that are at hand together."""
LIMIT = 5.0
LONGEST = 10_000


@dataclass
class Kept:
    """A version of a workflow over what a run of it gave, with the scripts that know of it."""

    workflow: Workflow
    document: Document
    execution: Execution | None
    steps: dict[str, list[Step]]
    size: int
    session: Session
    # A loop of its own, in whichever thread asks: making one takes longer than most expressions.
    runner: asyncio.Runner = field(
        default_factory=lambda: asyncio.Runner(loop_factory=asyncio.new_event_loop)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    scopes: dict[str, Scope] = field(default_factory=dict)
    used_at: float = 0.0
    gone: bool = False

    def past(self, name: str) -> Sequence[Step]:
        """Return the runs of a node; its pinned data stands in for one that never ran."""
        if name not in self.steps and name in self.document.pins:
            self.steps[name] = [Step(name, 0, [None], [self.document.pins[name]])]
        return self.steps.get(name, ())

    def sources(self, name: str) -> list[Source | None]:
        """Return where a node's inputs came from in its last run, or would come from."""
        if ran := self.steps.get(name):
            return list(ran[-1].sources)
        found = [self._last(origins) for origins in self.document.origins(name)]
        return found or [None]

    def _last(self, origins: Sequence[Any]) -> Source | None:
        for origin in origins:
            for step in reversed(self.past(origin.node)):
                if origin.output < len(step.outputs) and step.outputs[origin.output]:
                    return Source(origin.node, origin.output, step.index)
        return None

    def items(self, source: Source | None, name: str) -> Items:
        """Return what came from there."""
        if source is None:
            started = self.execution is not None and not self.document.origins(name)
            return self.execution.items if self.execution is not None and started else []
        past = self.past(source.node)
        outputs = past[source.run].outputs if source.run < len(past) else []
        return (outputs[source.output] if source.output < len(outputs) else None) or []

    def scope(self, spec: NodeSpec) -> Scope:
        """Return what the node sees: the same data each time, so nothing is handed over twice.

        Variables are read anew: somebody may have changed one since.
        """
        if spec.name not in self.scopes:
            self.scopes[spec.name] = self._scope(spec)
        now = {"vars": variables_of(self.workflow.team_id), "env": environment()}
        return replace(self.scopes[spec.name], **now)

    def _scope(self, spec: NodeSpec) -> Scope:
        sources = self.sources(spec.name)
        items = arriving(self.items(sources[0] if sources else None, spec.name), 0)
        kind = nodes.shelf.get(spec.type)
        fields = kind.fields_of(spec.version) if kind else ()
        static = self.document.static_data
        return Scope(
            node=spec.name, node_type=spec.type, node_version=spec.version, node_id=spec.id,
            run_index=max(len(self.steps.get(spec.name, ())) - 1, 0),
            items=items or [{"json": {}}], sources=sources,
            parameters=filled(fields, spec.version, spec.parameters),
            state={}, states={}, past=self.past, nodes=Facts(self.document),
            wired=lambda name: self.document.wired(name, spec.name),
            workflow={"id": str(self.workflow.pk), "name": self.workflow.name, "active": False},
            execution={"id": str(self.execution.pk) if self.execution else "", "mode": "test"},
            timezone=self.document.timezone or settings.TIME_ZONE, strict=self.document.strict,
            static={"global": static.get("global") or {},
                    "node": static.get(f"node:{spec.name}") or {}},
        )  # fmt: skip


_kept: dict[tuple[Any, ...], Kept] = {}
_lock = threading.Lock()


def preview_expression(
    workflow: Workflow, expression: str, *, node: str, item: int = 0, execution: int | None = None
) -> dict[str, Any]:
    """Return `{"type", "value"}` of an expression for one item, or `{"error"}`.

    The node is that of the current version; the data that of the execution, or of the last one
    that kept any, and pinned data where a node has not run.

    Raises:
        BadInput: there is no such node or execution, or the data is too large for this.
    """
    if len(expression) > LONGEST:
        raise BadInput(f"expression: at most {LONGEST} characters.")
    source = _execution(workflow, execution)
    while True:
        kept = _at_hand(workflow, source)
        with kept.lock:
            if not kept.gone:  # else another thread let go of it meanwhile
                return _preview(kept, expression, node, item)


def _preview(kept: Kept, expression: str, node: str, item: int) -> dict[str, Any]:
    spec = kept.document.nodes.get(node)
    if spec is None:
        there = ", ".join(list(kept.document.nodes)[:20])
        raise BadInput(f"node: {kept.workflow} has no node {node!r}. There are: {there}.")
    if not expression.startswith("="):
        return typed(expression)
    return kept.runner.run(_answer(kept, expression, kept.scope(spec), item))


async def _answer(kept: Kept, expression: str, scope: Scope, item: int) -> dict[str, Any]:
    if item >= len(scope.items):
        return {"error": f"The node gets {len(scope.items)} items; there is no item {item}."}
    try:
        (column,) = await kept.session.evaluate([expression], scope, [item])
    except NodeError as error:
        return {"error": error.message}
    if item in column.errors:
        return {"error": column.errors[item].message}
    return typed(column.values[item])


def _execution(workflow: Workflow, pk: int | None) -> Execution | None:
    rows = Execution.objects.filter(workflow=workflow).only("attempt", "state")
    if pk is None:
        kept = ExecutionPart.objects.filter(execution=OuterRef("pk"))
        return rows.filter(Exists(kept)).order_by("-pk").first()
    found = rows.filter(pk=pk).first()
    if found is None:
        raise BadInput(f"execution: {workflow} has no execution {pk}.")
    return found


def _at_hand(workflow: Workflow, execution: Execution | None) -> Kept:
    # A run that waits or goes on gives more later: its attempt and state are part of the key.
    run = (execution.pk, execution.attempt, execution.state) if execution else ()
    key = (workflow.team_id, workflow.pk, workflow.current_id, *run)
    with _lock:
        kept = _kept.get(key)
    if kept is None:
        kept = _read(workflow, execution)
    with _lock:
        kept = _kept.pop(key, kept)  # another thread may have been faster
        kept.used_at = time.monotonic()
        gone = [_kept.pop(old) for old in list(_outdated(kept.size))]
        _kept[key] = kept  # the newest stands last
    for one in gone:
        _let_go(one)
    return kept


def _read(workflow: Workflow, execution: Execution | None) -> Kept:
    version = WorkflowVersion.objects.get(pk=workflow.current_id)
    size = KeptSteps(execution.pk).size if execution else 0
    if size > LARGEST:
        most = LARGEST >> 20
        raise BadInput(f"execution: its data is too large for a preview (more than {most} MB).")
    steps: dict[str, list[Step]] = {}
    for step in execution.steps() if execution else ():
        steps.setdefault(step.node, []).append(step)
    session = Session(owner=f"{TEAM}{workflow.team_id}", limit=LIMIT)
    return Kept(workflow, version.document, execution, steps, size, session)


def _outdated(coming: int) -> Iterator[Any]:
    """Yield the keys of what has not been asked for lately, and of the oldest beyond the limits."""
    count, size = len(_kept), coming + sum(one.size for one in _kept.values())
    for key, one in list(_kept.items()):
        if one.used_at > time.monotonic() - KEPT_SECONDS and count < MOST_KEPT and size <= LARGEST:
            return
        count, size = count - 1, size - one.size
        yield key


def _let_go(kept: Kept) -> None:
    with kept.lock, kept.runner as runner:
        kept.gone = True
        runner.run(kept.session.close())


def forget_previews() -> None:
    """Let go of everything that is at hand."""
    with _lock:
        gone = list(_kept.values())
        _kept.clear()
    for one in gone:
        _let_go(one)
