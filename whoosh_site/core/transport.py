"""What carries the door's requests: aiohttp under httpx.

This transport costs a tenth of httpx's own pool at a hundred concurrent calls. The policy is asked
when a socket is made, with the address the name resolved to.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
import yarl
from httpx_aiohttp import AiohttpTransport

from whoosh_site.core.addresses import Policy
from whoosh_site.core.errors import (
    BadInput,
    Broken,
    Outside,
    Refused,
    TimedOut,
    TooLarge,
    Unreachable,
)
from whoosh_site.core.limits import MEGABYTE, Limits

LAST_PORT = 65_535
LONGEST_SHOWN = 100
HARMLESS = frozenset((
    "accept", "accept-encoding", "accept-language", "connection", "content-length",
    "content-type", "host", "transfer-encoding", "user-agent",
))  # fmt: skip
"""Headers that follow a redirect to another origin."""


@dataclass
class _Asked:
    """What the running request asked for, and what the policy refused on its way."""

    host: str
    refusals: list[str]


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


@dataclass
class OpenAnswer:
    """An answer whose body is still on its way."""

    status: int
    headers: Mapping[str, str]
    url: str
    _response: httpx.Response
    _limits: Limits
    _deadline: float | None
    _received: int = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield decoded bytes as they come; raises TimedOut, TooLarge or Broken."""
        source = self._response.aiter_bytes().__aiter__()
        while True:
            try:
                # No scope stays open around the yield: it would reach into the caller's own code.
                async with asyncio.timeout(self._patience()):
                    chunk = await source.__anext__()
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                self._patience()
                raise TimedOut("between chunks", self._limits.between, self.url) from error
            except (httpx.HTTPError, aiohttp.ClientError) as error:
                raise Broken(f"{self.url}: the answer broke off ({_short(error)})") from error
            self._received += len(chunk)
            if self._received > self._limits.size:
                raise TooLarge(f"{self.url}: more than {_amount(self._limits.size)}")
            yield chunk

    def _patience(self) -> float:
        """Return how long to wait for the next chunk; raises when the total time is over."""
        if self._deadline is None:
            return self._limits.between
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise TimedOut("total", self._limits.total or 0, self.url)
        return min(self._limits.between, left)

    async def lines(self) -> AsyncGenerator[str, None]:
        """Yield text lines without their ends; an unfinished last line counts."""
        parts: list[bytes] = []
        async for chunk in self.chunks():
            first, *others = chunk.split(b"\n")
            parts.append(first)
            for start in others:
                yield _line(parts)
                parts = [start]
        if any(parts):
            yield _line(parts)

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])


