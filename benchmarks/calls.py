"""Many calls through one runner: CPU per call, memory, start latency; and a long queue drained.

    .venv/bin/python -m benchmarks.calls [AT ONCE] [QUEUED]

First AT ONCE (1,000) streamed calls are asked for as fast as they can be recorded, and all are on
the hosts at the same time. Then QUEUED (10,000) calls wait before the agents take any; what the
runner spends on each thousand of them must not grow with the queue. The hosts run in processes of
their own; only WHOOSH's own tree is measured (Linux). SQLite is measured, and PostgreSQL with Redis
beside it where they answer on 127.0.0.1.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.idle import cpu, pss
from tests.process.installation import ROOT, Installation, eventually, installation

HOSTS = 4
TOKENS, SECONDS = 10, 20.0
"""Length of a streamed answer, and how long it takes."""
SERVERS = {
    "SQLite": {},
    "PostgreSQL": {
        "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/postgres",
        "REDIS_URL": "redis://127.0.0.1:6379/5",
    },
}
ASK = """
from django.db import transaction
from agents import services
from whoosh_site.core.actor import SYSTEM
def ask(number, streams):
    wish = services.Wish([{{"role": "user", "content": f"n{{number}}"}}], streams=streams)
    services.ask(wish, by=SYSTEM, source="api")
"""
WARM = """
from agents import services
from agents.models import Agent
from whoosh_site.core.actor import SYSTEM
for agent in Agent.objects.all():
    wish = services.Wish([{"role": "user", "content": "warm"}], agent=agent.name, streams=True)
    services.ask(wish, by=SYSTEM, source="api")
"""
AT_ONCE = (
    ASK
    + """
for number in range({count}):
    ask(number, True)
"""
)
QUEUED = (
    ASK
    + """
for start in range(0, {count}, 1000):
    with transaction.atomic():
        for number in range(start, min(start + 1000, {count})):
            ask(number, False)
"""
)
DRAIN = """
from agents import services
from agents.models import Agent
from whoosh_site.core.actor import SYSTEM
for agent in Agent.objects.all():
    services.drain(agent, by=SYSTEM, on={on})
"""
RUNNER = """
from whoosh_site.core.models import Process
print(Process.objects.get(job="runner").pid)
"""
CREATED = """
import json
from agents.models import Call
print(json.dumps([
    [call.title, call.created_at.timestamp(), call.state]
    for call in Call.objects.exclude(title="warm").only("title", "created_at", "state")
]))
"""


@dataclass
class Hosts:
    """The fake hosts, each a process of its own."""

    urls: list[str]

    def states(self, last: int = 0) -> list[dict]:
        """Return what every host remembers, with its last requests."""
        return [httpx.get(f"{url}/_fake/state?last={last}").json() for url in self.urls]

    def sum(self, word: str) -> int:
        """Return one figure of all hosts together."""
        return sum(state[word] for state in self.states())

    def arrivals(self) -> dict[str, float]:
        """Return when each prompt came."""
        seen = [one for state in self.states(20_000) for one in state["requests"]]
        chats = [one for one in seen if one["path"] == "/api/chat"]
        return {json.loads(one["body"])["messages"][0]["content"]: one["at"] for one in chats}


@contextlib.contextmanager
def hosts(slots: int, *options: str) -> Iterator[Hosts]:
    """Yield running hosts."""
    command = [sys.executable, "-m", "tests.fake_agent", "--models", "llama3:8b"]
    command += ["--slots", str(slots), "--load-seconds", "0", *options]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(HOSTS)
    ]
    try:
        yield Hosts([host.stdout.readline().split()[1] for host in running])
    finally:
        for host in running:
            host.terminate()
            host.wait()


@contextlib.contextmanager
def fleet(slots: int, *options: str) -> Iterator[tuple[Installation, Hosts]]:
    """Yield a running installation whose agents are the hosts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        hosts(slots, *options) as found,
        installation(Path(folder)) as made,
    ):
        for number, url in enumerate(found.urls):
            made.add_agent(f"host{number}", url, slots=slots)
        with made.api(made.key()) as api:
            eventually(lambda: len(api.get("/agents/?status=online").json()["results"]) == HOSTS)
        yield made, found


