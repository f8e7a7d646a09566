"""What every request passes: the record, the faults, the key, the errors in the flavour's words."""

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fake_agent.control import PREFIX
from tests.fake_agent.faults import DELAY, REPLIES, Fault
from tests.fake_agent.memory import QueueFull
from tests.fake_agent.others import no_route
from tests.fake_agent.wire import Dropped, Refusal, hang_up

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BUSY = "server busy, please try again.  maximum pending requests exceeded"
BLOCK = b"x" * 65_536
PAGE = "<!doctype html><html><body><h1>It works!</h1></body></html>"
_LOCAL_NAMES = (".localhost", ".local", ".internal")


class Gate:
    """The middleware of one host."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request, whatever comes in between."""
        if request.path.startswith(PREFIX):
            return await self._worded(request, handler)
        try:
            return await self._recorded(request, handler)
        except ConnectionResetError:
            return web.Response()  # to nobody

    async def _recorded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        with self.host.record.following(request, body):
            try:
                response = await self._disturbed(request, handler)
            except Dropped as broken:
                response = broken.response
            self.host.record.statuses[response.status] += 1
            return response

    async def _disturbed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the faults have their way, then answer."""
        delay = self.host.faults.take(request.path, frozenset({DELAY}))
        if delay is not None:
            await self.host.clock.pause(delay.seconds)
        fault = self.host.faults.take(request.path, REPLIES)
        if fault is not None:
            return await _spoilt(request, fault)
        return await self._worded(request, handler)

    async def _worded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, with errors as this software words them."""
        try:
            if not request.path.startswith(PREFIX):
                self._admit(request)
            return await handler(request)
        except Refusal as refusal:
            return self._error(request, refusal.status, refusal.message)
        except QueueFull:
            return self._error(request, 503, BUSY)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            return no_route(self.host.kind, error.status, request)

    def _admit(self, request: web.Request) -> None:
        """Look at the Host header, at the key, and whether the host is ready.

        Raises:
            Refusal: not with this.
        """
        kind = self.host.kind
        if kind.native and not _is_local(request.host):
            raise Refusal(403, "")
        if request.path not in kind.open_paths and not self._has_key(request):
            raise Refusal(401, "Invalid API Key" if kind.key == "llamacpp" else "unauthorized")
        if self.host.loading and request.path != "/v1/models":
            raise Refusal(503, "Loading model")

    def _has_key(self, request: web.Request) -> bool:
        key = self.host.settings.key
        given = request.headers.get("Authorization", "")
        return not key or hmac.compare_digest(given.encode(), f"Bearer {key}".encode())

    def _error(self, request: web.Request, status: int, message: str) -> web.Response:
        if not message:
            return web.Response(status=status)
        if self.host.kind.native and not request.path.startswith("/v1/"):
            return web.json_response({"error": message}, status=status)
        return web.json_response(self.host.v1_error(status, message), status=status)


def _is_local(host: str) -> bool:
    """Say whether Ollama, bound to loopback, takes this Host header."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.strip("[]").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in ("", "localhost") or name.endswith(_LOCAL_NAMES)
    return address.is_loopback or address.is_private or address.is_unspecified


async def _spoilt(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Answer as a fault says, whatever was asked."""
    if fault.kind == "drop":
        hang_up(request)
        raise Dropped(web.Response())
    if fault.kind == "html":
        return web.Response(text=PAGE, content_type="text/html")
    if fault.kind == "redirect":
        return web.Response(status=fault.status, headers={**fault.headers, "Location": fault.to})
    if fault.kind == "huge":
        return await _huge(request, fault.size)
    if fault.kind == "echo":
        headers = dict(request.headers)
        said = {"method": request.method, "path": request.path_qs, "headers": headers}
        return web.json_response(said)
    return _status(fault)


def _status(fault: Fault) -> web.Response:
    plain = isinstance(fault.body, str)
    return web.Response(
        status=fault.status,
        text=str(fault.body) if plain else json.dumps(fault.body),
        content_type="text/plain" if plain else "application/json",
        headers=fault.headers,
    )


async def _huge(request: web.Request, size: int) -> web.StreamResponse:
    """Send one JSON string of a size nobody expects."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'"')
    for _ in range(size // len(BLOCK)):
        await response.write(BLOCK)
    await response.write_eof(b"x" * (size % len(BLOCK)) + b'"')
    return response
