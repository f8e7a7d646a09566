"""Requests of nodes that speak to one service: signed, tried again when told so."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from whoosh_site.core.errors import WhooshError
from whoosh_site.core.limits import MEGABYTE, Limits
from workflows.credentials import shelf
from workflows.engine.errors import NodeError
from workflows.engine.node import Context
from workflows.nodes.web.answers import Got, headers_of
from workflows.nodes.web.request import Request
from workflows.nodes.web.signing import Signer

TRIES = 3
LONGEST_PAUSE = 60.0
"""Seconds a service may ask to be left alone; for longer, the node fails."""
LIMITS = Limits(first_byte=300.0, total=300.0, size=32 * MEGABYTE)
LATER = (429, 503)
Complaint = Callable[[Any], str]
"""Says what is wrong in an answer of status 200, or nothing."""


@dataclass
class Service:
    """A service as one run of a node sees it."""

    context: Context
    signer: Signer | None
    complaint: Complaint = lambda value: ""

    async def ask(self, index: int, request: Request, number: int = 0) -> Any:
        """Send a request for an item; returns what the answer holds, as JSON or text.

        `number` tells several requests for one item apart: each has its own idempotency key.

        Raises:
            NodeError: the service says no, with its words and what to do.
        """
        got = await self.got(index, request, number)
        value = got.value("json" if got.form("autodetect") == "json" else "text")
        if words := self.complaint(value):
            raise NodeError(f"The service says no: {words}", description=_advice(got.status))
        return value

    async def got(self, index: int, request: Request, number: int = 0) -> Got:
        """Send a request; returns the whole answer where its status is good."""
        key = step_key(self.context, index, number)
        for left in reversed(range(TRIES)):
            got = await self._sent(request, key)
            pause = _pause(got) if got.status in LATER else None
            if pause is None or not left:
                break
            await self.context.outside.sleep(pause)
        if not got.ok:
            raise got.failure()
        return got

    async def _sent(self, request: Request, key: str) -> Got:
        if self.signer is None:
            return await self._opened(request, key)
        used = self.signer.found
        got = await self._opened(self.signer.sign(request), key)
        if got.status == 401:
            again = await self.signer.again(request, got.headers, used)
            if again is not None:
                got = await self._opened(again, key)
        hide = self.context.mask
        return Got(got.status, hide.hide(got.headers), hide.data(got.body), hide.text(got.url))

    async def _opened(self, request: Request, key: str) -> Got:
        headers = {"accept": "application/json", "user-agent": "WHOOSH", "idempotency-key": key}
        content = None
        if request.body is not None:
            content, mime = request.body.encoded()
            headers["content-type"] = mime
        headers |= request.headers
        try:
            async with self.context.outside.http(
                request.method, request.full_url, headers=headers, content=content, limits=LIMITS
            ) as answer:
                return Got(
                    answer.status, headers_of(answer.headers), await answer.read(), answer.url
                )
        except WhooshError as error:
            raise NodeError(error.message) from error


async def service_of(
    context: Context, kind: str, complaint: Complaint = lambda value: ""
) -> Service:
    """Return the service a credential of this type signs in to; NodeError where none is chosen."""
    found = await context.credential(kind)
    return Service(context, Signer(context, shelf[kind], found), complaint)


def step_key(context: Context, index: int, number: int) -> str:
    """Return a key that is the same whenever this request of this step is repeated."""
    place = context.first_index + index
    parts = (context.outside.run_key, context.node.name, context.run_index, place, number)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _pause(got: Got) -> float | None:
    """Return the seconds after which to ask again; None where that is not to be waited for."""
    told = got.headers.get("retry-after")
    if told is None and got.form("autodetect") == "json":
        body = got.loose_value("json")
        inner = body.get("parameters") if isinstance(body, Mapping) else None
        told = inner.get("retry_after") if isinstance(inner, Mapping) else None  # Telegram
    try:
        seconds = float(str(told))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST_PAUSE else None


def _advice(status: int) -> str:
    return f"It answered with the status {status}. Check the parameters, and what its token may do."
