"""Six hosts of different speed and memory, one burst of mixed requests: who places it best?

    .venv/bin/python -m benchmarks.routing [REQUESTS]

Round robin, least connections and random send every request at once to a host that has its model,
as gateways do; the hosts queue. These three run side by side, each with hosts of its own. WHOOSH
gets the same requests by its API afterwards. Printed: makespan (from the first request to the last
answer) and models loaded by all hosts. While some request waits: of all slots, the share that works
on an answer and the share that is taken (by an answer or by waiting for a model's load); and of
those that are of use, the share that is taken. A free slot is of use when a request waits that
could go there without pushing a model in use out of the host's memory; each request fills one slot.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


class Watch:
    """Looks at the hosts all the time: how much of their slots is used while something waits."""

    def __init__(self, hosts: list[FakeHost]) -> None:
        self.hosts = hosts
        self.sent: Counter[str] = Counter()
        self.all = self.working = self.taken = self.of_use = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(0.02):
            now = time.monotonic()
            flights = [
                {name: host.memory.asked[name] - host.memory.answers[name] for name in MODELS}
                for host in self.hosts
            ]
            waiting = self._waiting(flights)
            if any(waiting.values()):
                taken = sum(
                    min(b.slots, sum(f.values())) for b, f in zip(BUILDS, flights, strict=True)
                )
                self.all += sum(build.slots for build in BUILDS) * (now - before)
                self.working += sum(host.memory.running for host in self.hosts) * (now - before)
                self.taken += taken * (now - before)
                self.of_use += (taken + fillable(flights, waiting)) * (now - before)
            before = now

    def _waiting(self, flights: list[dict[str, int]]) -> dict[str, int]:
        """Return what waits by model: not sent to a host yet, or more than the host has slots."""
        found = {}
        for name in MODELS:
            unsent = self.sent[name] - sum(host.memory.asked[name] for host in self.hosts)
            beyond = (
                min(flight[name], max(sum(flight.values()) - build.slots, 0))
                for build, flight in zip(BUILDS, flights, strict=True)
            )
            found[name] = max(unsent, 0) + sum(beyond)
        return found


def fillable(flights: list[dict[str, int]], waiting: dict[str, int]) -> int:
    """Return how many free slots some waiting request could have without harm to others."""
    left, count = dict(waiting), 0
    for build, flight in zip(BUILDS, flights, strict=True):
        used = [name for name in MODELS if flight[name]]
        fitting = build.models if len(used) < build.memory else used
        free = max(build.slots - sum(flight.values()), 0)
        for name in fitting:
            fills = min(left[name], free)
            left[name] -= fills
            free -= fills
            count += fills
    return count


async def pushed(watch: Watch, requests: list[Request], pick: Pick) -> None:
    """Send everything at once, each to the host the policy picks."""
    load = [0] * len(watch.hosts)
    async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as client:

        async def one(request: Request) -> None:
            fitting = [i for i, build in enumerate(BUILDS) if request.model in build.models]
            chosen = pick(fitting, load)
            load[chosen] += 1
            watch.sent[request.model] += 1
            body = {
                "model": request.model, "stream": False,
                "messages": [{"role": "user", "content": "w " * request.words}],
            }  # fmt: skip
            answer = await client.post(f"{watch.hosts[chosen].url}/api/chat", json=body)
            answer.raise_for_status()
            load[chosen] -= 1

        await asyncio.gather(*map(one, requests))


def by_policy(name: str, pick: Pick, requests: list[Request]) -> str:
    """Let a gateway's policy place everything; return its row."""
    with fleet() as hosts, Watch(hosts) as watch:
        began = time.monotonic()
        asyncio.run(pushed(watch, requests, pick))
        return row(name, time.monotonic() - began, watch)


def by_whoosh(requests: list[Request]) -> str:
    """Give everything to WHOOSH; return its row."""
    with (
        fleet() as hosts,
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder)) as made,
    ):
        for number, (host, build) in enumerate(zip(hosts, BUILDS, strict=True)):
            made.add_agent(f"host{number}", host.url, slots=build.slots)
        made.manage("shell", "-c", GENEROUS)
        with made.api(made.key()) as api, Watch(hosts) as watch:
            eventually(lambda: len(api.get("/models/").json()["results"]) == len(MODELS), 30)
            eventually(lambda: len(api.get("/agents/?status=online").json()["results"]) == 6, 30)
            began = time.monotonic()
            for request in requests:
                body = {"prompt": "w " * request.words, "model": request.model}
                api.post("/calls/", json=body).raise_for_status()
                watch.sent[request.model] += 1

            def left() -> int:
                found: dict[str, Any] = api.get("/calls/?state=queued&limit=1").json()
                working = api.get("/calls/?state=running&limit=1").json()
                return len(found["results"]) + len(working["results"])

            eventually(lambda: not left(), 600, 0.2)
            taken = time.monotonic() - began
            bad = api.get("/calls/?state=error&limit=1").json()["results"]
            assert not bad, bad[0]
            return row("WHOOSH", taken, watch)


def row(name: str, seconds: float, watch: Watch) -> str:
    """Return the figures of one policy in one line."""
    loads = sum(host.memory.loads.total() for host in watch.hosts)
    shares = watch.working / watch.all, watch.taken / watch.all, watch.taken / watch.of_use
    return f"{name:<20} {seconds:>10.1f} {loads:>10}" + "".join(f" {one:>10.0%}" for one in shares)


def main(count: int = 500) -> None:
    """Print a row for each policy."""
    requests = mixed(count)
    print(f"{count} requests, {len(BUILDS)} hosts, a load takes {LOAD_SECONDS:g} s")
    heads = ("makespan s", "loads", "at work", "taken", "of useful")
    print(f"{'policy':<20}", *(f"{head:>10}" for head in heads), flush=True)
    with ThreadPoolExecutor() as pool:
        known = policies().items()
        for found in pool.map(lambda one: by_policy(*one, requests), known):
            print(found, flush=True)
    print(by_whoosh(requests), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
