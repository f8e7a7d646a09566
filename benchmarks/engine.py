"""How much the workflow engine costs: CPU of this process and its script processes.

    python -m benchmarks.engine            all rows
    python -m benchmarks.engine large      200,000 items through ten nodes, with the memory it took

Figures of n8n 2.41 on the same kind of machine stand beside them: its fast engine, its default.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import django
import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whoosh_site.settings")
django.setup()

from workflows.engine.document import Document  # noqa: E402
from workflows.services import Given, calm_collector, run_document  # noqa: E402


def node(name: str, kind: str, version: float, **parameters: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": f"n8n-nodes-base.{kind}",
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }


def chain(*nodes: dict[str, Any], **more: Any) -> Document:
    names = [one["name"] for one in nodes]
    links = {
        here: {"main": [[{"node": there, "type": "main", "index": 0}]]}
        for here, there in zip(names, names[1:], strict=False)
    }
    return Document(
        {"nodes": list(nodes), "connections": links, "settings": {"executionOrder": "v1"}, **more}
    )


def assign(name: str, **values: str) -> dict[str, Any]:
    rows = [
        {"id": str(n), "name": key, "value": value, "type": "string"}
        for n, (key, value) in enumerate(values.items())
    ]
    return node(name, "set", 3.4, assignments={"assignments": rows}, includeOtherFields=True)


def keep(name: str, left: str, right: Any, operation: str = "lt") -> dict[str, Any]:
    condition = {
        "id": "1",
        "leftValue": left,
        "rightValue": right,
        "operator": {"type": "number", "operation": operation},
    }
    options = {"caseSensitive": True, "leftValue": "", "typeValidation": "strict", "version": 2}
    conditions = {"options": options, "conditions": [condition], "combinator": "and"}
    return node(name, "filter", 2.2, conditions=conditions)


def make(count: int) -> dict[str, Any]:
    source = (
        f"const made = []; for (let i = 0; i < {count}; i++) made.push({{json: {{id: i, "
        "name: 'user ' + i, score: (i * 7919) % 1000, tags: ['a', 'b'], "
        "inner: {city: 'Oslo', n: i % 10}}}); return made;"
    )
    return node("Make", "code", 2, jsCode=source)


def pipeline(count: int) -> Document:
    """Code -> Set (2 expressions) -> Filter -> Sort -> Code all -> Code per item."""
    sort = {"sortField": [{"fieldName": "score", "order": "ascending"}]}
    return chain(
        node("Start", "manualTrigger", 1),
        make(count),
        assign("Set", label="={{ $json.name.toUpperCase() }}", sum="={{ $json.score + 1 }}"),
        keep("Filter", "={{ $json.inner.n }}", 9),
        node("Sort", "sort", 1, sortFieldsUi=sort),
        node("All", "code", 2, jsCode="return items.map(i => ({json: {...i.json, all: true}}));"),
        node(
            "Each",
            "code",
            2,
            mode="runOnceForEachItem",
            jsCode="$json.each = $itemIndex; return $input.item;",
        ),
    )


def loop(rounds: int, seen: str = "={{ $json.id }}") -> Document:
    """A loop of so many rounds with one Set in it."""
    document = chain(
        node("Start", "manualTrigger", 1),
        make(rounds),
        node("Loop", "splitInBatches", 3, batchSize=1, options={}),
        assign("Body", seen=seen),
    ).raw
    links = dict(document["connections"])
    links["Loop"] = {"main": [[], [{"node": "Body", "type": "main", "index": 0}]]}
    links["Body"] = {"main": [[{"node": "Loop", "type": "main", "index": 0}]]}
    return Document({**document, "connections": links})


def scripted_loop(rounds: int) -> Document:
    """As before, with an expression that is no plain path."""
    return loop(rounds, "={{ $json.id + 1 }}")


EIGHT = {
    "a": "={{ $json.name }}",
    "b": "={{ $json.inner.city }}",
    "c": "={{ $json.tags.map(t => t + 1).filter(t => t.length).join() }}",
    "d": "=user {{ $json.id }} of {{ $json.inner.city }} has {{ $json.score }}",
    "e": "={{ DateTime.fromISO('2026-01-15').plus({days: $json.id % 9}).toFormat('dd LLL') }}",
    "f": "={{ $json.name.toTitleCase() }}",
    "g": "={{ $('Make').item.json.id }}",
    "h": "={{ $json.score > 500 ? 'high' : 'low' }}",
}


def expressions(count: int) -> Document:
    """One Set with eight expressions of every kind."""
    return chain(node("Start", "manualTrigger", 1), make(count), assign("Set", **EIGHT))


def ten(count: int) -> Document:
    """Ten nodes, each over all items: Set and Filter by turns, a Sort, code once for each."""
    nodes = [node("Start", "manualTrigger", 1), make(count)]
    for n in range(3):
        nodes.append(assign(f"Set {n}", **{f"f{n}": "={{ $json.name }}"}))
        nodes.append(keep(f"Filter {n}", "={{ $json.id }}", 10_000_000))
    sort = {"sortField": [{"fieldName": "score", "order": "ascending"}]}
    nodes.append(node("Sort", "sort", 1, sortFieldsUi=sort))
    each = "return {json: {...$json, each: 1}};"
    nodes.append(node("Each", "code", 2, mode="runOnceForEachItem", jsCode=each))
    return chain(*nodes)


def cpu() -> float:
    """Seconds of CPU of this process and everything below it."""
    here = psutil.Process()
    total = sum(here.cpu_times()[:2])
    for child in here.children(recursive=True):
        with_times = child.cpu_times()
        total += with_times.user + with_times.system
    return total


class Memory(threading.Thread):
    """Looks at the memory of the whole tree (PSS) until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        here = psutil.Process()
        while not self.done.wait(0.2):
            tree = [here, *here.children(recursive=True)]
            self.most = max(self.most, sum(one.memory_full_info().pss for one in tree) / 2**20)


