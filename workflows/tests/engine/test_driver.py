"""The driver, where its small rules show."""

import asyncio
from typing import Any

from workflows.engine.document import Document
from workflows.engine.driver import Driver, Surroundings
from workflows.engine.scripts import NoScripts
from workflows.nodes import shelf
from workflows.tests.nodes.conftest import Memory


def pairs_after(items: list[Any], **flags: Any) -> list[Any]:
    """Run a Filter that keeps numbers above 1, and return what its items are paired with."""
    asked = {"leftValue": 2, "rightValue": 1, "operator": {"type": "number", "operation": "gt"}}
    filters = {"conditions": {"conditions": [asked | flags.pop("asked", {})]}}
    node = {"name": "It", "type": "n8n-nodes-base.filter", "typeVersion": 2, "parameters": filters}
    document = Document({"nodes": [node | flags], "connections": {}})
    driver = Driver(document, Surroundings(shelf.get, NoScripts(), Memory()))
    ended = asyncio.run(driver.execute("It", items))
    assert ended.status == "success"
    outputs = driver.run.steps["It"][0].outputs
    return [one["pairedItem"] for one in outputs[0] or []]


def test_items_that_pass_in_pieces_keep_their_places(monkeypatch):
    monkeypatch.setattr("workflows.engine.driver.CHUNK", 2)
    found = pairs_after([{"json": {"n": n}} for n in range(5)])
    assert found == [{"item": n} for n in range(5)]


def test_an_item_made_up_for_an_empty_output_is_paired_with_all():
    found = pairs_after([{"json": {}}, {"json": {}}], alwaysOutputData=True, asked={"leftValue": 0})
    assert found == [[{"item": 0, "input": 0}, {"item": 1, "input": 0}]]


def test_a_parameter_nobody_thought_of_ends_the_run_by_its_node():
    endless = {"mode": "expression", "numberOutputs": float("inf")}
    node = {"name": "It", "type": "n8n-nodes-base.switch", "typeVersion": 3, "parameters": endless}
    driver = Driver(Document({"nodes": [node]}), Surroundings(shelf.get, NoScripts(), Memory()))
    ended = asyncio.run(driver.execute("It", [{"json": {}}]))
    assert (ended.status, (ended.error or {}).get("node")) == ("error", "It")
