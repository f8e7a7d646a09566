"""Ways to a server: its credential, a checked socket, a library that blocks."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from workflows.engine.credentials import Credential
from workflows.engine.errors import NodeError
from workflows.engine.node import Context

PATIENCE = 30.0
"""Seconds a server may be silent."""
LONGEST = 300.0
"""Seconds one run of a node may take with its server."""

T = TypeVar("T")


class Place:
    """A server a credential names and may be sent to."""

    def __init__(self, context: Context, credential: Credential, usual_port: int) -> None:
        values = credential.values
        self.context = context
        self.values = values
        self.host = str(values.get("host") or "").strip()
        try:
            self.port = int(values.get("port") or usual_port)
        except (TypeError, ValueError):
            self.port = 0
        if not self.host or not 0 < self.port < 65_536:
            raise NodeError(
                f"The credential {credential.name!r} names no server: it needs a host and a port.",
                description="Open it under Credentials and enter both.",
            )
        credential.demand_host(self.host, self.port)

    def __str__(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"

    def text(self, name: str) -> str:
        """Return a value of the credential as text."""
        return str(self.values.get(name) or "")

    async def connect(self) -> socket.socket:
        """Return a checked, connected socket that does not block."""
        return await self.context.outside.connect(self.host, self.port)

    def failed(self, words: object, description: str = "") -> NodeError:
        """Return the error that says what the server, or the way there, has to say."""
        said = " ".join(str(words).split())[:500] or "the connection broke off"
        return NodeError(f"{self}: {said}", description=description)

    async def blocking(self, work: Callable[[socket.socket], T]) -> T:
        """Do what blocks, over a new socket, in a thread; a cancel or the limit cuts its line.

        Raises:
            NodeError: refused, unreachable, no TLS, or silent for too long.
        """
        taken = await self.connect()
        handle = taken.dup()  # TLS takes the first one over
        taken.settimeout(PATIENCE)
        thread = asyncio.ensure_future(asyncio.to_thread(_closing, work, taken))
        try:
            async with asyncio.timeout(LONGEST):
                return await asyncio.shield(thread)
        except TimeoutError as error:
            raise self.silent() from error
        except ssl.SSLError as error:
            raise self.no_tls(error) from error
        except (OSError, EOFError) as error:
            raise self.failed(error) from error
        finally:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()
            if not thread.done():
                await asyncio.wait([thread])
            if not thread.cancelled():
                thread.exception()  # it has been looked at

    def silent(self) -> NodeError:
        """Return the error for a server that takes too long."""
        return self.failed(
            f"no answer within {PATIENCE:g} s, or none that ended within {LONGEST:g} s",
            "See whether the server is there and whether the port is right.",
        )

    def no_tls(self, error: ssl.SSLError) -> NodeError:
        """Return the error for a server whose TLS does not hold."""
        return self.failed(
            f"no TLS: {error.reason or error}",
            "Its certificate must be trusted by this machine and carry the name "
            f"{self.host}; where the server speaks no TLS, switch it off in the credential.",
        )


def _closing(work: Callable[[socket.socket], T], taken: socket.socket) -> T:
    with taken:
        return work(taken)


async def place(context: Context, kind: str, usual_port: int) -> Place:
    """Return the server the node's credential of a type names."""
    return Place(context, await context.credential(kind), usual_port)


class Taken:
    """How much a server has given in one run of a node."""

    def __init__(self, context: Context) -> None:
        self.bounds = context.outside.bounds
        self.items = 0
        self.bytes = 0

    def add(self, *values: Any) -> None:
        """Count one item of these values; NodeError when that is too much."""
        self.items += 1
        self.bytes += sum(len(v) if isinstance(v, str | bytes | bytearray) else 16 for v in values)
        if self.items % 1000 == 0 or self.items > self.bounds.items:
            self.bounds.vet_items(self.items, "The server gives")
        if self.bytes > self.bounds.page_bytes:
            raise NodeError(
                f"The server gives more than {self.bounds.page_bytes:,} bytes; that is the most "
                "one run of a node may take.",
                description="Ask for less at once, with a limit or a condition.",
            )
