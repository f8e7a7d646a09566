"""The process that runs one piece of Python through Monty, an interpreter without any door outside.

It starts Monty's own process behind a fence of the kernel, closes itself in, and answers one
request: a JSON object on stdin, one on stdout.
"""

import json
import os
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from workflows.scripts.confine import confine, fence
from workflows.scripts.worker import watch

NAME = "__code"


def wrapped(source: str, names: str) -> str:
    """Return the code as the body of a function, so that it can return."""
    body = textwrap.indent(source, "    ", lambda line: True)
    return f"def {NAME}({names}):\n{body}\n{NAME}({names})"


def answered(run: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> dict[str, Any]:
    """Run the code; return {"value"} or {"error"} as JSON can hold it."""
    from pydantic_monty import MontyError

    try:
        value = run(given)
        json.dumps(value, allow_nan=False)
    except MontyError as error:
        return {"error": told(error)}
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": f"The result holds what items cannot hold: {error}"}
    return {"value": value}


def told(error: Any) -> str:
    """Return the message with the line of the code it came from."""
    frames = error.traceback() if hasattr(error, "traceback") else []
    lines = [frame.line for frame in frames if frame.function_name == NAME]
    return f"{error} [line {lines[-1] - 1}]" if lines else str(error)


def serve(order: dict[str, Any]) -> dict[str, Any]:
    """Run an order once, or once for each item."""
    from pydantic_monty import CollectString, Monty

    fence()
    limits = {"max_feed_duration_secs": order["limit"], "max_memory": order["memory"]}
    names = "_item, item" if order["each"] else "_items, items"
    code = wrapped(order["source"], names)
    keys = names.split(", ")
    output = CollectString()
    with Monty(max_processes=1) as pool, pool.checkout(limits=limits) as session:
        session.feed_run("None")
        confine(order["memory"])

        def run(given: dict[str, Any]) -> Any:
            return session.feed_run(code, inputs=given, print_callback=output)

        turns = order["items"] if order["each"] else [order["items"]]
        answers = [answered(run, dict.fromkeys(keys, turn)) for turn in turns]
        print(json.dumps({"answers": answers, "output": output.output}), flush=True)  # noqa: T201
        os._exit(0)  # nothing can be tidied up from in here


def main(parent: str) -> None:
    """Entry point of `python -c`."""
    watch(int(parent))
    serve(json.load(sys.stdin))


START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from workflows.scripts.python_worker import main; main(sys.argv[2])"
)
