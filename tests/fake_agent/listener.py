"""A listening socket that can close and open again between two turns of the event loop.

asyncio's own Server leaks a connection that is accepted in the very turn it is closed in, and its
caller then waits for ever: a host that goes down in a test must not.
"""

import asyncio
import contextlib
import socket

from aiohttp import web

LOOPBACK = "127.0.0.1"
BACKLOG = 4096


class Listener:
    """The door of one host; port 0 becomes a free port and stays it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._server: web.Server | None = None
        self._listening: socket.socket | None = None
        self._greetings: set[asyncio.Task[None]] = set()

    def open(self, server: web.Server) -> None:
        """Listen, unless it does already; needs the running loop."""
        if self._listening is not None:
            return
        self._server = server
        self._listening = socket.create_server((LOOPBACK, self.port), backlog=BACKLOG)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Refuse connections and break off the open ones; needs the running loop."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for connection in list(self._server.connections if self._server is not None else ()):
            if connection.transport is not None:
                connection.transport.abort()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while self._listening is not None:
                accepted, _ = self._listening.accept()
                accepted.setblocking(False)
                task = loop.create_task(self._greet(accepted))
                self._greetings.add(task)
                task.add_done_callback(self._greetings.discard)

    async def _greet(self, accepted: socket.socket) -> None:
        if self._listening is None or self._server is None:
            accepted.close()
            return
        await asyncio.get_running_loop().connect_accepted_socket(self._server, accepted)
