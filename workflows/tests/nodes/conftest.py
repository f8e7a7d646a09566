"""Running one node by itself."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from workflows.engine.bounds import Bounds
from workflows.engine.credentials import Credential
from workflows.engine.document import read_node
from workflows.engine.items import Item, Outputs, arriving
from workflows.engine.node import Context, Node
from workflows.engine.parameters import filled
from workflows.engine.scripts import NoScripts, Scope
from workflows.engine.tables import NoTables


class Memory:
    """What a node reaches outside, kept in memory."""

    timezone = "UTC"
    file_roots: Sequence[str] = ()
    own_folders: Sequence[str] = ()
    python = False
    run_key = "run 7"
    bounds = Bounds()
    tables = NoTables()

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.remembered: dict[str, list[str]] = {}
        self.slept: list[float] = []
        self.credentials: dict[str, Credential] = {}

    async def keep(self, data: bytes, *, mime: str, name: str = "") -> dict[str, Any]:
        key = uuid.uuid4().hex
        self.blobs[key] = data
        record = {"id": key, "mimeType": mime, "fileSize": f"{len(data)} B", "bytes": len(data)}
        if name:
            record["fileName"] = name
            if "." in name:
                record["fileExtension"] = name.rpartition(".")[2]
        return record

    async def bytes_of(self, record: Mapping[str, Any]) -> bytes:
        return self.blobs[record["id"]]

    async def size_of(self, record: Mapping[str, Any]) -> int:
        return len(self.blobs[record["id"]])

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        return set(keys) & set(self.remembered.get(scope, []))

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        known = self.remembered.setdefault(scope, [])
        self.remembered[scope] = [*known, *(key for key in keys if key not in known)][-most:]

    async def newest(self, scope: str) -> str | None:
        known = self.remembered.get(scope)
        return known[-1] if known else None

    async def forget(self, scope: str) -> None:
        self.remembered.pop(scope, None)

    async def credential(self, kind: str, reference: Mapping[str, Any]) -> Credential:
        return self.credentials[reference["name"]]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def outside() -> Memory:
    return Memory()


@pytest.fixture
def run(outside: Memory) -> Callable[..., Outputs]:
    """`run(Set, {"mode": "raw"}, [{"a": 1}], version=3.4)`; more inputs by `inputs=[[...], ...]`.

    Plain objects become items; expressions are not evaluated (the engine's tests do that).
    """

    def runner(
        node: type[Node],
        parameters: Mapping[str, Any],
        items: Sequence[Any] = ({},),
        *,
        version: float | None = None,
        inputs: Sequence[Sequence[Any] | None] | None = None,
        state: dict[str, Any] | None = None,
        static: dict[str, Any] | None = None,
        **flags: Any,
    ) -> Outputs:
        context = make_context(
            node, parameters, inputs or [items], version, outside, state, static, flags
        )
        return asyncio.run(node().run(context))

    return runner


def make_context(
    node: type[Node],
    parameters: Mapping[str, Any],
    inputs: Sequence[Sequence[Any] | None],
    version: float | None,
    outside: Any,
    state: dict[str, Any] | None = None,
    static: dict[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Context:
    version = node.versions[-1] if version is None else version
    spec = read_node({"name": "It", "type": node.key, "typeVersion": version, **(flags or {})})
    assert spec is not None
    given = [None if one is None else arriving(_items(one), n) for n, one in enumerate(inputs)]
    values = filled(node.fields_of(version), version, parameters)
    scope = Scope(
        node="It", node_type=node.key, node_version=version, node_id="", run_index=0,
        items=given[0] or [], sources=[], parameters=values, state=state or {}, states={},
        past=lambda name: [], nodes={}, wired=lambda name: None, workflow={}, execution={},
        timezone="UTC",
    )  # fmt: skip
    return Context(
        node=spec, inputs=given, parameters=values, scope=scope, scripts=NoScripts(),
        outside=outside, state={} if state is None else state,
        static={} if static is None else static,
    )  # fmt: skip


def _items(values: Sequence[Any]) -> list[Item]:
    return [one if "json" in one else {"json": one} for one in values]