def runner_of(made: Installation) -> psutil.Process:
    """Return the process that carries the calls."""
    return psutil.Process(int(made.manage("shell", "-v", "0", "-c", RUNNER).stdout))


def burst(count: int) -> dict[str, float]:
    """Carry many streamed calls at the same time; return the figures by their names."""
    slots = -(-count // HOSTS)
    with fleet(slots, "--tokens", str(TOKENS), "--tps", str(TOKENS / SECONDS)) as (made, found):
        made.manage("shell", "-v", "0", "-c", WARM)  # every host's speed is measured by now
        eventually(lambda: found.sum("answered") == HOSTS, 60)
        time.sleep(3)
        tree, runner = made.processes(), runner_of(made)
        idle, highest = sum(map(pss, tree)), 0.0
        before, before_runner = cpu(tree), cpu([runner])
        asking = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c", AT_ONCE.format(count=count)],
            cwd=ROOT, env=made.environment,
        )  # fmt: skip
        while found.sum("answered") < count + HOSTS:
            highest = max(highest, sum(map(pss, tree)))
            time.sleep(0.5)
        asking.wait()
        time.sleep(1)
        arrived = found.arrivals()
        rows = json.loads(made.manage("shell", "-v", "0", "-c", CREATED).stdout)
        late = sorted((arrived[title] - created) * 1000 for title, created, _ in rows)
        return {
            "answered": sum(state == "success" for *_, state in rows),
            "on the hosts at once": found.sum("peak_running"),
            "CPU of the runner, ms a call": (cpu([runner]) - before_runner) * 1000 / count,
            "CPU of the whole tree, ms a call": (cpu(tree) - before) * 1000 / count,
            "memory when idle, MB": idle,
            "memory above that, MB": highest - idle,
            "from enqueue to the host, p50 ms": statistics.median(late),
            "from enqueue to the host, p99 ms": late[int(len(late) * 0.99) - 1],
        }


def queue(count: int) -> dict[str, float]:
    """Drain a long queue; return what the runner spent on a call at its head, middle and end."""
    with fleet(50, "--tokens", "4", "--tps", "20") as (made, found):
        made.manage("shell", "-v", "0", "-c", DRAIN.format(on=True))
        made.manage("shell", "-v", "0", "-c", QUEUED.format(count=count))
        runner, marks = runner_of(made), []
        made.manage("shell", "-v", "0", "-c", DRAIN.format(on=False))
        began = time.monotonic()
        while not marks or marks[-1][0] < count:
            marks.append((found.sum("answered"), cpu([runner])))
            time.sleep(0.1)
        took = time.monotonic() - began
        part = min(1000, count // 3)

        def spent(start: int) -> float:
            """Return the milliseconds a call in a part of the queue cost."""
            inside = [mark for mark in marks if start <= mark[0] <= start + part]
            return (inside[-1][1] - inside[0][1]) * 1000 / max(inside[-1][0] - inside[0][0], 1)

        return {
            f"CPU a call, first {part}, ms": spent(0),
            f"CPU a call, middle {part}, ms": spent(count // 2 - part // 2),
            f"CPU a call, last {part}, ms": spent(count - part),
            "calls a second": count / took,
        }


def answers(port: int) -> bool:
    """Whether something listens on this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def main(at_once: int = 1000, queued: int = 10_000) -> None:
    """Print the figures of both databases side by side."""
    found: dict[str, dict[str, float]] = {}
    for name, environment in SERVERS.items():
        if environment and not (answers(5432) and answers(6379)):
            continue
        for variable in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(variable, None)
        os.environ |= environment
        found[name] = burst(at_once) | (queue(queued) if queued else {})
    print(f"{at_once} calls at once, {queued} queued".ljust(38), *(f"{n:>12}" for n in found))
    for row in next(iter(found.values())):
        print(row.ljust(38), *(f"{figures[row]:>12.1f}" for figures in found.values()), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
