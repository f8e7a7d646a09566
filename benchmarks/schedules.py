"""How late schedules start, with two schedulers on one database; what they miss and double.

    .venv/bin/python -m benchmarks.schedules [--minutes N] [--schedules N] [--every SECONDS]
    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python -m benchmarks.schedules

All schedules come at the same moment. Lateness: from that moment to the row of the run (created),
and to the first step of the run (started), in milliseconds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.process import schedulers
from tests.process.installation import Installation, database, eventually


def show(name: str, values: list[float]) -> None:
    """Print one row."""
    values = sorted(values)
    p50, p99 = statistics.median(values), values[int(len(values) * 0.99) - 1]
    print(f"{name:<10} {len(values):>6} {p50:>9.0f} {p99:>9.0f} {values[-1]:>9.0f}")


def main(minutes: float, count: int, every: int) -> None:
    """Keep schedules for some minutes, and print what was late, missed and doubled."""
    with tempfile.TemporaryDirectory() as folder, database() as url:
        made = Installation(Path(folder), url)
        made.prepare()
        with schedulers.schedulers(made, 2):
            schedulers.make(made, count, every)
            time.sleep(minutes * 60)
            schedulers.end(made)
            eventually(lambda: all(one[4] == "success" for one in schedulers.runs(made)), 120, 2)
            found = schedulers.runs(made)
    missed, doubled = schedulers.missed_and_doubled(found, every)
    print(f"{'PostgreSQL' if url else 'SQLite'}: {count} schedules every {every} s")
    print(f"{'late, ms':<10} {'n':>6} {'p50':>9} {'p99':>9} {'max':>9}")
    show("created", [(created - slot) * 1000 for _, slot, created, _, _ in found])
    show("started", [(started - slot) * 1000 for _, slot, _, started, _ in found])
    print(f"missed {missed}, doubled {doubled}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--every", type=int, default=60)
    given = parser.parse_args()
    main(given.minutes, given.schedules, given.every)
