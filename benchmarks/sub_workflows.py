"""Sub-workflows: one run for each of many items, with expressions of each kind in them.

.venv/bin/python -m benchmarks.sub_workflows [ITEMS]
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whoosh_site.settings")
django.setup()

from benchmarks.engine import chain, cpu, make, node  # noqa: E402
from workflows.engine.document import Document  # noqa: E402
from workflows.services import Given, run_document  # noqa: E402

KINDS = {
    "no expression": {},
    "plain path": {"a": "={{ $json.id }}"},
    "script": {"a": "={{ $json.id + 1 }}"},
    "text": {"a": "={{ $json.name.toUpperCase() }}", "b": "={{ $json.tags.join() }}"},
    "dates": {"a": "={{ $now.plus({days: $json.id}).toFormat('yyyy') }}"},
    "code": {"code": "return items.map(i => ({json: {n: i.json.id + 1}}));"},
}


def inner(values: dict[str, str]) -> dict[str, Any]:
    """A sub-workflow: its trigger, and one Set with these values, or code."""
    if "code" in values:
        last = node("Code", "code", 2, jsCode=values["code"])
        return chain(node("When", "executeWorkflowTrigger", 1), last).raw
    rows = [{"id": k, "name": k, "value": v, "type": "string"} for k, v in values.items()]
    last = node("Set", "set", 3.4, assignments={"assignments": rows}, includeOtherFields=True)
    last["parameters"]["options"] = {"ignoreConversionErrors": True}
    return chain(node("When", "executeWorkflowTrigger", 1), last).raw


def outer(count: int, values: dict[str, str]) -> Document:
    """A workflow that calls it once for each of so many items."""
    call = node(
        "Call", "executeWorkflow", 1, source="parameter", mode="each",
        workflowJson=json.dumps(inner(values)),
    )  # fmt: skip
    return chain(node("Start", "manualTrigger", 1), make(count), call)


async def main(count: int) -> None:
    """Print milliseconds and CPU of one sub-run, by what is in it."""
    await run_document(outer(2, KINDS["script"]), Given())
    for kind, values in KINDS.items():
        found = []
        for _ in range(3):
            began, used = time.perf_counter(), cpu()
            outcome = await run_document(outer(count, values), Given())
            if outcome.status != "success":
                raise SystemExit(f"{outcome.status}: {outcome.error}")
            outcome.close()
            found.append((time.perf_counter() - began, cpu() - used))
        wall, used = min(found)
        print(
            f"{kind:<16}{count} sub-runs {wall:7.2f} s, "
            f"each {wall / count * 1000:6.2f} ms, {used / count * 1000:6.2f} ms CPU",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
