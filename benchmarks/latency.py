"""From enqueue to start: short jobs through our broker, and calls through the runner.

    .venv/bin/python -m benchmarks.latency [COUNT]

Jobs: milliseconds from the commit of the queue row to the first line of the job. Calls: from the
row's creation to the request at the host (`wait_ms`), host and slots free.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fake_agent import FakeHost, running
from tests.process.installation import Installation, eventually, installation

JOBS = """
import random, time
from django.conf import settings
from whoosh_site.core import queue
for number in range({count}):
    queue.enqueue("benchmarks.latency.note", str(settings.VAR / "starts"), time.time())
    time.sleep(random.uniform(0.05, 0.15))
"""
GENEROUS = """
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
tunables.change("api_rate_limit", 1000000, by=SYSTEM)
"""


def note(path: str, sent: float) -> None:
    """Body of the measured job: write down how long it took to start."""
    import time

    late = (time.time() - sent) * 1000
    with Path(path).open("a", encoding="ascii") as file:
        file.write(f"{late}\n")


def jobs(made: Installation, count: int) -> list[float]:
    """Return the lateness of `count` short jobs, one at a time."""
    made.manage("shell", "-c", JOBS.format(count=count))
    file = made.var / "starts"

    def all_there() -> bool:
        return file.exists() and len(file.read_text().splitlines()) >= count

    eventually(all_there, 60)
    return sorted(float(line) for line in file.read_text().splitlines())


def calls(made: Installation, count: int) -> list[float]:
    """Return the lateness of `count` calls, one after the other."""
    key = made.key()
    with made.api(key) as api:
        eventually(lambda: api.get("/models/").json()["results"], 30)
        found = [api.post("/calls/", json={"prompt": "x", "wait": 10}).json() for _ in range(count)]
    return sorted(call["wait_ms"] for call in found)


def show(name: str, values: list[float]) -> None:
    """Print one row."""
    p50, p99 = statistics.median(values), values[int(len(values) * 0.99) - 1]
    print(f"{name:<28} {len(values):>5} {p50:>8.1f} {p99:>8.1f} {values[-1]:>8.1f}")


def main(count: int = 200) -> None:
    """Print both rows."""
    print(f"{'enqueue to start, ms':<28} {'n':>5} {'p50':>8} {'p99':>8} {'max':>8}")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(FakeHost("ollama", models=("llama3:8b",), pace=0)) as host,
        installation(Path(folder)) as made,
    ):
        made.add_agent("oak", host.url)
        made.manage("shell", "-c", GENEROUS)
        show("short job", jobs(made, count))
        show("call through the runner", calls(made, count))


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:2]))
    except subprocess.TimeoutExpired as error:
        sys.exit(f"timed out: {error}")
