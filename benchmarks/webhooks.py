"""What an execution costs that a webhook starts: CPU of the whole tree, for web processes and load.

    .venv/bin/python -m benchmarks.webhooks [CALLS]

Whole installations on loopback; every execution is saved before its call is answered. Two
workflows: webhook, Set, Respond; and webhook, ten nodes of which five are Code, Respond; and the
first once more through a runner. Each is called by 1, 10 and 50 clients at once that keep their
connections. CPU is that of every process of the installation, idle CPU taken off.
"""

import asyncio
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.idle import pss
from tests.process.installation import ROOT, Installation, eventually, free_port, installation

CLIENTS = (1, 10, 50)
BODY = {"name": "Ada", "height": 3.2, "list": [{"n": n, "word": f"word {n}"} for n in range(5)]}


def node(name: str, kind: str, version: float, **parameters: Any) -> dict[str, Any]:
    """Return a node of a document."""
    full = f"n8n-nodes-base.{kind}"
    return {"name": name, "type": full, "typeVersion": version, "position": [0, 0],
            "parameters": parameters}  # fmt: skip


def setting(name: str, **values: str) -> dict[str, Any]:
    """Return a Set node."""
    rows = [{"id": k, "name": k, "value": v, "type": "string"} for k, v in values.items()]
    return node(name, "set", 3.4, assignments={"assignments": rows}, includeOtherFields=True)


def document(name: str, *between: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow from a webhook of this name to its answer."""
    hook = node("Webhook", "webhook", 2, path=name, httpMethod="POST", responseMode="responseNode")
    answer = node("Respond", "respondToWebhook", 1.1, respondWith="firstIncomingItem")
    every = [hook, *between, answer]
    for place, one in enumerate(every):
        one["position"] = [200 * place, 0]
    links = {
        one["name"]: {"main": [[{"node": other["name"], "type": "main", "index": 0}]]}
        for one, other in itertools.pairwise(every)
    }
    settings = {"executionOrder": "v1"}
    return {"name": name, "nodes": every, "connections": links, "settings": settings}


def documents() -> dict[str, dict[str, Any]]:
    """Return the workflows that are called, by their path."""
    small = setting("Set", greeting="=Hello {{ $json.body.name }}")
    code = "return $input.all().map(item => ({json: {...item.json, n: (item.json.n || 0) + 1}}))"
    ten = [
        node(f"Code {n}", "code", 2, jsCode=code) if n % 2
        else setting(f"Set {n}", **{f"f{n}": "={{ $json.n }} of {{ $json.body.name }}"})
        for n in range(10)
    ]  # fmt: skip
    away = node("Pause", "wait", 1.1, amount=0, unit="seconds")
    found = (document("small", small), document("ten", *ten), document("away", small, away))
    return {one["name"]: one for one in found}


def activate(made: Installation) -> None:
    """Import and activate the workflows."""
    for name, one in documents().items():
        file = made.var / f"{name}.json"
        file.write_text(json.dumps(one))
        made.manage("import_workflow", str(file), "--activate")


@contextlib.contextmanager
def another_web_process(made: Installation) -> Iterator[str]:
    """Yield the address of one more web process of an installation."""
    port = free_port()
    command = [sys.executable, "-m", "whoosh_site.core.webserver", "-v", "0", "-b", "127.0.0.1",
               "-p", str(port), "whoosh_site.asgi:application"]  # fmt: skip
    environment = made.environment | {"WHOOSH_PROCESS": "web"}
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    made.known[process.pid] = psutil.Process(process.pid)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(port), 30)
        yield url
    finally:
        process.terminate()
        process.wait(15)


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Row:
    """One measurement."""

    cpu: float  # ms an execution
    rate: float  # executions a second
    p50: float
    p99: float


async def load(urls: list[str], path: str, clients: int, count: int) -> list[float]:
    """Send calls from so many clients; returns the milliseconds of each."""
    found: list[float] = []
    left = iter(range(count))

    async def client(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in left:
                began = time.perf_counter()
                async with session.post(f"{url}/webhook/{path}", json=BODY) as answer:
                    text = await answer.text()
                    assert answer.status == 200, text
                found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client(urls[n % len(urls)]) for n in range(clients)))
    return sorted(found)


def tree(made: Installation) -> list[psutil.Process]:
    """Return every process of the installation, those beside the supervisor too."""
    beside = [p for p in made.known.values() if p.is_running()]
    found = {p.pid: p for p in made.processes()}
    for one in beside:
        found |= {p.pid: p for p in [one, *one.children(recursive=True)]}
    return list(found.values())


def cpu(made: Installation) -> float:
    """Return the CPU seconds of an installation so far, those of processes that ended too."""
    found = 0.0
    for process in tree(made):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])
    return found


def measure(made: Installation, urls: list[str], path: str, clients: int, count: int) -> Row:
    """Return what calls cost, warm, the idle CPU of the time taken off."""
    asyncio.run(load(urls, path, clients, max(20, clients)))
    before, began = cpu(made), time.monotonic()
    times = asyncio.run(load(urls, path, clients, count))
    seconds = time.monotonic() - began
    used = cpu(made) - before - idle * seconds
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    return Row(used * 1000 / count, count / seconds, statistics.median(times), p99)


idle = 0.0


def rest(made: Installation) -> float:
    """Return the CPU seconds an installation uses in a second without calls."""
    before, began = cpu(made), time.monotonic()
    time.sleep(4)
    return (cpu(made) - before) / (time.monotonic() - began)


def show(made: Installation, urls: list[str], count: int) -> dict[tuple[str, int], Row]:
    """Print the rows of so many web processes."""
    global idle
    idle = rest(made)
    found = {}
    for path in documents():
        for clients in CLIENTS:
            calls = count if path != "away" else max(60, count // 4)
            row = found[path, clients] = measure(made, urls, path, clients, calls)
            print(f"{path:<8} {len(urls):>4} {clients:>8} {row.cpu:>9.2f} {row.rate:>8.0f} "
                  f"{row.p50:>8.1f} {row.p99:>8.1f}", flush=True)  # fmt: skip
    memory = sum(pss(process) for process in tree(made))
    print(f"{len(urls)} web process(es): {memory:.0f} MB, idle {idle * 100:.1f} % of a core")
    return found


def main(count: int = 600) -> None:
    """Print what an execution costs with one and two web processes, then both side by side."""
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as made:
        activate(made)
        print(f"{os.cpu_count()} cores; {'PostgreSQL' if made.database_url else 'SQLite'}")
        print(f"{'workflow':<8} {'web':>4} {'clients':>8} {'CPU ms':>9} {'runs/s':>8} "
              f"{'p50 ms':>8} {'p99 ms':>8}")  # fmt: skip
        one = show(made, [made.url], count)
        with another_web_process(made) as second:
            two = show(made, [made.url, second], count)
        print("two web processes against one: CPU of an execution, executions a second")
        for key, row in one.items():
            other = two[key]
            print(f"{key[0]:<8} {key[1]:>8} clients {other.cpu / row.cpu:>8.2f} x "
                  f"{other.rate / row.rate:>8.2f} x")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
