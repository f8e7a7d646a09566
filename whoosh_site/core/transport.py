"""What carries the door's requests: aiohttp.

The policy is asked when a socket is made, with the address the name resolved to.
"""

import asyncio
import contextlib
import ipaddress
import json as jsons
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import idna
import yarl

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
BRACKETED = re.compile(r"[^/?#]*//[^/?#]*\[")
DOTTED = re.compile(r"\d+(\.\d+){3}")
UNSEEN = re.compile(r"[\x00-\x1f\x7f]")
REDIRECTS = (301, 302, 303, 307, 308)
HARMLESS = frozenset((
    "accept", "accept-encoding", "accept-language", "content-type", "user-agent",
))  # fmt: skip
"""Headers that follow a redirect to another origin."""
ABOUT_A_BODY = frozenset(("content-type", "content-encoding", "content-language"))


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    url: yarl.URL
    headers: Mapping[str, str]
    body: bytes | None


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
    _response: aiohttp.ClientResponse
    _limits: Limits
    _deadline: float | None
    _received: int = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield decoded bytes as they come; raises TimedOut, TooLarge or Broken."""
        while True:
            try:
                # No scope stays open around the yield: it would reach into the caller's own code.
                async with asyncio.timeout(self._patience()):
                    chunk = await self._response.content.readany()
            except TimeoutError as error:
                self._patience()
                raise TimedOut("between chunks", self._limits.between, self.url) from error
            except aiohttp.ClientError as error:
                raise Broken(f"{self.url}: the answer broke off ({_short(error)})") from error
            if not chunk:
                return
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
        self._session: aiohttp.ClientSession | None = None

    def build(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        json: object,
        content: bytes | None,
    ) -> Request:
        """Return the request; raises BadInput for what is no http or https URL."""
        sent = dict(headers or {})
        if json is not None:
            text = jsons.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            content = text.encode()
            if not any(name.lower() == "content-type" for name in sent):
                sent["Content-Type"] = "application/json"
        return Request(method, parse(url), sent, content or None)

    @contextlib.asynccontextmanager
    async def open(self, request: Request, limits: Limits) -> AsyncIterator[OpenAnswer]:
        """Send a request; leaving the block closes the connection of an unread answer."""
        now = asyncio.get_running_loop().time()
        deadline = None if limits.total is None else now + limits.total
        try:
            async with asyncio.timeout_at(deadline):
                request, response = await self._follow(request, limits)
        except TimeoutError as error:
            raise TimedOut("total", limits.total or 0, str(request.url)) from error
        async with response:
            url = str(request.url)
            yield OpenAnswer(response.status, response.headers, url, response, limits, deadline)

    async def close(self) -> None:
        """Close all idle connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- inside ------------------------------------------------------------------------------

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No cookie is kept: a door serves many people. No time-out: `Limits` decides.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, socket_factory=self._socket, ttl_dns_cache=10
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
                trust_env=False,
            )
        return self._session

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

    async def _follow(
        self, request: Request, limits: Limits
    ) -> tuple[Request, aiohttp.ClientResponse]:
        """Return what answers in the end, and what it was asked."""
        for _ in range(limits.redirects + 1):
            response = await self._send(request, limits)
            onward = response.headers.get("location", "")
            if not (limits.redirects and onward and response.status in REDIRECTS):
                return request, response
            response.release()
            request = _redirected(request, response.status, onward)
        raise Outside(f"{request.url}: more than {limits.redirects} redirects")

    async def _send(self, request: Request, limits: Limits) -> aiohttp.ClientResponse:
        where = str(request.url)
        asked = _Asked(request.url.host or "", [])
        token = _asked.set(asked)
        try:
            async with asyncio.timeout(limits.first_byte):
                response = await self._ready().request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    data=request.body,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(sock_connect=limits.connect),
                )
        except (aiohttp.ClientError, ValueError) as error:
            if asked.refusals:
                raise Refused(f"Refused: {asked.refusals[0]}") from error
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise TimedOut("connect", limits.connect, where) from error
            raise Unreachable(f"{where}: {_short(error)}") from error
        except TimeoutError as error:
            raise TimedOut("first byte", limits.first_byte, where) from error
        finally:
            _asked.reset(token)
        if "," in ",".join(response.headers.getall("content-encoding", ())):
            # Two layers of compression make a gigabyte of a packet, before a size can be seen.
            response.close()
            raise Broken(f"{where}: the answer is compressed more than once")
        return response


def _redirected(request: Request, status: int, onward: str) -> Request:
    """Return the request that follows a redirect, as browsers build it."""
    try:
        url = request.url.join(yarl.URL(onward))
        if url.scheme not in ("http", "https"):
            raise Refused(f"{request.url}: redirected to {url.scheme}:")
        url = parse(str(url))
    except (BadInput, ValueError) as error:
        raise Unreachable(f"{request.url}: redirected to what cannot be called") from error
    method, headers, body = request.method, dict(request.headers), request.body
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = {name: headers[name] for name in headers if name.lower() not in ABOUT_A_BODY}
    if url.origin() != request.url.origin():
        # Any other header may be a secret meant for who was asked first.
        headers = {name: headers[name] for name in headers if name.lower() in HARMLESS}
    return Request(method, url, headers, body)


def parse(url: str) -> yarl.URL:
    """Return an address that can be called; raises BadInput for every other."""
    shown = repr(url if len(url) <= LONGEST_SHOWN else f"{url[:LONGEST_SHOWN]}…")
    try:
        if UNSEEN.search(url):
            raise ValueError("it has signs nobody can see")
        parsed = yarl.URL(url.replace(" ", "%20"))  # by itself it writes a plus
        host, port = parsed.raw_host or "", parsed.explicit_port
        host.rstrip(".").encode("idna")  # what looks names up has rules of its own
        if "xn--" in host:
            idna.decode(host)
        if BRACKETED.match(url) or DOTTED.fullmatch(host):
            ipaddress.ip_address(host)
    except ValueError as error:
        raise BadInput(f"{shown} is not a URL: {str(error)[:LONGEST_SHOWN]}") from error
    if port is not None and port > LAST_PORT:
        raise BadInput(f"{shown} is not a URL: there is no port {port}")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise BadInput("leave user and password out of the address; a header carries them")
    if parsed.scheme not in ("http", "https") or not host:
        raise BadInput(f"{shown}: only http:// and https:// addresses can be called")
    return parsed


def _amount(count: int) -> str:
    return f"{count // MEGABYTE} MB" if count >= MEGABYTE else f"{count} bytes"


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
