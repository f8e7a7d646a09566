"""Our own small workflows, one question each, against what n8n gave when it ran them.

Recorded from n8n 2.7; `tests/n8n/probes`. Compared are status, error, order, and the json and pair
of every item of every run and output.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from workflows.engine.bounds import Bounds
from workflows.reach import PUBLIC
from workflows.remembering import ProcessMemory
from workflows.services import Given, find_document, run_document, running

PROBES = Path(__file__).resolve().parents[3] / "tests" / "n8n" / "probes"
FILES = sorted((PROBES / "workflows").rglob("*.json"))
WHERE = re.compile(r" \[(line \d+|item \d+|condition \d+)(, (for )?item \d+)*\]")


def plain(value: Any) -> Any:
    """A value as it compares: recorded marks resolved, 1.0 as 1, no places in error texts."""
    if isinstance(value, dict):
        if "__date" in value:
            return value["__date"]
        if "__num" in value:
            return None
        return {
            key: WHERE.sub("", one)
            if key in ("error", "message") and isinstance(one, str)
            else plain(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def outputs(run: dict[str, Any]) -> list[Any]:
    """The items of a run, by output; empty outputs at the end say nothing."""
    found = [items or [] for items in (run.get("data") or {}).get("main") or []]
    while found and not found[-1]:
        found.pop()
    return [
        [(plain(one.get("json")), plain(one.get("pairedItem"))) for one in items] for items in found
    ]


def shape(run: dict[str, Any]) -> dict[str, Any]:
    error = run.get("error")
    return {
        "status": run["status"],
        "error": WHERE.sub("", error["message"]) if error else None,
        "order": run["executionOrder"],
        "nodes": {name: [outputs(each) for each in runs] for name, runs in run["runData"].items()},
    }


def ran(file: Path) -> Any:
    outcome = asyncio.run(
        run_document(
            find_document(str(file)), Given(timezone="America/New_York"), memories=ProcessMemory()
        )
    )
    outcome.close()
    return outcome


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.setattr(running, "policy", lambda: PUBLIC)  # else settings, from the database
    monkeypatch.setattr(running, "bounds", Bounds)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_probe_gives_what_n8n_gave(file):
    golden = PROBES / "golden" / file.relative_to(PROBES / "workflows").with_suffix(".golden.json")
    told = json.loads(ran(file).line())
    assert shape(told) == shape(json.loads(golden.read_text()))


@pytest.mark.parametrize(
    ("probe", "node", "said"),
    [
        ("loop-v3-body-drops-items", "Loop", "ended early: 3 items were never handled"),
        ("merge-chooseBranch-missing", "M", "It was skipped: input"),
    ],
)
def test_what_n8n_is_silent_about_is_told(probe, node, said):
    warnings = ran(PROBES / "workflows" / f"{probe}.json").warnings
    assert any(one["node"] == node and said in one["message"] for one in warnings)


def test_there_are_probes():
    assert len(FILES) == 150
