"""Several runners on one database, each a process, and schedules for them to keep."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.process.installation import ROOT, Installation

RUNNER = """
import asyncio, django
django.setup()
from whoosh_site.core import runner
asyncio.run(runner._serve_until_stopped(3600))
"""
MAKE = """
import os
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.tests.conftest import node, written
tunables.change("executions_per_team", 1000, by=SYSTEM)
links = {{"Clock": {{"main": [[{{"node": "End", "type": "main", "index": 0}}]]}}}}
rule = {{"interval": [{{"field": "seconds", "secondsInterval": {every}}}]}}
for number in range({count}):
    nodes = node("Clock", "scheduleTrigger", rule=rule), node("End", "noOp")
    text = written(f"Schedule {{number}}", *nodes, connections=links)
    services.import_workflows(services.read_workflows(text), by=SYSTEM, activate=True)
"""
END = """
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Workflow
for workflow in Workflow.objects.filter(active__isnull=False):
    services.deactivate_workflow(workflow, by=SYSTEM)
"""
TELL = """
import json
from workflows.models import Execution
rows = Execution.objects.filter(source="schedule")
for row in rows.values_list("workflow", "slot", "created_at", "started_at", "state"):
    whole = [row[0], *(one.timestamp() if one else None for one in row[1:4]), row[4]]
    print("RUN", json.dumps(whole))
"""


@contextmanager
def schedulers(made: Installation, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run so many runners beside each other."""
    environment = made.environment | {"DJANGO_SETTINGS_MODULE": "whoosh_site.settings"}
    with open(os.devnull, "wb") as nothing:
        found = [
            subprocess.Popen(
                [sys.executable, "-c", RUNNER], env=environment, cwd=ROOT, stderr=nothing
            )
            for _ in range(count)
        ]
        try:
            yield found
        finally:
            for one in found:
                one.kill()
                one.wait()


def make(made: Installation, count: int, every: int) -> None:
    """Keep and activate workflows that start every so many seconds."""
    made.manage("shell", "-c", MAKE.format(count=count, every=every))


def end(made: Installation) -> None:
    """Deactivate all of them."""
    made.manage("shell", "-c", END)


def runs(made: Installation) -> list[tuple[Any, ...]]:
    """Return the runs of schedules: workflow, slot, created and started (Unix time), state."""
    lines = made.manage("shell", "-c", TELL).stdout.splitlines()
    return [tuple(json.loads(line[4:])) for line in lines if line.startswith("RUN ")]


def missed_and_doubled(found: list[tuple[Any, ...]], every: int) -> tuple[int, int]:
    """Count slots without a run, between the first and the last of each workflow, and doubles."""
    slots: dict[int, list[float]] = {}
    for workflow, slot, *_ in found:
        slots.setdefault(workflow, []).append(slot)
    missed = doubled = 0
    for one in slots.values():
        missed += round((max(one) - min(one)) / every) + 1 - len(set(one))
        doubled += len(one) - len(set(one))
    return missed, doubled
