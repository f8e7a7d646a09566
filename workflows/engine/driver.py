"""Carries a run from start to end: asks `Run` what is next and lets the node types work.

1. A step that was saved earlier is taken as it was.
2. A disabled node passes its first input on; a pinned one gives its pinned items.
3. Any other node gets its parameters, evaluated for its items in one batch, and runs; it is tried
   again where the document says so, and its errors are handled as the document says.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workflows.engine.aside import run_node
from workflows.engine.credentials import Mask
from workflows.engine.document import CONTINUE, OUTPUT, Document, NodeSpec
from workflows.engine.errors import NodeError, Parked, RunTimeout
from workflows.engine.failing import ended_well, gave_error
from workflows.engine.items import Item, Items, Outputs, arriving
from workflows.engine.node import Context, Node, Outside
from workflows.engine.parameters import filled, templates
from workflows.engine.run import Ready, Run, Step
from workflows.engine.scripts import Scope, Scripts, is_local
from workflows.engine.store import CHUNK, Store, Stored

UNFORESEEN = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What a node may raise that nobody thought of: the run ends by its name, and nothing else does."""
CUSTOM = "custom"
"""Among a step's notes: the run's custom data. Static data stands under n8n's own keys."""
Types = Callable[[str], type[Node] | None]
Saved = Mapping[tuple[str, int], Step]


