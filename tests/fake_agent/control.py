"""What a test says to a fake host in another process: /_fake/faults, /_fake/state, /_fake/clock."""

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fake_agent.faults import DOWN
from tests.fake_agent.wire import Json, Refusal, read_json

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost

PREFIX = "/_fake/"
LAST_WORDS = 0.05
"""Real seconds a host that is to refuse everything still has for its answer."""


class Control:
    """The routes under /_fake; they are neither recorded nor disturbed by faults."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/_fake/state", self.state),
            web.post("/_fake/faults", self.add_fault),
            web.delete("/_fake/faults", self.clear_faults),
            web.post("/_fake/clock", self.clock),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """Tell what happened; `?last=` requests are told in full (20)."""
        last = int(request.query.get("last", "20"))
        return web.json_response(self.host.state(last))

    async def add_fault(self, request: web.Request) -> web.Response:
        """Add a fault: the fields of Fault as JSON."""
        body = await read_json(request)
        if body.get("kind") == DOWN:
            loop = asyncio.get_running_loop()
            loop.call_later(LAST_WORDS, lambda: self.host.faults.add(**body))
            return web.json_response({"added": DOWN})
        try:
            fault = self.host.faults.add(**body)
        except (TypeError, ValueError) as error:
            raise Refusal(400, str(error)) from error
        return web.json_response({"added": fault.kind})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Mend everything."""
        self.host.faults.clear()
        return web.json_response({"cleared": True})

    async def clock(self, request: web.Request) -> web.Response:
        """Change the pace, move time on."""
        body = await read_json(request)
        clock = self.host.clock
        if "pace" in body:
            clock.pace = float(body["pace"])
        clock.advance(float(body.get("advance") or 0))
        found: Json = {"pace": clock.pace, "now": clock.now()}
        return web.json_response(found)
