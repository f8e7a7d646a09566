"""What a node type is, and what it may see and do while it runs."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, cast

from workflows.engine.bounds import Bounds
from workflows.engine.credentials import Credential, Mask
from workflows.engine.document import CONTINUE, OUTPUT, NodeSpec
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.parameters import Field, templates
from workflows.engine.scripts import CodeResult, Column, Ran, Scope, Scripts
from workflows.engine.tables import Tables
from workflows.engine.triggers import Listener, Reply
from workflows.engine.values import UNDEFINED


class Answer(Protocol):
    """An HTTP answer whose body is read in pieces (`whoosh_site.core.http.Answer`)."""

    status: int
    headers: Mapping[str, str]
    url: str

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        ...

    async def read(self) -> bytes:
        """Return the whole body."""
        ...


class Outside(Protocol):
    """What nodes reach beyond the run. Handed in: nodes import no service."""

    timezone: str
    file_roots: Sequence[str]  # folders an administrator opened
    own_folders: Sequence[str]  # of the product itself: never open, unless a root lies inside one
    python: bool  # whether Python code may run
    run_key: str  # the same whenever this run is gone through again, and no other run's
    bounds: Bounds  # how much one run of a node may make
    tables: Tables  # the data tables of the team the run belongs to

    async def keep(self, data: bytes, *, mime: str, name: str = "") -> dict[str, Any]:
        """Store bytes; returns the record that goes into an item's `binary`."""
        ...

    async def bytes_of(self, record: Mapping[str, Any]) -> bytes:
        """Return the bytes of a record; NodeError when this run does not hold it."""
        ...

    async def size_of(self, record: Mapping[str, Any]) -> int:
        """Return how many bytes that would be; nothing is read."""
        ...

    def http(self, method: str, url: str, **options: Any) -> AbstractAsyncContextManager[Answer]:
        """Open one request through the address policy; options as `core.http.Door.stream`."""
        ...

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the IP addresses the policy lets pass, for a library that connects by itself.

        It must connect to one of these, and look no name up again; NodeError when none passes.
        """
        ...

    async def connect(self, host: str, port: int) -> socket.socket:
        """Return a connected, non-blocking socket; NodeError when refused or unreachable.

        For all that is no HTTP. Who takes it closes it.
        """
        ...

    async def run_workflow(
        self, which: Mapping[str, Any], items: Items, *, wait: bool, parent: "Context"
    ) -> Items:
        """Run another workflow: `{"id": ...}`, `{"document": {...}}` or `{"file": ...}`."""
        ...

    async def run_python(self, source: str, items: Items, *, each: bool) -> CodeResult:
        """Run Python in its own confined process."""
        ...

    async def run_command(self, command: str) -> Ran:
        """Run a command of the system in its own process, where an administrator allows it."""
        ...

    async def run_sql(
        self, query: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Run one SELECT over tables of JSON objects, confined likewise; returns its rows."""
        ...

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which of the keys earlier runs have remembered under this scope."""
        ...

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Remember keys for later runs; only the newest `most` are kept."""
        ...

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last under a scope; None when there is none."""
        ...

    async def forget(self, scope: str) -> None:
        """Forget all keys of a scope."""
        ...

    async def credential(self, kind: str, reference: Mapping[str, Any]) -> Credential:
        """Return the credential of a type a document means by `{"id": ..., "name": ...}`."""
        ...

    async def respond(self, reply: Reply) -> bool:
        """Answer the call that started the run; False when nobody waits for an answer of a node."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, cancelable."""
        ...


