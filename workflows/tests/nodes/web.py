"""Running the HTTP Request node against a local server that sends what a test wants."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from whoosh_site.core.addresses import Policy
from whoosh_site.core.http import Answer, Door
from whoosh_site.core.tests.servers import Reply, Server, anywhere, serving
from workflows.engine.bounds import Bounds
from workflows.engine.items import Items
from workflows.engine.scripts import Column, NoScripts, Scope
from workflows.nodes.http_request import HttpRequest
from workflows.tests.nodes.conftest import Memory, make_context

JSON = "Content-Type: application/json"
Words = Mapping[str, Callable[[Any], Any]]


class WebMemory(Memory):
    """What a node reaches outside: files in memory, requests through a real door."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.door = Door(policy)
        self.asked: list[dict[str, Any]] = []

    def http(self, method: str, url: str, **options: Any) -> AbstractAsyncContextManager[Answer]:
        self.asked.append({"method": method, "url": url, **options})
        return self.door.stream(method, url, **options)


class Spoken(NoScripts):
    """Evaluates the expressions a test wrote down as Python."""

    def __init__(self, words: Words) -> None:
        self.words = words

    async def evaluate(
        self, templates: Sequence[str], scope: Scope, indexes: Sequence[int]
    ) -> list[Column]:
        return [
            Column({index: self.words[template](scope.extra) for index in indexes})
            for template in templates
        ]


@dataclass
class Called:
    """What came of a run: its items, what the server saw, what was stored."""

    items: Items
    server: Server
    outside: WebMemory
    warnings: list[str]

    @property
    def json(self) -> list[Any]:
        return [one["json"] for one in self.items]

    @property
    def head(self) -> str:
        return self.server.heads[0]

    @property
    def body(self) -> bytes:
        return self.server.bodies[0]

    def sent(self, number: int = 0) -> dict[str, str]:
        """Return the headers the server got, by lower-case name."""
        lines = self.server.heads[number].strip().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def bytes_of(self, field: str = "data") -> bytes:
        return self.outside.blobs[self.items[0]["binary"][field]["id"]]


def called(
    parameters: Mapping[str, Any],
    items: Sequence[Any] = ({},),
    *,
    reply: Reply = b"",
    version: float = 4.2,
    policy: Policy = anywhere,
    words: Words | None = None,
    files: Mapping[str, tuple[str, str, bytes]] | None = None,
    run_key: str = "run 7",
    bounds: Bounds | None = None,
    **flags: Any,
) -> Called:
    """Run the node; `{}` in its URL becomes the server's address.

    `files` (name, MIME type, bytes) are added to every item; `words` are the values of expressions.
    """

    async def run() -> Called:
        outside = WebMemory(policy)
        outside.run_key = run_key
        outside.bounds = bounds or outside.bounds
        binary = {
            field: await outside.keep(data, mime=mime, name=name)
            for field, (name, mime, data) in (files or {}).items()
        }
        given = [{"json": one, "binary": binary} for one in items]
        async with serving(reply) as server:
            known = {"url": "{}/", **parameters}
            known["url"] = known["url"].replace("{}", server.url)
            context = make_context(HttpRequest, known, [given], version, outside, flags=flags)
            context.scripts = Spoken(words or {})
            try:
                outputs = await HttpRequest().run(context)
            finally:
                await outside.door.close()
        return Called(outputs[0] or [], server, outside, context.warnings)

    return asyncio.run(run())


def pairs(**values: Any) -> dict[str, Any]:
    """Return name and value fields as the node stores them."""
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def sending(kind: str, **more: Any) -> dict[str, Any]:
    """Return the parameters of a POST with a body."""
    return {"method": "POST", "sendBody": True, "contentType": kind, **more}
