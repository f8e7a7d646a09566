"""Python code of workflows: a safe subset, in a process of its own, only where it is enabled."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from workflows.engine.errors import NodeError, ScriptsOff, ScriptTimeout
from workflows.engine.items import Item
from workflows.engine.scripts import CodeResult
from workflows.engine.values import plain
from workflows.scripts.pool import ROOT
from workflows.scripts.python_worker import START

LIMIT = 10.0  # seconds
MEMORY = 256 << 20
ANSWER = 32 << 20
STARTING = 15.0  # seconds a process may take before its code runs


async def run_python(
    source: str, items: Sequence[Item], *, each: bool, limit: float = LIMIT
) -> CodeResult:
    """Run Python once for all items (`_items`), or once for each (`_item`).

    What it printed is in `logs`. Raises ScriptTimeout, ScriptsOff, or NodeError when the process
    did not answer.
    """
    order = {
        "source": source, "items": plain(list(items)), "each": each, "limit": limit,
        "memory": MEMORY,
    }  # fmt: skip
    try:
        text = json.dumps(order, default=str)
    except (ValueError, RecursionError) as error:
        raise NodeError(f"The items cannot be handed to Python: {error}") from None
    answer = await _asked(text.encode(), limit * (len(items) if each else 1) + STARTING)
    return _result(answer, each)


async def _asked(order: bytes, limit: float) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-B", "-c", START, str(ROOT), str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"MONTY_BIN": str(_binary())},
        cwd="/",
        start_new_session=True,
        limit=ANSWER,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(limit):
            process.stdin.write(order)
            process.stdin.close()
            return json.loads(await process.stdout.readline())
    except TimeoutError:
        raise ScriptTimeout("The Python code ran longer than it may and was ended.") from None
    except (ValueError, RecursionError, ConnectionError):
        raise NodeError(
            "The Python code gave no answer: it wanted too much memory, or its result is larger "
            f"than {ANSWER >> 20} MB."
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


def _binary() -> str:
    try:
        from pydantic_monty._binary import find_monty_binary

        return find_monty_binary()
    except (ImportError, FileNotFoundError):
        raise ScriptsOff(
            "Python is off: its interpreter is not installed",
            description="Install requirements.txt again.",
        ) from None


def _result(answer: Any, each: bool) -> CodeResult:
    try:
        answers, output = answer["answers"], str(answer["output"])
        errors = {
            n: NodeError(str(one["error"]), item=n if each else None)
            for n, one in enumerate(answers)
            if "error" in one
        }
        values = [one.get("value") for one in answers]
        return CodeResult(values if each else values[0], errors, output.splitlines())
    except (KeyError, IndexError, TypeError, AttributeError):
        raise NodeError("The Python process gave an answer that cannot be read.") from None
