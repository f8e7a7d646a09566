"""Help for tests of calls from outside: the door they come in by, and workflows behind it."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.bare import BareHandler
from workflows import services
from workflows.models import Execution, Workflow

BASE = "http://127.0.0.1"
VERSIONS = {
    "webhook": 2.1, "respondToWebhook": 1.4, "set": 3.4, "code": 2, "formTrigger": 2.3, "form": 1,
    "wait": 1.1,
}  # fmt: skip


def node(name: str, kind: str, version: float = 0, **more: Any) -> dict[str, Any]:
    """Return a node of a document; what is no other part of it is a parameter."""
    parts = {key: more.pop(key) for key in ("webhookId", "credentials") if key in more}
    full = kind if "." in kind else f"n8n-nodes-base.{kind}"
    made = {"name": name, "type": full, "typeVersion": version or VERSIONS.get(kind, 1)}
    return made | {"position": [0, 0], "parameters": more} | parts


def hook(path: str = "tides", **more: Any) -> dict[str, Any]:
    """Return a webhook node called Webhook."""
    return node("Webhook", "webhook", path=path, **({"httpMethod": "POST"} | more))


def line(name: str, *nodes: dict[str, Any]) -> str:
    """Return a document whose nodes lead from one to the next."""
    links = {
        one["name"]: {"main": [[{"node": other["name"], "type": "main", "index": 0}]]}
        for one, other in itertools.pairwise(nodes)
    }
    for place, one in enumerate(nodes):
        one["position"] = [200 * place, 0]
    settings = {"executionOrder": "v1"}
    return json.dumps({"name": name, "nodes": nodes, "connections": links, "settings": settings})


def sets(**values: Any) -> dict[str, Any]:
    """Return a Set node called Set that gives these values."""
    rows = [
        {"id": name, "name": name, "value": value, "type": "string"}
        for name, value in values.items()
    ]
    return node("Set", "set", assignments={"assignments": rows})


Answer = httpx.Response


@pytest.fixture
def call(inside: Callable[..., Any]) -> Callable[..., Answer]:
    """Call the door as a stranger's program does: `call("POST", "/webhook/tides", json={...})`."""
    door = BareHandler()

    async def sent(method: str, path: str, **how: Any) -> Answer:
        transport = httpx.ASGITransport(door, client=("203.0.113.9", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, path, **how)

    return lambda method, path, **how: inside(sent(method, path, **how))


@pytest.fixture
def calls(inside: Callable[..., Any], carry: Any) -> Callable[..., list[Answer]]:
    """Send several calls at once while a runner works: `calls([("POST", "/webhook/a", {...})])`."""
    door = BareHandler()

    async def sent(client: httpx.AsyncClient, method: str, path: str, how: Any) -> Answer:
        return await client.request(method, path, **how)

    async def all_sent(wanted: list[tuple[str, str, dict[str, Any]]]) -> list[Answer]:
        transport = httpx.ASGITransport(door, client=("203.0.113.9", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            working = asyncio.create_task(_work())
            try:
                return await asyncio.gather(*(sent(client, *one) for one in wanted))
            finally:
                working.cancel()

    return lambda wanted: inside(all_sent(wanted))


async def _work() -> None:
    """Do what is due, as a runner would."""
    while True:
        for lease in await sync_to_async(services.claim_executions)("test:1:1", 20):
            await services.run_execution(lease)
        await asyncio.sleep(0.01)


@pytest.fixture
def active(keep: Callable[..., Workflow]) -> Callable[..., Workflow]:
    """Import a document into `ours` and activate it."""

    def made(text: str, **how: Any) -> Workflow:
        workflow = keep(text, **how)
        services.activate_workflow(workflow, by=SYSTEM)
        return workflow

    return made


def newest() -> Execution:
    """Return the run that began last."""
    return Execution.objects.select_related("workflow", "version").latest("pk")
