"""A local server that sends exactly the bytes a test wants, when it wants, and a door to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from whoosh_site.core.addresses import Ip, Policy
from whoosh_site.core.http import Door, Fetched

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers every connection with the same reply and remembers what was asked."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.left = asyncio.Event()
        """Set when a caller went away before its answer ended."""
        self.port = 0
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._talks.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            self._talks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = next((line for line in head.lower().split("\r\n") if "content-length" in line), "")
        self.bodies.append(await reader.readexactly(int(length.partition(":")[2] or 0)))
        if isinstance(self.reply, bytes):
            writer.write(self.reply)
        else:
            await self.reply(writer)
        await writer.drain()

    async def stop(self) -> None:
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serving(reply: Reply, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Serve a reply on a free port as long as the block lasts."""
    server = Server(reply)
    listening = await asyncio.start_server(server.talk, host, port)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()
        await listening.wait_closed()


def ok(body: bytes = b"hello", *headers: str) -> bytes:
    """Return a complete answer."""
    return answer("200 OK", *headers, f"Content-Length: {len(body)}") + body


def answer(status: str, *headers: str) -> bytes:
    """Return the head of an answer whose body goes on until the connection closes."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def onward(location: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return answer(status, f"Location: {location}", "Content-Length: 0")


def anywhere(host: str, ip: Ip, port: int) -> None:
    return None


@contextlib.asynccontextmanager
async def opened(policy: Policy = anywhere) -> AsyncIterator[Door]:
    """Lend a door and close it."""
    door = Door(policy)
    try:
        yield door
    finally:
        await door.close()


async def fetched(reply: Reply, **more: Any) -> tuple[Fetched, Server]:
    """Fetch once from a server that gives this reply; returns the answer and the server."""
    async with serving(reply) as server, opened() as door:
        return await door.fetch("GET", f"{server.url}/path?q=1", **more), server
