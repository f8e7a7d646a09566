"""Expressions: microseconds an item, one preview there and back, and what a worker costs to start.

python -m benchmarks.expressions [ITEMS]
"""

import asyncio
import statistics
import sys
import time
from typing import Any

from workflows.engine.items import Source
from workflows.engine.run import Step
from workflows.engine.scripts import Scope
from workflows.scripts.pool import Pool
from workflows.scripts.session import Session

TEMPLATES = {
    "path": "={{ $json.name }}",
    "deep path": "={{ $json.a.b.c }}",
    "map, filter": "={{ $json.items.map(x => x.price * 1.1).filter(p => p > 10) }}",
    "text": "=Hello {{ $json.name }}, you have {{ $json.items.length }} items (#{{ $json.id }})",
    "Luxon": "={{ DateTime.fromISO($json.created).plus({days: 3}).toFormat('yyyy-LL-dd') }}",
    "extension": "={{ $json.email.toLowerCase().extractDomain() }}",
    "paired node": "={{ $('Start').item.json.name }}",
    "condition": "={{ $json.a.b.c % 2 === 0 ? 'even' : 'odd' }}",
}
ROUNDS = 7


def items(count: int) -> list[dict[str, Any]]:
    """Items of a usual size: about 400 bytes of JSON."""
    return [
        {
            "json": {
                "id": i,
                "name": f"user {i}",
                "email": f"u{i}@Example.com",
                "created": f"2026-01-{i % 28 + 1:02}T10:00:00Z",
                "a": {"b": {"c": i}},
                "items": [{"sku": f"s{k}", "price": k * 3.5 + i % 7} for k in range(10)],
            },
            "pairedItem": {"item": i},
        }
        for i in range(count)
    ]


def scope(given: list[dict[str, Any]]) -> Scope:
    """A node after one that gave these items."""
    past = {"Start": [Step("Start", 0, [], [given])]}
    return Scope(
        node="N", node_type="set", node_version=1, node_id="N", run_index=0,
        items=list(given), sources=[Source("Start")], parameters={}, state={}, states={},
        past=lambda name: past.get(name, []),
        nodes={"Start": {"parents": []}, "N": {"parents": ["Start"]}},
        wired=lambda name: 0, workflow={"id": "1", "name": "B", "active": False},
        execution={"id": "1", "mode": "test"}, timezone="Europe/Paris",
    )  # fmt: skip


async def best(session: Session, templates: list[str], given: list[dict[str, Any]]) -> float:
    """Seconds of the fastest of several batches, items handed over again each time."""
    found = []
    for _ in range(ROUNDS):
        there = scope(given)
        started = time.perf_counter()
        await session.evaluate(templates, there, range(len(given)))
        found.append(time.perf_counter() - started)
    return min(found)


async def previews(session: Session, template: str) -> list[float]:
    """Milliseconds of single evaluations over one item, each with the item handed over."""
    found = []
    for _ in range(500):
        there = scope(items(1))
        started = time.perf_counter()
        await session.evaluate([template], there, [0])
        found.append((time.perf_counter() - started) * 1e3)
    return sorted(found)


async def main(count: int) -> None:
    """Print the figures."""
    pool = Pool(1)
    started = time.perf_counter()
    pool.give(await pool.take())
    print(f"worker start            {(time.perf_counter() - started) * 1e3:8.1f} ms")
    given = items(count)
    session = Session(pool)
    await session.evaluate(list(TEMPLATES.values()), scope(given), range(count))
    for name, template in TEMPLATES.items():
        seconds = await best(session, [template], given)
        print(f"{name:24}{seconds / count * 1e6:8.2f} us an item, load included")
    seconds = await best(session, list(TEMPLATES.values()), given)
    print(f"all {len(TEMPLATES)} over {count} items {seconds * 1e3:13.1f} ms, load included")
    for name in ("condition", "map, filter", "Luxon"):
        took = await previews(session, TEMPLATES[name])
        p50, p95 = statistics.median(took), took[int(len(took) * 0.95)]
        print(f"preview {name:16}{p50:8.2f} ms p50, {p95:.2f} ms p95")
    took = []
    for _ in range(20):
        await asyncio.sleep(0.05)
        other, there = Session(pool), scope(items(1))
        started = time.perf_counter()
        await other.evaluate([TEMPLATES["condition"]], there, [0])
        took.append((time.perf_counter() - started) * 1e3)
        await other.close()
    print(f"first of a new session  {statistics.median(took):8.2f} ms")
    await session.close()
    pool.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
