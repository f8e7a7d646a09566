"""How fast one expression is previewed through the real API, on loopback.

.venv/bin/python -m benchmarks.preview [REQUESTS]

A run of three nodes with 1,000 items is kept; then requests go one after another over one
connection, each with an expression that differs. Target: p95 under 20 ms.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.process.installation import eventually, installation

SCRIPT = "return Array.from({length: 1000}, (_, n) => ({json: {n, name: `item ${n}`}}))"
KINDS = {
    "plain path": "={{ $json.name }}",
    "script": "={{ $json.n * 2 + %d }}",
    "other node": "={{ $('Count').all().length + %d }}",
    "dates": "={{ DateTime.fromMillis(%d).toISO() }}",
    "all items": "={{ $input.all().filter(i => i.json.n > %d).length }}",
}
GENEROUS = """
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
tunables.change("api_rate_limit", 1000000, by=SYSTEM)
"""


def document() -> dict[str, Any]:
    """Return a workflow whose second node gives 1,000 items."""

    def node(name: str, kind: str, version: float = 1, **parameters: Any) -> dict[str, Any]:
        found = {"name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version}
        return found | {"position": [0, 0], "parameters": parameters}

    nodes = [
        node("Start", "manualTrigger"),
        node("Count", "code", 2, jsCode=SCRIPT),
        node("End", "noOp"),
    ]
    links = {
        one: {"main": [[{"node": other, "type": "main", "index": 0}]]}
        for one, other in (("Start", "Count"), ("Count", "End"))
    }
    settings = {"executionOrder": "v1"}
    return {"name": "Preview", "nodes": nodes, "connections": links, "settings": settings}


def measure(api: Any, path: str, expression: str, count: int) -> list[float]:
    """Return the milliseconds of each request."""
    found = []
    for number in range(count):
        body = {"node": "End", "item": number % 1000}
        body["expression"] = expression % number if "%" in expression else expression
        began = time.perf_counter()
        answer = api.post(path, json=body)
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
        assert "value" in answer.json(), answer.text
    return found


def main(count: int = 300) -> None:
    """Print the first answer, the median and the 95th percentile of each kind."""
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as made:
        made.manage("shell", "-c", GENEROUS)
        with made.api(made.key()) as api:
            workflow = api.post("/workflows/", content=json.dumps(document()),
                                headers={"content-type": "application/json"}).json()  # fmt: skip
            path = f"/workflows/{workflow['id']}/"
            run = api.post(f"{path}run/", json={}).json()["id"]
            eventually(lambda: api.get(f"/executions/{run}/").json()["status"] == "success", 30)
            print(f"{'kind':<12} {'first ms':>9} {'median ms':>10} {'p95 ms':>8}")
            every = []
            for kind, expression in KINDS.items():
                first = measure(api, f"{path}preview/", expression, 1)
                found = measure(api, f"{path}preview/", expression, count)
                every += found
                row = statistics.median(found), statistics.quantiles(found, n=20)[-1]
                print(f"{kind:<12} {first[0]:>9.1f} {row[0]:>10.1f} {row[1]:>8.1f}", flush=True)
            print(f"{'all':<12} {'':>9} {statistics.median(every):>10.1f} "
                  f"{statistics.quantiles(every, n=20)[-1]:>8.1f}")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
