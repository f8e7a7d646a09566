"""Running nodes of one service against a local server that stands for it."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import orjson

from whoosh_site.core.tests.servers import Server, ok, serving
from workflows.credentials import shelf
from workflows.credentials.base import secret_texts
from workflows.engine.credentials import Credential
from workflows.tests.nodes.conftest import make_context
from workflows.tests.nodes.web import Called, WebMemory


class Turned(WebMemory):
    """Sends what goes to any host to one local server."""

    server: Server

    def http(self, method: str, url: str, **options: Any) -> Any:
        parts = urlsplit(url)
        here = url.replace(f"{parts.scheme}://{parts.netloc}", self.server.url, 1)
        found = super().http(method, here, **options)
        self.asked[-1]["url"] = url
        return found


def answers(value: Any) -> bytes:
    return ok(orjson.dumps(value), "Content-Type: application/json")


def in_turn(*replies: bytes) -> Any:
    """Answer each connection with the next of these."""
    left = list(replies)

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0))

    return reply


def asked(
    node: Any, parameters: Any, reply: Any, credential: Any = None, items: Any = ({},),
    version: Any = None, files: Any = None, **values: Any,
) -> Called:  # fmt: skip
    """Run a node with a credential of a type (its values beside it)."""

    async def run() -> Called:
        outside = Turned(lambda host, ip, port: None)
        flags: dict[str, Any] = {}
        if credential:
            kind = shelf[credential]
            full = {one.name: one.default for one in kind.fields} | values
            outside.credentials["Mine"] = Credential(
                credential, "Mine", full, kind.hosts_of(full) or ("127.0.0.1",),
                secret_texts(kind, full),
            )  # fmt: skip
            flags = {"credentials": {credential: {"id": "1", "name": "Mine"}}}
        binary = {
            name: await outside.keep(data, mime=mime, name=file)
            for name, (file, mime, data) in (files or {}).items()
        }
        async with serving(reply) as server:
            outside.server = server
            given = [{"json": one, "binary": binary} for one in items]
            context = make_context(node, parameters, [given], version, outside, flags=flags)
            try:
                outputs = await node().run(context)
            finally:
                await outside.door.close()
        return Called(outputs[0] or [], server, outside, context.warnings)

    return asyncio.run(run())
