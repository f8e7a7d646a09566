"""The one door out of the process. No Django here: policy and limits are handed in.

`Door.stream` opens a request under four separate limits and an address policy that sees the IP the
socket really connects to, at every redirect; `Door.fetch` reads the whole answer. The libraries
behind it (`core.transport`) are loaded with the first request: most processes never make one.
"""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from whoosh_site.core.addresses import Policy
from whoosh_site.core.limits import Limits

if TYPE_CHECKING:
    from whoosh_site.core.transport import Transport


class Answer(Protocol):
    """An open answer: status and headers are here, the body comes by `chunks` or `lines`."""

    status: int
    headers: Mapping[str, str]
    """By names in any case; `items` tells every value of one that came several times."""
    url: str

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield decoded bytes as they come; raises TimedOut, TooLarge or Broken."""
        ...

    def lines(self) -> AsyncGenerator[str, None]:
        """Yield text lines without their ends; an unfinished last line counts."""
        ...

    async def read(self) -> bytes:
        """Return the whole body."""
        ...


@dataclass(frozen=True)
class Fetched:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; ValueError when it is none."""
        return json.loads(self.body)


def vet_url(url: str) -> None:
    """Raise BadInput for an address that cannot be called, before anybody tries."""
    from whoosh_site.core.transport import parse  # heavy, see above

    parse(url)


def endpoint(url: str) -> tuple[str, int]:
    """Return the host and the port a URL leads to, as the door itself reads it.

    Raises:
        BadInput: it cannot be called.
    """
    from whoosh_site.core.transport import parse  # heavy, see above

    parsed = parse(url)
    return parsed.raw_host or "", parsed.port or 0


class Door:
    """A connection pool under one address policy. One per policy, event loop and process."""

    def __init__(self, policy: Policy, limits: Limits | None = None) -> None:
        self.policy = policy
        self.limits = limits or Limits()
        self._transport: Transport | None = None

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,  # the wire's own word
        content: bytes | None = None,
        limits: Limits | None = None,
    ) -> AsyncIterator[Answer]:
        """Open one request; leaving the block closes the connection of an unread answer.

        Raises:
            BadInput: the URL is no http or https address.
            Refused: the policy does not allow the address.
            Unreachable, TimedOut: no answer came.
        """
        if self._transport is None:
            from whoosh_site.core.transport import Transport  # heavy, see above

            self._transport = Transport(self.policy)
        request = self._transport.build(method, url, headers, json, content)
        async with self._transport.open(request, limits or self.limits) as answer:
            yield answer

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        limits: Limits | None = None,
    ) -> Fetched:
        """Send one request and read the whole answer; raises as `stream` does."""
        opened = self.stream(
            method, url, headers=headers, json=json, content=content, limits=limits
        )
        async with opened as answer:
            return Fetched(answer.status, answer.headers, await answer.read(), answer.url)

    async def close(self) -> None:
        """Close all idle connections."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None
