"""Workflows that run inside others."""

import asyncio
import json

import pytest

from workflows.engine.bounds import Bounds
from workflows.engine.document import Document
from workflows.reach import PUBLIC
from workflows.remembering import ProcessMemory
from workflows.services import Given, run_document, running

KEEP_TWO = {
    "conditions": {
        "options": {"version": 2},
        "conditions": [
            {"leftValue": "={{ $json.n }}", "rightValue": 2,
             "operator": {"type": "number", "operation": "equals"}},
        ],
    },
}  # fmt: skip


def chain(*nodes):
    made, links = [], {}
    for name, kind, version, parameters in nodes:
        made.append({"name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version,
                     "parameters": parameters, "position": [0, 0]})  # fmt: skip
    for here, there in zip(made, made[1:], strict=False):
        links[here["name"]] = {"main": [[{"node": there["name"], "type": "main", "index": 0}]]}
    return {"nodes": made, "connections": links, "settings": {"executionOrder": "v1"}}


@pytest.fixture
def call(monkeypatch):
    """Run a workflow that calls one made of these nodes with three items."""
    monkeypatch.setattr(running, "policy", lambda: PUBLIC)
    monkeypatch.setattr(running, "bounds", Bounds)

    def called(*inner, vars=None, **options):
        sub = chain(("When", "executeWorkflowTrigger", 1, {}), *inner)
        items = [{"json": {"n": n}} for n in range(3)]
        given = {"source": "parameter", "workflowJson": json.dumps(sub), "options": options}
        outer = chain(("Start", "manualTrigger", 1, {}), ("Call", "executeWorkflow", 1, given))
        run = run_document(
            Document(outer), Given(items=items, vars=vars or {}), memories=ProcessMemory()
        )
        outcome = asyncio.run(run)
        outcome.close()
        return outcome

    return called


def test_only_the_first_output_of_its_last_node_comes_back(call):
    outcome = call(("Two", "filter", 2, KEEP_TWO))
    assert [one["json"] for one in outcome.last_items] == [{"n": 2}]


def test_a_long_wait_inside_is_told_and_not_skipped(call):
    wait = {"resume": "timeInterval", "amount": 2, "unit": "hours"}
    outcome = call(("Wait", "wait", 1.1, wait))
    assert outcome.status == "error"
    assert "waits for longer than a minute" in outcome.error["message"]


def test_one_nobody_waits_for_does_not_fail_who_called_it(call):
    stop = {"errorMessage": "no tide"}
    outcome = call(("Stop", "stopAndError", 1, stop), waitForSubWorkflow=False)
    assert outcome.status == "success"
    assert [one["json"]["n"] for one in outcome.last_items] == [0, 1, 2]
    assert "no tide" in outcome.warnings[0]["message"]


def test_it_reads_the_variables_of_who_called_it(call):
    row = {"id": "1", "name": "place", "value": "={{ $vars.place }}", "type": "string"}
    outcome = call(
        ("Set", "set", 3.4, {"assignments": {"assignments": [row]}}), vars={"place": "attic"}
    )
    assert outcome.last_items[0]["json"] == {"place": "attic"}


def test_without_a_database_one_nobody_waits_for_runs_beside_and_ends_with_it(call):
    said = {"jsCode": "console.log('beside'); return items"}
    wait = {"resume": "timeInterval", "amount": 0.05, "unit": "seconds"}
    outcome = call(("Wait", "wait", 1.1, wait), ("Say", "code", 2, said), waitForSubWorkflow=False)
    assert outcome.status == "success"
    assert [one["json"]["n"] for one in outcome.last_items] == [0, 1, 2]
    assert not outcome.warnings
