"""What the nodes of a run reach outside it."""

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from asgiref.sync import sync_to_async

from whoosh_site.core import sockets
from whoosh_site.core.addresses import Policy, public_only
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.http import Answer, Door
from workflows.engine.bounds import Bounds
from workflows.engine.credentials import Credential
from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.engine.items import Items
from workflows.engine.node import Context
from workflows.engine.scripts import CodeResult, Ran, Scripts
from workflows.engine.tables import NoTables, Tables
from workflows.engine.triggers import Reply
from workflows.execute import Order, Outcome, execute, static_of
from workflows.remembering import Memories
from workflows.scripts.command import run_command
from workflows.scripts.python import run_python
from workflows.scripts.sql import run_sql

PUBLIC = public_only()
DEEPEST = 20
"""How many workflows may run inside one another."""


class Session(Scripts, Protocol):
    """The scripts of one run, to be closed at its end."""

    async def close(self) -> None:
        """Give the process back."""
        ...


class Blobs(Protocol):
    """Where the files of a run lie."""

    async def keep(self, data: bytes, *, mime: str, name: str = "") -> dict[str, Any]:
        """Store bytes; returns the record for an item's `binary`."""
        ...

    async def bytes_of(self, record: Mapping[str, Any]) -> bytes:
        """Return what was stored; NodeError when this run does not hold it."""
        ...

    async def size_of(self, record: Mapping[str, Any]) -> int:
        """Return how many bytes that would be, nothing is read; NodeError likewise."""
        ...


Credentials = Callable[[str, Mapping[str, Any]], Awaitable[Credential]]
"""Gives the credential of a type a document means by an id and a name."""


async def no_credentials(kind: str, reference: Mapping[str, Any]) -> Credential:
    """Refuse: credentials belong to teams, and this run belongs to none."""
    raise NodeError(
        f"The credential {reference.get('name') or kind!r} cannot be used: this run belongs to no "
        "team.",
        description="Import the workflow and run it on its page, or by run_workflow --save.",
    )


Responder = Callable[[Reply], Awaitable[bool]]


async def nobody(reply: Reply) -> bool:
    """Answer nobody: no call started this run."""
    return False


@dataclass(frozen=True)
class Found:
    """A workflow another one may run: by its row where it is a kept one, else by what tells it."""

    document: Document
    pk: int | None = None
    name: str = ""


class Begin(Protocol):
    """Starts a kept workflow as an execution of its own."""

    async def __call__(self, workflow: int, items: Items, *, key: str) -> None:
        """Queue it. The same key twice starts it once. Raises NodeError where it cannot start."""
        ...


class Aside:
    """Workflows that run inside this process beside the one that started them.

    It has passed on; its run ends when they have ended.
    """

    def __init__(self) -> None:
        self.under_way: set[asyncio.Task[None]] = set()
        self.warnings: list[dict[str, str]] = []

    def start(self, node: str, run: Coroutine[Any, Any, Outcome]) -> None:
        """Let one run; how it failed becomes a warning of the node that started it."""
        self.under_way.add(asyncio.create_task(self._run(node, run)))

    async def _run(self, node: str, run: Coroutine[Any, Any, Outcome]) -> None:
        try:
            outcome = await run
        except NodeError as error:
            words = error.message
        else:
            words = _failure(outcome)
            outcome.close()
        if words:
            message = f"The sub-workflow failed: {words}"
            self.warnings.append({"node": node, "message": message})

    async def ended(self, limit: float = 0.0) -> list[dict[str, str]]:
        """Wait until all have ended, `limit` seconds at most (0: any time); returns warnings."""
        try:
            async with asyncio.timeout(limit or None):
                while left := [task for task in self.under_way if not task.done()]:
                    await asyncio.gather(*left)
        except TimeoutError:
            message = f"A sub-workflow had not ended after {limit:g} s and was stopped."
            self.warnings.append({"node": "", "message": message})
        return self.warnings

    async def stop(self) -> None:
        """End those that still run."""
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)


def _failure(outcome: Outcome) -> str:
    """Return why a workflow run inside another failed; nothing when it did not."""
    if outcome.parked is not None:
        return (
            "The sub-workflow waits for longer than a minute, or for a call: that is possible only "
            "in a workflow that runs by itself."
        )
    return str(outcome.error["message"]) if outcome.error is not None else ""


def trigger_of(document: Document) -> str:
    """Return the node a workflow starts with when another runs it; nothing if it has none."""
    for name, spec in document.nodes.items():
        if spec.short_type == "executeWorkflowTrigger" and not spec.disabled:
            return name
    return ""