class Transport:
    """Connections under one address policy, in one event loop."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._client: httpx.AsyncClient | None = None

    def build(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        json: object,
        content: bytes | None,
    ) -> httpx.Request:
        """Return the request; raises BadInput for what is no http or https URL."""
        parsed = parse(url)
        body: dict[str, Any] = {"content": content} if json is None else {"json": json}
        return self._ready().build_request(method, parsed, headers=dict(headers or {}), **body)

    @contextlib.asynccontextmanager
    async def open(self, request: httpx.Request, limits: Limits) -> AsyncIterator[OpenAnswer]:
        """Send a request; leaving the block closes the connection of an unread answer."""
        now = asyncio.get_running_loop().time()
        deadline = None if limits.total is None else now + limits.total
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._follow(request, limits)
        except TimeoutError as error:
            raise TimedOut("total", limits.total or 0, str(request.url)) from error
        url = str(response.request.url)
        headers = response.headers
        try:
            yield OpenAnswer(response.status_code, headers, url, response, limits, deadline)
        finally:
            with contextlib.suppress(httpx.HTTPError, aiohttp.ClientError):
                await response.aclose()

    async def close(self) -> None:
        """Close all idle connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    # -- inside ------------------------------------------------------------------------------

    def _ready(self) -> httpx.AsyncClient:
        if self._client is None:
            # TLS is checked by aiohttp's own connector; httpx need not read the certificates too.
            unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            transport = AiohttpTransport(client=self._session, verify=unused, trust_env=False)
            # No cookie is kept: a door serves many people. No time-out: `Limits` decides.
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            self._client = httpx.AsyncClient(
                transport=transport,
                trust_env=False,
                timeout=None,  # noqa: S113
                cookies=no_cookies,
            )
        return self._client

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, socket_factory=self._socket, ttl_dns_cache=10)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=False)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one connection attempt, after the policy saw its address."""
        family, type_, proto, _, address = info
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        asked = _asked.get() or _Asked(str(ip), [])
        reason = self.policy(asked.host, ip, int(address[1]))
        if reason is not None:
            asked.refusals.append(reason)
            raise OSError(reason)
        return socket.socket(family=family, type=type_, proto=proto)

    async def _follow(self, request: httpx.Request, limits: Limits) -> httpx.Response:
        for _ in range(limits.redirects + 1):
            response = await self._send(request, limits)
            if not limits.redirects or response.next_request is None:
                return response
            await response.aclose()
            onward = response.next_request
            if onward.url.scheme not in ("http", "https"):
                raise Refused(f"{request.url}: redirected to {onward.url.scheme}:")
            if _origin(onward.url) != _origin(request.url):
                # Any other header may be a secret meant for who was asked first.
                for name in [name for name in onward.headers if name.lower() not in HARMLESS]:
                    del onward.headers[name]
            request = onward
        raise Outside(f"{request.url}: more than {limits.redirects} redirects")

    async def _send(self, request: httpx.Request, limits: Limits) -> httpx.Response:
        where = str(request.url)
        asked = _Asked(request.url.host, [])
        token = _asked.set(asked)
        request.extensions["timeout"] = {"connect": limits.connect, "read": None, "pool": None}
        try:
            async with asyncio.timeout(limits.first_byte):
                response = await self._ready().send(request, stream=True)
        except TimeoutError as error:
            raise TimedOut("first byte", limits.first_byte, where) from error
        except (httpx.HTTPError, aiohttp.ClientError, ValueError) as error:
            if asked.refusals:
                raise Refused(f"Refused: {asked.refusals[0]}") from error
            if isinstance(error.__cause__, aiohttp.ConnectionTimeoutError):
                raise TimedOut("connect", limits.connect, where) from error
            raise Unreachable(f"{where}: {_short(error)}") from error
        finally:
            _asked.reset(token)
        if len(response.headers.get_list("content-encoding", split_commas=True)) > 1:
            # Two layers of compression make a gigabyte of a packet, before a size can be seen.
            await response.aclose()
            raise Broken(f"{where}: the answer is compressed more than once")
        return response


def parse(url: str) -> httpx.URL:
    """Return an address that can be called; raises BadInput for every other."""
    shown = repr(url if len(url) <= LONGEST_SHOWN else f"{url[:LONGEST_SHOWN]}…")
    try:
        parsed = httpx.URL(url)
        host, port = parsed.host, parsed.port
        yarl.URL(str(parsed))  # what really connects has rules of its own,
        host.rstrip(".").encode("idna")  # and so has what looks names up
    except (httpx.InvalidURL, ValueError) as error:
        raise BadInput(f"{shown} is not a URL: {str(error)[:LONGEST_SHOWN]}") from error
    if port is not None and port > LAST_PORT:
        raise BadInput(f"{shown} is not a URL: there is no port {port}")
    if parsed.userinfo:
        raise BadInput("leave user and password out of the address; a header carries them")
    if parsed.scheme not in ("http", "https") or not host:
        raise BadInput(f"{shown}: only http:// and https:// addresses can be called")
    return parsed


def _amount(count: int) -> str:
    return f"{count // MEGABYTE} MB" if count >= MEGABYTE else f"{count} bytes"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _line(parts: list[bytes]) -> str:
    return b"".join(parts).rstrip(b"\r").decode("utf-8", "replace")


def _short(error: BaseException) -> str:
    """Say a transport error in a few words a person can use."""
    text = str(error)
    known = {
        "Connect call failed": "connection refused",
        "Connection refused": "connection refused",
        "Name or service not known": "this name does not exist",
        "nodename nor servname": "this name does not exist",
        "No address associated": "this name has no address",
        "Network is unreachable": "network unreachable",
        "No route to host": "no route to host",
        "Bad status line": "what listens there does not speak HTTP",
        "WRONG_VERSION_NUMBER": "the port speaks no TLS; try http:// in place of https://",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted by this machine",
        "Server disconnected": "the server closed the connection without an answer",
    }
    for sign, words in known.items():
        if sign in text:
            return words
    return " ".join(text.split())[:200] or type(error).__name__
