"""A process for one request: JSON on stdin, one line of JSON on stdout, then it is gone."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError, ScriptTimeout
from workflows.scripts.pool import ROOT

ANSWER = 32 << 20
STARTING = 15.0  # seconds a process may take before it works


async def asked(
    start: str, order: bytes, who: str, *, limit: float, env: Mapping[str, str] | None = None
) -> Any:
    """Return what a process answers that begins with this line of Python.

    `limit` is in seconds of its work; `who` is what runs there, for the errors.

    Raises:
        ScriptTimeout: it took longer.
        NodeError: it gave no answer.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-B", "-c", start, str(ROOT), str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(env or {}),
        cwd="/",
        start_new_session=True,
        limit=ANSWER,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(limit + STARTING):
            process.stdin.write(order)
            process.stdin.close()
            return json.loads(await process.stdout.readline())
    except TimeoutError:
        raise ScriptTimeout(f"{who} ran longer than it may and was ended.") from None
    except (ValueError, RecursionError, ConnectionError):
        raise NodeError(
            f"{who} gave no answer: it wanted too much memory, or its result is larger than "
            f"{ANSWER >> 20} MB."
        ) from None
    finally:
        _end(process.pid)
        await process.wait()


def _end(pid: int) -> None:
    """End the process and all it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
