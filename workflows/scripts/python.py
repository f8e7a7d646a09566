"""Python code of workflows: a safe subset, in a process of its own, only where it is enabled."""

import json
from collections.abc import Sequence
from typing import Any

from workflows.engine.errors import NodeError, ScriptsOff
from workflows.engine.items import Item
from workflows.engine.scripts import CodeResult
from workflows.engine.values import plain
from workflows.scripts.once import asked
from workflows.scripts.python_worker import START

LIMIT = 10.0  # seconds
MEMORY = 256 << 20


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
    answer = await asked(
        START, text.encode(), "The Python code", env={"MONTY_BIN": str(_binary())},
        limit=limit * (len(items) if each else 1),
    )  # fmt: skip
    return _result(answer, each)


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
