"""Six hosts of different speed and memory, one burst of mixed requests: who places it best?

    .venv/bin/python -m benchmarks.routing [REQUESTS]

Round robin, least connections and random send every request at once to a host that has its model,
as gateways do; the hosts queue. WHOOSH gets the same requests by its API. Printed: makespan (from
the first request to the last answer), models loaded by all hosts, and how busy the slots were.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.latency import GENEROUS
from tests.fake_agent import FakeHost, running
from tests.process.installation import eventually, installation

MODELS = ("alpha:8b", "beta:8b", "gamma:14b", "delta:3b")
SEED = 7


@dataclass(frozen=True)
class Build:
    """One host: tokens a second, slots, models in memory at once, models on disk."""

    tps: float
    slots: int
    memory: int
    models: tuple[str, ...] = MODELS


BUILDS = (
    Build(160, 4, 2), Build(120, 2, 1), Build(120, 2, 1),
    Build(80, 2, 1), Build(60, 1, 1), Build(40, 1, 1, MODELS[:2]),
)  # fmt: skip
LOAD_SECONDS = 3.0


@dataclass(frozen=True)
class Request:
    """One prompt: its model, and how many words it wants back."""

    model: str
    words: int


def mixed(count: int) -> list[Request]:
    """Return the requests: some models are asked for more than others."""
    dice = random.Random(SEED)
    weights = (5, 3, 1, 1)
    return [Request(dice.choices(MODELS, weights)[0], dice.randint(10, 60)) for _ in range(count)]


@contextlib.contextmanager
def fleet() -> Iterator[list[FakeHost]]:
    """Yield the running hosts."""
    with contextlib.ExitStack() as stack:
        hosts = [
            FakeHost(
                "ollama", models=build.models, tps=build.tps, slots=build.slots,
                max_loaded=build.memory, load_seconds=LOAD_SECONDS, prompt_tps=5000,
            )
            for build in BUILDS
        ]  # fmt: skip
        yield [stack.enter_context(running(host)) for host in hosts]


Pick = Callable[[list[int], list[int]], int]
"""Choose one of the fitting hosts, knowing how many requests each has in hand."""


def policies() -> dict[str, Pick]:
    """Return the policies of gateways."""
    dice, turn = random.Random(SEED), iter(range(10**9))
    return {
        "round robin": lambda fitting, load: fitting[next(turn) % len(fitting)],
        "random": lambda fitting, load: dice.choice(fitting),
        "least connections": lambda fitting, load: min(fitting, key=lambda i: (load[i], i)),
    }


async def pushed(hosts: list[FakeHost], requests: list[Request], pick: Pick) -> None:
    """Send everything at once, each to the host the policy picks."""
    load = [0] * len(hosts)
    async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as client:

        async def one(request: Request) -> None:
            fitting = [i for i, build in enumerate(BUILDS) if request.model in build.models]
            chosen = pick(fitting, load)
            load[chosen] += 1
            body = {
                "model": request.model, "stream": False,
                "messages": [{"role": "user", "content": "w " * request.words}],
            }  # fmt: skip
            answer = await client.post(f"{hosts[chosen].url}/api/chat", json=body)
            answer.raise_for_status()
            load[chosen] -= 1

        await asyncio.gather(*map(one, requests))


def by_whoosh(hosts: list[FakeHost], requests: list[Request]) -> float:
    """Give everything to WHOOSH; return the seconds until the last answer."""
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as made:
        for number, (host, build) in enumerate(zip(hosts, BUILDS, strict=True)):
            made.add_agent(f"host{number}", host.url, slots=build.slots)
        made.manage("shell", "-c", GENEROUS)
        with made.api(made.key()) as api:
            eventually(lambda: len(api.get("/models/").json()["results"]) == len(MODELS), 30)
            eventually(lambda: len(api.get("/agents/?status=online").json()["results"]) == 6, 30)
            began = time.monotonic()
            for request in requests:
                text = "w " * request.words
                api.post(
                    "/calls/", json={"prompt": text, "model": request.model}
                ).raise_for_status()

            def left() -> int:
                found: dict[str, Any] = api.get("/calls/?state=queued&limit=1").json()
                working = api.get("/calls/?state=running&limit=1").json()
                return len(found["results"]) + len(working["results"])

            eventually(lambda: not left(), 600, 0.2)
            taken = time.monotonic() - began
            bad = api.get("/calls/?state=error&limit=1").json()["results"]
            assert not bad, bad[0]
            return taken


def show(name: str, seconds: float, hosts: list[FakeHost], requests: list[Request]) -> None:
    """Print one row."""
    loads = sum(host.memory.loads.total() for host in hosts)
    words = sum(request.words + 2 for request in requests)
    ideal = words / sum(build.tps * build.slots for build in BUILDS)
    print(f"{name:<20} {seconds:>10.1f} {loads:>8} {ideal / seconds:>12.0%}", flush=True)


def main(count: int = 500) -> None:
    """Print a row for each policy."""
    requests = mixed(count)
    print(f"{count} requests, {len(BUILDS)} hosts, a load takes {LOAD_SECONDS:g} s")
    print(f"{'policy':<20} {'makespan s':>10} {'loads':>8} {'slots busy':>12}")
    for name, pick in policies().items():
        with fleet() as hosts:
            began = time.monotonic()
            asyncio.run(pushed(hosts, requests, pick))
            show(name, time.monotonic() - began, hosts, requests)
    with fleet() as hosts:
        show("WHOOSH", by_whoosh(hosts, requests), hosts, requests)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