@dataclass
class Context:
    """One run of one node: its data, its parameters, and the way outside."""

    node: NodeSpec
    inputs: list[Items | None]  # by input index; None where nothing arrived
    parameters: Mapping[str, Any]  # with defaults; expressions unresolved
    scope: Scope
    scripts: Scripts
    outside: Outside
    state: dict[str, Any]  # the node's own, kept from run to run of one execution
    static: dict[str, Any]  # the node's static data, kept from execution to execution
    columns: Mapping[str, Column] = field(default_factory=dict)
    first_index: int = 0  # of the items, when they are a chunk of a longer list
    warnings: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    mask: Mask = field(default_factory=Mask)  # hides what the node asked for in what it gives

    @property
    def items(self) -> Items:
        """What came in at the first input."""
        return self.inputs[0] if self.inputs and self.inputs[0] is not None else []

    @property
    def version(self) -> float:
        """The node's typeVersion."""
        return self.node.version

    @property
    def run_index(self) -> int:
        """How often this node ran before in this execution."""
        return self.scope.run_index

    @property
    def goes_on(self) -> bool:
        """Whether an item that fails becomes an item with an error instead of ending the run."""
        return self.node.on_error in (CONTINUE, OUTPUT)

    @property
    def custom(self) -> dict[str, Any]:
        """The values saved with the run (`$execution.customData`); may be changed."""
        execution = self.scope.execution
        if isinstance(execution, dict):
            return cast(dict[str, Any], execution.setdefault("customData", {}))
        return cast(dict[str, Any], execution.get("customData", {}))

    def blamed(self, error: NodeError, index: int) -> NodeError:
        """Return the error with the item it happened on, unless it names one."""
        if error.item is None:
            error.item = index + self.first_index
        return error

    def warn(self, message: str) -> None:
        """Add a warning to the run; the same one twice counts once."""
        if message not in self.warnings:
            self.warnings.append(message)

    async def credential(self, kind: str) -> Credential:
        """Return the credential of a type that was chosen at this node.

        Its secret texts are hidden in all the node gives; hide them earlier, by `mask`, in what
        goes to a script or into a file.

        Raises:
            NodeError: none is chosen, or it is not there.
        """
        reference = self.node.credentials.get(kind)
        if not isinstance(reference, Mapping) or not (reference.get("id") or reference.get("name")):
            raise NodeError(
                f"No credential is chosen: this needs one of the type {kind}.",
                description="Choose one at the node, or make one under Credentials first.",
            )
        found = await self.outside.credential(kind, reference)
        self.mask.add(found.secrets)
        return found

    async def renewed(self, credential: Credential) -> Credential | None:
        """Return a credential whose token was refused with a new one; None where there is none."""
        if credential.renew is None:
            return None
        found = await credential.renew()
        self.mask.add(found.secrets)
        return found

    def value(self, path: str, index: int = 0, default: Any = UNDEFINED) -> Any:
        """Return a parameter for one item: `options.fieldToSplit`, expressions resolved.

        A resource locator gives its value. Without `default`, what is missing is None.

        Raises:
            NodeError: its expression failed for this item (with the item's index).
        """
        found: Any = self.parameters
        for part in path.split("."):
            if isinstance(found, list) and part.isdecimal():
                found = found[int(part)] if int(part) < len(found) else UNDEFINED
            else:
                found = found.get(part, UNDEFINED) if isinstance(found, Mapping) else UNDEFINED
            if isinstance(found, str) and found.startswith("="):
                found = self.resolved(found, index)
        if found is UNDEFINED:
            return None if default is UNDEFINED else default
        found = self.resolved(found, index)
        if isinstance(found, dict) and found.get("__rl") is True:
            return found.get("value")
        return found

    def resolved(self, value: Any, index: int = 0) -> Any:
        """Return a value with all expressions in it resolved for one item."""
        if isinstance(value, str):
            if value.startswith("=") and value in self.columns:
                return self._from_column(self.columns[value], index)
            return value
        if isinstance(value, Mapping):
            return {key: self.resolved(one, index) for key, one in value.items()}
        if isinstance(value, list):
            return [self.resolved(one, index) for one in value]
        return value

    def reader(self, value: Any) -> Callable[[int], Any]:
        """Return what gives a stored value by item index: `resolved`, made ready for many items.

        What no item changes is looked at once; parts of a value are read column by column.
        """
        if isinstance(value, str) and value.startswith("=") and value in self.columns:
            return self.column_reader(self.columns[value])
        if isinstance(value, Mapping | list) and any(templates((), {"": value})):
            return lambda index: self.resolved(value, index)
        return lambda index: value

    def column_reader(self, column: Column) -> Callable[[int], Any]:
        """Return what gives the values of a column by item index, or raises their errors."""
        if column.errors:
            return lambda index: self._from_column(column, index)
        values = column.values
        return lambda index: values.get(index, UNDEFINED)

    def _from_column(self, column: Column, index: int) -> Any:
        if index in column.errors:
            error = column.errors[index]
            error.item = index + self.first_index
            raise error
        return column.values.get(index, UNDEFINED)

    async def evaluate(self, template: str, index: int = 0, **extra: Any) -> Any:
        """Evaluate one expression now, with more names than usual (`$response=...`)."""
        names = {f"${name}": value for name, value in extra.items()}
        scope = replace(self.scope, extra={**self.scope.extra, **names})
        columns = await self.scripts.evaluate([template], scope, [index])
        return self._from_column(columns[0], index)

    def failed(self, error: Exception, index: int) -> Item:
        """Return the item that stands for an input item that failed."""
        message = error.message if isinstance(error, NodeError) else str(error)
        return {"json": {"error": message}, "pairedItem": {"item": index}}

    def each(self) -> Iterator[tuple[int, Item]]:
        """Go through the items of the first input with their indexes."""
        return iter(enumerate(self.items))