class Reach:
    """The way outside of one run in this process, and of the workflows it runs inside."""

    def __init__(
        self,
        *,
        scripts: Callable[[], Session],
        find: Callable[[str], Found],
        blobs: Blobs,
        memories: Memories,
        credentials: Credentials = no_credentials,
        tables: Tables | None = None,
        timezone: str = "UTC",
        file_roots: Sequence[str] = (),
        own_folders: Sequence[str] = (),
        policy: Policy = PUBLIC,
        python: bool = False,
        commands: bool = False,
        run_key: str = "",
        depth: int = 0,
        begin: Begin | None = None,
        aside: Aside | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008  (it cannot change)
        respond: Responder = nobody,
    ) -> None:
        self.scripts = scripts
        self.find = find
        self.blobs = blobs
        self.keep, self.bytes_of = blobs.keep, blobs.bytes_of
        self.size_of = blobs.size_of
        self.memories = memories
        self.recall, self.remember = memories.recall, memories.remember
        self.newest, self.forget = memories.newest, memories.forget
        self.credential = credentials
        self.tables = tables or NoTables()
        self.timezone = timezone
        self.file_roots = file_roots
        self.own_folders = own_folders
        self.policy = policy
        self.python = python
        self.commands = commands
        self.run_key = run_key or secrets.token_hex(16)
        self.depth = depth
        self.begin = begin
        self.aside = aside or Aside()
        self.bounds = bounds
        self.respond = respond
        self._door: Door | None = None

    async def close(self) -> None:
        """Close what was opened."""
        if self._door is not None:
            await self._door.close()

    @asynccontextmanager
    async def http(self, method: str, url: str, **options: Any) -> AsyncIterator[Answer]:
        """Open one request; public addresses, and what an administrator listed.

        Raises:
            NodeError: the address is refused, or no whole answer came.
        """
        if self._door is None:
            self._door = Door(self.policy)
        try:
            async with self._door.stream(method, url, **options) as answer:
                yield answer
        except WhooshError as error:
            raise NodeError(str(error)) from error

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a host that may be connected to; NodeError when none may."""
        try:
            return await sockets.addresses(host, port, self.policy)
        except WhooshError as error:
            raise NodeError(error.message) from error

    async def connect(self, host: str, port: int) -> socket.socket:
        """Return a connected socket; NodeError when the address is refused or nobody answers."""
        try:
            return await sockets.connect(host, port, self.policy)
        except WhooshError as error:
            raise NodeError(error.message) from error

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def run_python(self, source: str, items: Items, *, each: bool) -> CodeResult:
        """Run Python in its own confined process, where an administrator allows it."""
        if not self.python:
            raise NodeError(
                "Python is disabled",
                description="An administrator can enable it; JavaScript is always there.",
            )
        return await run_python(source, items, each=each)

    async def run_command(self, command: str) -> Ran:
        """Run a command of the system, where an administrator allows the team to."""
        if not self.commands:
            raise NodeError(
                "Commands are off for this team.",
                description="An administrator can name it in the setting workflow_command_teams.",
            )
        return await run_command(command)

    async def run_sql(
        self, query: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Run one SELECT over tables of JSON objects, in its own confined process."""
        return await run_sql(query, tables)

    # -- other workflows -------------------------------------------------------------------------

    async def run_workflow(
        self, which: Mapping[str, Any], items: Items, *, wait: bool, parent: Context
    ) -> Items:
        """Run another workflow inside this one; returns what its last node gave.

        Without `wait` a kept one becomes an execution of its own where there is a database, and
        any other runs beside this one; either way what it was given comes back at once.
        """
        if self.depth >= DEEPEST:
            raise NodeError(
                f"Workflows run inside one another {DEEPEST} deep: probably one calls itself."
            )
        found = await sync_to_async(self._found)(which, parent)
        if not wait:
            if self.begin is not None and found.pk is not None:
                await self.begin(found.pk, items, key=self._inner_key(items, parent))
            else:
                self.aside.start(parent.node.name, self._run_inside(found, items, parent))
            return items
        outcome = await self._run_inside(found, items, parent)
        try:
            if words := _failure(outcome):
                raise NodeError(words)
            last = outcome.steps[-1].outputs if outcome.steps else []
            return list(last[0] or ()) if last else []
        finally:
            outcome.close()

    async def _run_inside(self, found: Found, items: Items, parent: Context) -> Outcome:
        inner = Reach(
            scripts=self.scripts, find=self.find, blobs=self.blobs,
            memories=self.memories.of(found.pk, found.name),
            credentials=self.credential, tables=self.tables, timezone=self.timezone,
            file_roots=self.file_roots, own_folders=self.own_folders,
            policy=self.policy, python=self.python, commands=self.commands,
            run_key=self._inner_key(items, parent),
            depth=self.depth + 1, begin=self.begin, aside=self.aside, bounds=self.bounds,
        )  # fmt: skip
        scripts = self.scripts()
        document = found.document
        order = Order(
            document, items, start=trigger_of(document), timezone=self.timezone,
            mode="production", vars=parent.scope.vars, env=parent.scope.env,
            execution={"id": parent.scope.execution.get("id", "1")},
            static=static_of(document),
        )  # fmt: skip
        try:
            return await execute(order, scripts, inner)
        finally:
            await scripts.close()
            await inner.close()

    def _inner_key(self, items: Items, parent: Context) -> str:
        """Return the key of a workflow run for these items: the same when that is repeated."""
        first = items[0].get("pairedItem") if items else None
        parts = (self.run_key, parent.node.name, parent.run_index, first)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _found(self, which: Mapping[str, Any], parent: Context) -> Found:
        if isinstance(given := which.get("document"), Mapping):
            # It belongs to the node that holds it, whatever it calls itself.
            caller = parent.scope.workflow.get("id") or parent.scope.workflow.get("name", "")
            return Found(Document(given), name=f"{caller}/{parent.node.name}")
        try:
            return self.find(str(which.get("file") or which.get("id") or which.get("name")))
        except WhooshError as error:
            raise NodeError(error.message) from error
