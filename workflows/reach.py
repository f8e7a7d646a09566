"""What the nodes of a run reach outside it."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from asgiref.sync import sync_to_async

from whoosh_site.core.addresses import Policy, public_only
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.http import Answer, Door
from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.engine.items import Items
from workflows.engine.node import Context
from workflows.engine.scripts import CodeResult, Scripts
from workflows.execute import Order, Outcome, execute, static_of
from workflows.scripts.python import run_python

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


class Memories(Protocol):
    """What nodes remember from run to run (Remove Duplicates)."""

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which keys are known."""
        ...

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Add keys; only the newest `most` stay."""
        ...

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last; None when there is none."""
        ...

    async def forget(self, scope: str) -> None:
        """Forget all keys."""
        ...


class ProcessMemory:
    """Memories that end with the process: for documents that are run from a file."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, None]] = {}

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which keys are known."""
        return set(keys) & self._known.get(scope, {}).keys()

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Add keys; only the newest `most` stay."""
        known = self._known.setdefault(scope, {})
        known.update(dict.fromkeys(keys))
        for old in list(known)[: max(len(known) - most, 0)]:
            del known[old]

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last; None when there is none."""
        return next(reversed(self._known.get(scope, {})), None)

    async def forget(self, scope: str) -> None:
        """Forget all keys."""
        self._known.pop(scope, None)


def _given_back(outcome: Outcome, items: Items, wait: bool, parent: Context) -> Items:
    """Return what a workflow run inside another gives to it: its last node's first output."""
    error = outcome.error["message"] if outcome.error is not None else ""
    if outcome.parked is not None:
        error = (
            "The sub-workflow waits for longer than a minute, or for a call: that is possible only "
            "in a workflow that runs by itself."
        )
    if not error:
        last = outcome.steps[-1].outputs if outcome.steps else []
        return list(last[0] or ()) if last and wait else items if not wait else []
    if wait:
        raise NodeError(str(error))
    parent.warn(f"The sub-workflow failed: {error}")
    return items


class Reach:
    """The way outside of one run in this process, and of the workflows it runs inside."""

    def __init__(
        self,
        *,
        scripts: Callable[[], Session],
        find: Callable[[str], Document],
        blobs: Blobs,
        memories: Memories,
        timezone: str = "UTC",
        file_roots: Sequence[str] = (),
        own_folders: Sequence[str] = (),
        policy: Policy = PUBLIC,
        python: bool = False,
        run_key: str = "",
        depth: int = 0,
    ) -> None:
        self.scripts = scripts
        self.find = find
        self.blobs = blobs
        self.keep, self.bytes_of = blobs.keep, blobs.bytes_of
        self.size_of = blobs.size_of
        self.memories = memories
        self.recall, self.remember = memories.recall, memories.remember
        self.newest, self.forget = memories.newest, memories.forget
        self.timezone = timezone
        self.file_roots = file_roots
        self.own_folders = own_folders
        self.policy = policy
        self.python = python
        self.run_key = run_key or secrets.token_hex(16)
        self.depth = depth
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

    # -- other workflows -------------------------------------------------------------------------

    async def run_workflow(
        self, which: Mapping[str, Any], items: Items, *, wait: bool, parent: Context
    ) -> Items:
        """Run another workflow inside this one; returns what its last node gave."""
        if self.depth >= DEEPEST:
            raise NodeError(
                f"Workflows run inside one another {DEEPEST} deep: probably one calls itself."
            )
        document = await sync_to_async(self._document)(which)
        start = next(
            (
                name
                for name, spec in document.nodes.items()
                if spec.short_type == "executeWorkflowTrigger" and not spec.disabled
            ),
            "",
        )
        inner = Reach(
            scripts=self.scripts, find=self.find, blobs=self.blobs, memories=self.memories,
            timezone=self.timezone,
            file_roots=self.file_roots, own_folders=self.own_folders,
            policy=self.policy, python=self.python,
            run_key=self._inner_key(items, parent),
            depth=self.depth + 1,
        )  # fmt: skip
        scripts = self.scripts()
        order = Order(
            document, items, start=start, timezone=self.timezone, mode="production",
            vars=parent.scope.vars, env=parent.scope.env,
            execution={"id": parent.scope.execution.get("id", "1")},
            static=static_of(document),
        )  # fmt: skip
        try:
            outcome = await execute(order, scripts, inner)
        finally:
            await scripts.close()
            await inner.close()
        try:
            return _given_back(outcome, items, wait, parent)
        finally:
            outcome.close()

    def _inner_key(self, items: Items, parent: Context) -> str:
        """Return the key of a workflow run for these items: the same when that is repeated."""
        first = items[0].get("pairedItem") if items else None
        parts = (self.run_key, parent.node.name, parent.run_index, first)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _document(self, which: Mapping[str, Any]) -> Document:
        if isinstance(given := which.get("document"), Mapping):
            return Document(given)
        try:
            return self.find(str(which.get("file") or which.get("id") or which.get("name")))
        except WhooshError as error:
            raise NodeError(error.message) from error
