"""The grammar of expressions, read without running them."""

import json

import pytest

from workflows.n8n.reading import read_one
from workflows.services import linting


def found_in(expression):
    node = {"name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "id": "1"}
    row = {"id": "1", "name": "a", "type": "string", "value": expression}
    node["parameters"] = {"assignments": {"assignments": [row]}}
    given = read_one(json.dumps({"name": "W", "nodes": [node], "connections": {}}))
    return [one.message for one in linting.linted(given) if one.node == "Set"]


@pytest.mark.parametrize(
    "expression", ["={{ $json.a + }}", "={{ let x = 1 }}", "={{ $json.a }} {{ ) }}"]
)
def test_an_expression_that_cannot_be_read_is_told_on_import(expression):
    assert any("invalid syntax" in said for said in found_in(expression))


def test_one_that_can_is_not_run():
    assert found_in("={{ (() => { for (;;) {} })() }}") == found_in("=plain")
