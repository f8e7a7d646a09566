"""Credentials of a run: where they may go, and what nobody sees of them."""

import asyncio
import json
from typing import Any

import pytest

from workflows.engine.credentials import MASK, Credential, Mask, covers, host_entry
from workflows.engine.document import Document
from workflows.engine.driver import Driver, Ended, Surroundings
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.scripts import NoScripts
from workflows.tests.nodes.conftest import Memory

CANARY = "canary-93b1"


@pytest.mark.parametrize(
    ("entry", "host", "port", "may"),
    [
        ("api.example", "api.example", 443, True),
        ("API.Example.", "api.example", 80, True),
        ("api.example", "api.example.", 443, True),
        ("api.example:443", "api.example", 443, True),
        ("api.example:443", "api.example", 8443, False),
        ("api.example", "evil.api.example", 443, False),
        ("api.example", "api.example.evil.test", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("münchen.de", "xn--mnchen-3ya.de", 443, True),
        ("[::1]:80", "::1", 80, True),
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("*", "anywhere.test", 1, True),
    ],
)
def test_a_list_of_hosts_covers_what_it_names(entry, host, port, may):
    assert covers([host_entry(entry)], host, port) is may


@pytest.mark.parametrize(
    "entry", ["", "a b", "https://api.example", "a/b", "a:99999", "*example", "a.*.b", "u@h", "a#b"]
)
def test_what_is_no_host_is_refused(entry):
    with pytest.raises(ValueError, match="is not a host"):
        host_entry(entry)


def test_another_host_is_refused_by_its_name_and_the_credentials():
    bound = Credential("httpHeaderAuth", "Shop", {"value": CANARY}, ("api.example",), (CANARY,))
    bound.demand_host("api.example", 443)
    with pytest.raises(NodeError) as caught:
        bound.demand_host("evil.example", 443)
    assert "'Shop'" in caught.value.message
    assert "evil.example:443" in caught.value.message
    assert "api.example" in caught.value.description
    assert CANARY not in repr(bound)


def test_a_mask_hides_longer_texts_first_and_short_ones_never():
    mask = Mask()
    mask.add(["abc", "secret", "secret-two", "1234567"])
    given = {"a secret": ["secret-two", 1234567, 12345678, True, None], "abc": "xsecretx"}
    assert mask.hide(given) == {
        f"a {MASK}": [MASK, MASK, 12345678, True, None], "abc": f"x{MASK}x",
    }  # fmt: skip
    mask.add(["secret-two"])
    assert mask.data(b"\x00secret-two\xffsecret") == b"\x00" + MASK.encode() + b"\xffsecret"


class Talkative(Node):
    """Tells its secret wherever it can."""

    key, label = "test.talkative", "Talkative"

    async def run(self, context: Context) -> Outputs:
        found = await context.credential("httpHeaderAuth")
        secret = found.values["value"]
        context.warn(f"sent {secret}")
        context.logs.append(f"log {secret}")
        context.state["last"] = secret
        if context.node.parameters.get("fails"):
            raise NodeError(f"refused {secret}", description=f"with {secret}")
        if context.node.parameters.get("breaks"):
            raise ValueError(secret)
        return [[{"json": {"headers": [{secret: f"Bearer {secret}"}]}, "error": f"no {secret}"}]]


def told(**flags: Any) -> tuple[Ended, str]:
    """Run the talkative node; return how it ended and everything that was kept of it."""
    outside = Memory()
    outside.credentials["Shop"] = Credential(
        "httpHeaderAuth", "Shop", {"value": CANARY}, ("api.example",), (CANARY,)
    )
    node = {"name": "It", "type": Talkative.key, "parameters": flags.pop("parameters", {})}
    node["credentials"] = {"httpHeaderAuth": {"id": "1", "name": "Shop"}}
    document = Document({"nodes": [node | flags], "connections": {}})
    driver = Driver(document, Surroundings(lambda key: Talkative, NoScripts(), outside))
    ended = asyncio.run(driver.execute("It", [{"json": {}}]))
    steps = [
        [step.outputs, step.logs, step.error, step.state] for step in driver.run.steps.get("It", [])
    ]
    return ended, json.dumps([steps, driver.warnings, ended.error], default=list)


@pytest.mark.parametrize("parameters", [{}, {"fails": True}, {"breaks": True}])
@pytest.mark.parametrize("goes_on", ["stopWorkflow", "continueRegularOutput"])
def test_nothing_a_node_gives_tells_its_credential(parameters, goes_on):
    ended, kept = told(parameters=parameters, onError=goes_on)
    assert ended.status == ("error" if parameters and goes_on == "stopWorkflow" else "success")
    assert CANARY not in kept
    assert f"log {MASK}" in json.loads(kept.replace("\\u2022", "•"))[0][0][1]


def test_a_node_without_a_credential_says_which_it_needs():
    ended, _ = told(credentials={})
    assert ended.error is not None
    assert "httpHeaderAuth" in ended.error["message"]
