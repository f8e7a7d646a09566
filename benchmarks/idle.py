"""What an idle installation costs: seconds to the first page, memory and CPU of the whole tree.

.venv/bin/python -m benchmarks.idle [ROUNDS]
"""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.process.installation import Installation, database, eventually

IDLE_SECONDS = 20.0


def pss(process: psutil.Process) -> float:
    """Return the proportional memory of a process in MB (Linux)."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def cpu(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds these processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def one_round(folder: Path) -> tuple[float, float, float, float]:
    """Start on an empty folder; return first page, ready, memory and idle CPU share."""
    with database() as url:
        made = Installation(folder, url)
        try:
            began = time.monotonic()
            made.up("--no-builtin-model", ready=False)
            first = time.monotonic() - began
            eventually(made.ready, 30, 0.05)
            ready = time.monotonic() - began
            time.sleep(10)
            processes = made.processes()
            before, since = cpu(processes), time.monotonic()
            time.sleep(IDLE_SECONDS)
            share = (cpu(processes) - before) / (time.monotonic() - since) * 100
            memory = sum(pss(process) for process in processes)
            return first, ready, memory, share
        finally:
            made.kill()


def main(rounds: int = 3) -> None:
    """Print every round and the medians."""
    print(f"{'round':>6} {'first page s':>13} {'ready s':>9} {'PSS MB':>8} {'idle CPU %':>11}")
    rows = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(one_round(Path(folder)))
        print(f"{number + 1:>6} {rows[-1][0]:>13.1f} {rows[-1][1]:>9.1f} "
              f"{rows[-1][2]:>8.0f} {rows[-1][3]:>11.1f}")  # fmt: skip
    first, ready, memory, share = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"{'median':>6} {first:>13.1f} {ready:>9.1f} {memory:>8.0f} {share:>11.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
