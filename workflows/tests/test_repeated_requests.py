"""A step that is repeated sends the same Idempotency-Key; every other request has its own."""

import asyncio

import pytest

from whoosh_site.core.tests.servers import answer, anywhere, ok, serving
from workflows.engine.document import Document
from workflows.engine.scripts import NoScripts
from workflows.execute import Order, execute
from workflows.tests.nodes.web import WebMemory


def document(url, **flags):
    """A trigger and a loop of two requests."""
    request = {"type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "parameters": {"url": url}}
    return Document({
        "nodes": [
            {"name": "Start", "type": "n8n-nodes-base.manualTrigger"},
            {"name": "One", **request, **flags},
            {"name": "Two", **request, **flags},
        ],
        "connections": {
            "Start": {"main": [[{"node": "One"}]]},
            "One": {"main": [[{"node": "Two"}]]},
        },
    })  # fmt: skip


@pytest.fixture
def keys():
    """`keys(failures=1, retryOnFail=True)`: the keys a server got, the first answers saying no."""

    def got(failures=0, **flags):
        left = [answer("503 Busy", "Content-Length: 0")] * failures

        async def reply(writer):
            writer.write(left.pop() if left else ok())

        async def ran():
            outside = WebMemory(anywhere)
            async with serving(reply) as server:
                order = Order(document(f"{server.url}/", **flags))
                outcome = await execute(order, NoScripts(), outside)
                await outside.door.close()
            assert outcome.status == "success"
            lines = [head.lower().partition("idempotency-key: ")[2] for head in server.heads]
            return [line.partition("\r\n")[0] for line in lines]

        return asyncio.run(ran())

    return got


def test_every_step_has_a_key_of_its_own(keys):
    one, two = keys()
    assert one
    assert one != two


def test_a_try_after_a_failure_has_the_key_of_the_first(keys):
    first, again, other = keys(failures=1, retryOnFail=True)
    assert first == again != other


def test_a_run_that_is_gone_through_again_has_the_same_keys(keys):
    assert keys() == keys()