async def measured(document: Document) -> tuple[float, float, Any]:
    began, used = time.perf_counter(), cpu()
    outcome = await run_document(document, Given())
    if outcome.status != "success":
        raise SystemExit(f"{outcome.status}: {outcome.error}")
    outcome.close()
    return cpu() - used, time.perf_counter() - began, outcome


async def row(label: str, of: Callable[[int], Document], counts: list[int], aim: str) -> None:
    best: dict[int, float] = {}
    for count in counts:
        runs = [(await measured(of(count)))[0] for _ in range(3)]
        best[count] = min(runs)
    shown = "  ".join(f"{count:>6}: {seconds * 1000:8.1f} ms" for count, seconds in best.items())
    print(f"{label:<28}{shown}   {aim}", flush=True)


async def main() -> None:
    calm_collector()  # as run_workflow does
    await measured(expressions(10))  # the script process starts
    if sys.argv[1:] == ["large"]:
        memory = Memory()
        memory.start()
        used, wall, outcome = await measured(ten(200_000))
        memory.done.set()
        print(f"200,000 items, ten nodes: {used:.1f} s CPU, {wall:.1f} s, {memory.most:.0f} MB PSS")
        print(f"items at the end: {outcome.steps[-1].count}  (aim: at most 600 MB)")
        return
    sizes = [10, 100, 1000, 10_000]
    await row(
        "items through six nodes", pipeline, sizes, "aim 2,000; n8n 7,600-9,000, 19,000-25,000"
    )
    await row("rounds of a loop", loop, [10, 100, 1000], "aim 500; n8n 800, 3,200")
    await row("such rounds, by V8", scripted_loop, [10, 100, 1000], "aim 500; n8n 800, 3,200")
    await row("items x 8 expressions", expressions, sizes[:3], "aim 100")


if __name__ == "__main__":
    asyncio.run(main())