@dataclass(frozen=True)
class Surroundings:
    """What a run can see beside its document."""

    types: Types
    scripts: Scripts
    outside: Outside
    timezone: str = "UTC"  # where the workflow names none
    workflow: Mapping[str, Any] = field(default_factory=dict)
    execution: dict[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    static: dict[str, dict[str, Any]] = field(default_factory=dict)
    on_step: Callable[[Step], Awaitable[None]] | None = None
    on_start: Callable[[Ready], Awaitable[None]] | None = None
    on_taken: Callable[[Step], None] | None = None  # a step that had been saved


@dataclass
class Ended:
    """How a run ended. `status`: success, error, waiting or canceled."""

    status: str
    error: Mapping[str, Any] | None = None  # message, node, description ...
    parked: Parked | None = None
    at: Ready | None = None  # the step that waits

    def woken(self, outputs: Outputs | None = None) -> Step:
        """Return the waiting step as it is when its time or call has come.

        It gives what came with the call, or what it had said to give, or its own input.
        """
        if self.at is None or self.parked is None:
            raise ValueError("this run does not wait")
        given = outputs if outputs is not None else self.parked.outputs
        if given is None:
            given = [self.at.inputs[0]]
        return Step(self.at.node, self.at.index, self.at.sources, given, started=time.time())


class Work:
    """What one run of one node is about."""

    def __init__(
        self, node: type[Node], spec: NodeSpec, ready: Ready, parameters: Mapping[str, Any]
    ) -> None:
        self.node = node
        self.spec = spec
        self.ready = ready
        self.parameters = parameters
        self.inputs: list[Sequence[Item] | None] = [
            items[:1] if items is not None and spec.execute_once else items
            for items in ready.inputs
        ]
        self.output_count = len(node.outputs_of(parameters, spec.version))
        self.began_with_an_error = False  # what its last try gave: n8n tries again then
        self.warnings: list[str] = []
        self.logs: list[str] = []
        self.mask = Mask()  # of the credentials it asked for

    @property
    def in_pieces(self) -> bool:
        """Whether its items may come in pieces: there are many, and each is for itself."""
        if len(self.inputs) != 1 or len(self.inputs[0] or ()) <= CHUNK:
            return False
        found = templates(self.node.fields_of(self.spec.version), self.parameters)
        return self.node.in_pieces(self.parameters) and all(is_local(one) for one in found)

    def arrived(self) -> list[Items | None]:
        """Return the inputs as the node sees them."""
        return [
            None if items is None else arriving(items, n) for n, items in enumerate(self.inputs)
        ]

    def all_pairs(self) -> list[dict[str, int]]:
        """Return the pairs of something made of all there was."""
        return [
            {"item": n, "input": place}
            for place, items in enumerate(self.inputs)
            for n in range(len(items or ()))
        ]


class Driver:
    """One run under way. `close` it when its outputs are no longer needed."""

    def __init__(
        self,
        document: Document,
        around: Surroundings,
        *,
        pins: Mapping[str, Items] | None = None,
        saved: Saved | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        self.document = document
        self.around = around
        self.pins = pins or {}
        self.saved = saved or {}
        self.run = Run(document, needs=self._needs, only=only)
        self.states: dict[str, dict[str, Any]] = {}
        self.warnings: list[dict[str, str]] = []
        self.facts = Facts(document)
        self.store = Store()

    def close(self) -> None:
        """Let go of what it gave."""
        self.store.close()

    # -- from start to end -----------------------------------------------------------------------

    async def execute(self, start: str, items: Items, limit: float = 0.0) -> Ended:
        """Run from a node; `limit` is in seconds, 0 for none. Cancel the task to cancel the run."""
        self.run.begin(start, items)
        try:
            async with asyncio.timeout(limit or None):
                ended = await self._steps()
        except TimeoutError:
            error = RunTimeout(f"The run took longer than its time limit of {limit:g} s.")
            ended = Ended("error", _told(error, ""))
        if ended.status != "waiting":
            self._tell_unfinished()
        if ended.status == "success":
            self._tell_left_over()
        return ended

    async def _steps(self) -> Ended:
        while (ready := self.run.next()) is not None:
            saved = self.saved.get((ready.node, ready.index))
            if saved is not None:
                self._restore(saved)
                # Wired as this version has it: a node before it may have gone.
                saved = replace(saved, sources=ready.sources)
                self.run.finish(saved)
                if self.around.on_taken is not None:
                    self.around.on_taken(saved)
                continue
            if self.around.on_start is not None:
                await self.around.on_start(ready)
            try:
                step = await self._step(ready)
            except Parked as parked:
                return Ended("waiting", parked=parked, at=ready)
            self.run.finish(step)
            if self.around.on_step is not None:
                await self.around.on_step(step)
            if step.error is not None:
                return Ended("error", step.error)
            await asyncio.sleep(0)  # others have work too
        return Ended("success")

    async def _step(self, ready: Ready) -> Step:
        spec = self.document.nodes[ready.node]
        began, started = time.perf_counter(), time.time()
        step = Step(ready.node, ready.index, ready.sources, started=started)
        before = self._notes()
        try:
            if spec.disabled:
                step.outputs = [self._passed(ready.inputs[0])]
            elif spec.name in self.pins:
                step.outputs, step.pinned = [list(self.pins[spec.name])], True
            else:
                await self._run_node(spec, ready, step)
        except NodeError as error:
            step.error = _told(error, spec.name)
        except UNFORESEEN as error:  # in what a node says of its parameters
            step.error = _told(_unforeseen(error), spec.name)
        step.notes = {key: one for key, one in self._notes().items() if one != before.get(key, {})}
        step.ms = (time.perf_counter() - began) * 1000
        return step

    def _notes(self) -> dict[str, dict[str, Any]]:
        """Return copies of what nodes wrote down: the run's custom data, and all static data."""
        custom = self.around.execution.get("customData", {})
        return {CUSTOM: dict(custom)} | {key: dict(one) for key, one in self.around.static.items()}

    def _restore(self, step: Step) -> None:
        """Put back what a step that was saved left behind beside its items."""
        if step.state is not None:
            self.states[step.node] = dict(step.state)
        for key, kept in (step.notes or {}).items():
            if key == CUSTOM:
                self.around.execution["customData"] = dict(kept)
            else:
                self.around.static[key] = dict(kept)

    # -- one node --------------------------------------------------------------------------------

    async def _run_node(self, spec: NodeSpec, ready: Ready, step: Step) -> None:
        node = self._type(spec)
        parameters = filled(node.fields_of(spec.version), spec.version, spec.parameters)
        refuse_unsupported(node, spec, parameters)
        work = Work(node, spec, ready, parameters)
        try:
            outputs = await self._tried(work)
        except NodeError as error:
            if spec.on_error not in (CONTINUE, OUTPUT):
                raise
            self._warn(spec.name, f"It failed and the run went on: {error.message}")
            outputs = [self._passed(work.inputs[0]) if work.inputs else None]
        finally:
            step.logs = work.mask.hide(work.logs)
            for warning in work.mask.hide(work.warnings):
                self._warn(spec.name, warning)
        if spec.always_output and not (outputs and outputs[0]):
            outputs = [[{"json": {}, "pairedItem": work.all_pairs()}], *outputs[1:]]
        step.outputs = [self.store.kept(items) for items in outputs]
        if state := self.states.get(spec.name):
            step.state = work.mask.hide(dict(state))
        else:
            self.states.pop(spec.name, None)

    async def _tried(self, work: Work) -> Outputs:
        for left in range(work.spec.tries - 1, -1, -1):
            try:
                outputs = await self._once(work)
            except NodeError:
                if not left:
                    raise
            else:
                if not left or not work.began_with_an_error:
                    return outputs
            await self.around.outside.sleep(work.spec.retry_wait)
        raise AssertionError("the last try returns or raises")

    async def _once(self, work: Work) -> Outputs:
        if not work.in_pieces:
            whole_output = await self._work(work, work.arrived(), 0)
            self._vet(whole_output)
            return whole_output
        whole = work.inputs[0] or ()
        outputs: list[Stored] = []
        for first in range(0, len(whole), CHUNK):
            given = arriving(whole[first : first + CHUNK], 0)
            _append(self.store, outputs, await self._work(work, [given], first), first)
            self._vet(list(outputs))
            await asyncio.sleep(0)  # others have work too
        return list(outputs)

    def _vet(self, outputs: Outputs) -> None:
        self.around.outside.bounds.vet_items(sum(len(items or ()) for items in outputs))

    async def _work(self, work: Work, inputs: list[Items | None], first: int) -> Outputs:
        """Let the node work on these inputs, which are a piece where `first` is not 0."""
        spec = work.spec
        context = Context(
            node=spec, inputs=inputs, parameters=work.parameters,
            scope=self._scope(work, inputs[0] or [], first),
            scripts=self.around.scripts, outside=self.around.outside,
            state=self.states.setdefault(spec.name, {}),
            static=self.around.static.setdefault(f"node:{spec.name}", {}),
            first_index=first, warnings=work.warnings, logs=work.logs,
            mask=work.mask,
        )  # fmt: skip
        await self._evaluate(work.node, context)
        outputs = await _guarded(work.node, context)
        if not first:
            work.began_with_an_error = gave_error(outputs)
        outputs = ended_well(spec, outputs, inputs, work.output_count)
        return [work.mask.hide(items) for items in outputs]

    async def _evaluate(self, node: type[Node], context: Context) -> None:
        fields = node.fields_of(context.version)
        found = list(dict.fromkeys(templates(fields, context.parameters)))
        if not found:
            return
        count = 1 if node.only_first else max(len(context.items), 1)
        columns = await self.around.scripts.evaluate(found, context.scope, range(count))
        context.columns = dict(zip(found, columns, strict=True))
        for template, column in context.columns.items():
            for index, words in column.swallowed.items():
                context.warn(f"{template[:80]} gives undefined for item {index}: {words}")
                break  # one item shows it

    def _scope(self, work: Work, items: Items, first: int) -> Scope:
        around, spec, ready = self.around, work.spec, work.ready
        return Scope(
            node=spec.name, node_type=spec.type, node_version=spec.version, node_id=spec.id,
            run_index=ready.index, items=items or [{"json": {}}], sources=ready.sources,
            parameters=work.parameters, state=self.states.get(spec.name, {}), states=self.states,
            past=lambda name: self.run.steps.get(name, ()), nodes=self.facts,
            wired=lambda name: self.document.wired(name, spec.name),
            workflow=around.workflow, execution=around.execution,
            timezone=self.document.timezone or around.timezone, strict=self.document.strict,
            vars=around.vars, env=around.env,
            static={
                "global": around.static.setdefault("global", {}),
                "node": around.static.setdefault(f"node:{spec.name}", {}),
            },
            all_items=arriving(ready.inputs[0] or (), 0) if spec.execute_once else (),
            first_index=first,
        )  # fmt: skip

    # -- small ones ------------------------------------------------------------------------------

    def _type(self, spec: NodeSpec) -> type[Node]:
        node = self.around.types(spec.type)
        if node is None:
            raise NodeError(
                f"Unrecognized node type: {spec.type}",
                description="This node type is not built in here. Replace it, for example by an "
                "HTTP Request node, or disable it.",
            )
        return node

    def _needs(self, spec: NodeSpec) -> Sequence[int] | int:
        node = self.around.types(spec.type)
        if node is None or self.run.legacy:
            return 1
        parameters = filled(node.fields_of(spec.version), spec.version, spec.parameters)
        return node.needed_inputs(parameters, spec.version)

    def _warn(self, node: str, message: str) -> None:
        warning = {"node": node, "message": message}
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _passed(self, items: Sequence[Item] | None) -> Sequence[Item] | None:
        """Return items a node passes on as they came: each paired with its own place."""
        return None if items is None else self.store.kept(arriving(items, 0))

    def _tell_unfinished(self) -> None:
        for name, silent in self.run.unfinished():
            numbers = " and ".join(str(n + 1) for n in silent)
            self._warn(name, f"It was skipped: input {numbers} never got any data.")

    def _tell_left_over(self) -> None:
        for name, state in self.states.items():
            node = self.around.types(self.document.nodes[name].type)
            if node is not None and (said := node.left_over(state)):
                self._warn(name, said)


class Facts(Mapping[str, Mapping[str, Any]]):
    """What expressions may ask about each node: parameters, disabled, parents. Found when asked."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        if name not in self._found:
            spec = self.document.nodes[name]
            self._found[name] = {
                "parameters": spec.parameters,
                "disabled": spec.disabled,
                "parents": self.document.parents(name),
            }
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.document.nodes)

    def __len__(self) -> int:
        return len(self.document.nodes)


async def _guarded(node: type[Node], context: Context) -> Outputs:
    """Run a node; an error nobody foresaw becomes the node's, so that the run tells of it."""
    try:
        return await run_node(node, context)
    except NodeError as error:
        context.mask.error(error)
        raise
    except Parked as parked:
        parked.outputs = context.mask.hide(parked.outputs)
        raise
    except UNFORESEEN as error:
        raise context.mask.error(_unforeseen(error)) from error


def _unforeseen(error: Exception) -> NodeError:
    return NodeError(
        f"{type(error).__name__}: {error}",
        description="The node did not expect this value of a parameter or an item.",
    )


def _append(store: Store, whole: list[Stored], piece: Outputs, first: int) -> None:
    """Add what a piece gave; its pairs count from the piece's first item."""
    while len(whole) < len(piece):
        whole.append(store.new())
    for output, items in enumerate(piece):
        whole[output].add([_moved(one, first) for one in items or ()])


def _moved(one: Item, first: int) -> Item:
    pair = one.get("pairedItem")
    if not first or not isinstance(pair, dict) or not isinstance(pair.get("item"), int):
        return one
    return {**one, "pairedItem": {**pair, "item": pair["item"] + first}}


def _told(error: NodeError, node: str) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message, "node": error.node or node}
    if error.description:
        told["description"] = error.description
    if error.item is not None:
        told["item"] = error.item
    return told


def refuse_unsupported(node: type[Node], spec: NodeSpec, parameters: Mapping[str, Any]) -> None:
    """Raise NodeError when a parameter is used that does nothing here: never silently skipped."""
    for one in node.unsupported:
        found: Any = parameters
        for part in one.path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found in one.values if one.values else found not in (None, "", False, [], {}):
            said = f"{one.path} = {found!r}" if one.values else one.path
            raise NodeError(f"{node.label}: {said} {one.why}.")
