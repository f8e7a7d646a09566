"""Asks a process beside ours to read a file: one for the length of a node's run.

A parser that a hostile file drives into the ground takes its own process along, not ours.
"""

import asyncio
import contextlib
import json
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.files.reader import SECONDS

SCRIPT = Path(__file__).with_name("reader.py")


class Aside:
    """A reader process; started with the first file, ended with the block."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Aside":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def read(self, kind: str, data: bytes, **options: Any) -> Any:
        """Return what is in a file; `kind` is sheet, html or pdf. NodeError says why not."""
        try:
            async with asyncio.timeout(self.seconds):
                reply = await self._asked(kind, data, options)
        except TimeoutError as error:
            await self._end()
            raise NodeError(
                f"The file could not be read within {self.seconds:g} s, so it was given up."
            ) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            code = await self._process.wait() if self._process else 0
            await self._end()
            raise NodeError(
                f"The file could not be read: its reader ended ({code}). Most likely the file "
                "needs more memory than one may take."
            ) from error
        if "error" in reply:
            raise NodeError(f"The file could not be read: {reply['error']}.")
        return reply["value"]

    async def _asked(self, kind: str, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", str(SCRIPT), env={},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        source, sink = self._process.stdout, self._process.stdin
        if source is None or sink is None:
            raise ConnectionError("no pipes")
        header = json.dumps({"kind": kind, "options": options}).encode()
        sink.write(struct.pack(">II", len(header), len(data)) + header + data)
        await sink.drain()
        (length,) = struct.unpack(">I", await source.readexactly(4))
        reply: dict[str, Any] = json.loads(await source.readexactly(length))
        return reply

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Reading to the end lets the pipes close with the process.
        with contextlib.suppress(ConnectionError):
            await process.communicate()