@dataclass(frozen=True)
class Unsupported:
    """A parameter value of n8n's node that does nothing here: using it fails by its name.

    `path` is a parameter, `values` those that are not there (empty: any value but the default).
    """

    path: str
    values: tuple[Any, ...] = ()
    why: str = "is not supported"


@dataclass(frozen=True)
class Differing:
    """What a parameter value does otherwise than in n8n: told where the document is imported.

    Without `values` any but the default is meant.
    """

    path: str
    values: tuple[Any, ...]
    how: tuple[str, ...]  # sentences, one a difference


class Node:
    """A node type. One file each on the shelf; no state of its own."""

    key: ClassVar[str]  # n8n's type, such as "n8n-nodes-base.set"
    label: ClassVar[str]
    group: ClassVar[str] = "Transform"
    icon: ClassVar[str] = "box"
    hint: ClassVar[str] = ""
    versions: ClassVar[tuple[float, ...]] = (1,)
    fields: ClassVar[tuple[Field, ...]] = ()
    unsupported: ClassVar[tuple[Unsupported, ...]] = ()
    differing: ClassVar[tuple[Differing, ...]] = ()
    credentials: ClassVar[tuple[str, ...]] = ()
    input_names: ClassVar[tuple[str, ...]] = ("main",)
    output_names: ClassVar[tuple[str, ...]] = ("main",)
    starts: ClassVar[bool] = False  # a run may begin here
    chunks: ClassVar[bool] = False  # items do not know of each other: may run in pieces
    only_first: ClassVar[bool] = False  # parameters are read for the first item only
    reaches_out: ClassVar[bool] = False  # does or reads something outside the run
    varies: ClassVar[bool] = False  # may give something else when it is repeated: clock, chance

    @classmethod
    def inputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return the names of the inputs; some nodes have as many as a parameter says."""
        return cls.input_names

    @classmethod
    def outputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return the names of the outputs, the error output left out."""
        return cls.output_names

    @classmethod
    def needed_inputs(cls, parameters: Mapping[str, Any], version: float) -> Sequence[int] | int:
        """Return which inputs must have come, or how many, before a waiting node may run."""
        return 1

    @classmethod
    def in_pieces(cls, parameters: Mapping[str, Any]) -> bool:
        """Say whether many items may come in pieces, since none knows of another."""
        return cls.chunks

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields; where versions differ altogether, those of this one."""
        return cls.fields

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Return how it starts runs once its workflow is active; `parameters` are evaluated.

        Raises:
            NodeError: it cannot work like this; what to change.
        """
        return ()

    @classmethod
    def left_over(cls, state: Mapping[str, Any]) -> str:
        """Say what a run that is over left undone here, by the node's state; or nothing."""
        return ""

    async def run(self, context: Context) -> Outputs:
        """Do the node's work; returns items by output index.

        Raises:
            NodeError: it failed; with `item` set where one item is to blame.
            Parked: it waits for a time or a call.
        """
        raise NotImplementedError
