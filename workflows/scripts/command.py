"""Commands of the system, in a process group of their own: no secrets, no time without end."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Coroutine

from workflows.engine.errors import NodeError, ScriptTimeout
from workflows.engine.scripts import Ran

LIMIT = 300.0  # seconds
LEAVING = 5.0  # seconds for what holds its outputs open although it was killed
OUTPUT = 1 << 20
"""Bytes a command may write, to each of its two outputs."""


async def run_command(command: str, *, limit: float = LIMIT) -> Ran:
    """Run a command by /bin/sh; whatever happens, nothing of it is left running.

    Raises:
        ScriptTimeout: it took longer than `limit` seconds.
        NodeError: it wrote more than `OUTPUT`.
    """
    env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    with tempfile.TemporaryDirectory(prefix="whoosh-command-") as folder:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=folder,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(limit):
                out, error = await asyncio.gather(*_readers(process))
                code = await process.wait()
        except TimeoutError:
            raise ScriptTimeout(
                f"The command took longer than {limit:g} s and was ended."
            ) from None
        finally:
            _end(process.pid)
            await _left(process)
    if max(len(out), len(error)) > OUTPUT:
        raise NodeError(
            f"The command wrote more than {OUTPUT >> 20} MB and was ended.",
            description="Let it write to a file, or less.",
        )
    return Ran(code, _text(out), _text(error))


def _readers(process: asyncio.subprocess.Process) -> list[Coroutine[None, None, bytes]]:
    streams = (process.stdout, process.stderr)
    return [_all(stream, process.pid) for stream in streams if stream is not None]


async def _all(stream: asyncio.StreamReader, pid: int) -> bytes:
    """Return what is written; too much of it ends the process."""
    data = b""
    while piece := await stream.read(65_536):
        if len(data) <= OUTPUT:
            data += piece
            if len(data) > OUTPUT:
                _end(pid)
    return data


async def _left(process: asyncio.subprocess.Process) -> None:
    """Read what a process that was ended still had written: it is not gone before."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVING):
            await asyncio.gather(*_readers(process))
            await process.wait()
    process._transport.close()  # type: ignore[attr-defined]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").removesuffix("\n")


def _end(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
