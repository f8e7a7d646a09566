"""Requests read and answers written, with whatever fault is due in the middle of a stream."""

import json
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from aiohttp import web

from tests.fake_agent.faults import STREAMS, Fault

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost

HOST: web.AppKey[Any] = web.AppKey("host", object)
Json = dict[str, Any]
_compact = json.JSONEncoder(separators=(",", ":")).encode  # made once: a stream needs it often


class Part(Protocol):
    """Some of a host's routes."""

    def routes(self) -> list[web.RouteDef]:
        """Return them."""
        ...


class Refusal(Exception):
    """A request is answered with an error; each format words it its own way."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Dropped(Exception):
    """The host has ended an answer before its time."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__()
        self.response = response


async def read_json(request: web.Request) -> Json:
    """Return the object a request brings.

    Raises:
        Refusal: there is none.
    """
    raw = await request.read()
    if not raw:
        raise Refusal(400, "missing request body")
    try:
        body = json.loads(raw)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        sign = raw[at : at + 1].decode("utf-8", "replace")
        said = f"invalid character '{sign}' looking for beginning of value"
        raise Refusal(400, said if sign else "unexpected EOF") from error
    if not isinstance(body, dict):
        raise Refusal(400, "json: cannot unmarshal this into an object")
    return body


def text_list(value: object) -> list[str]:
    """Read a text or a list of texts.

    Raises:
        Refusal: it is neither.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise Refusal(400, "invalid input type")


class Stream:
    """An answer in chunks, opened by its first one: until then an error has a real status."""

    content_type: ClassVar[str]
    half_line: ClassVar[bytes]

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.host: FakeHost = request.app[HOST]
        self._response = web.StreamResponse(headers={"Content-Type": self.content_type})
        self._fault: Fault | None = None
        self._open = False
        self._sent = 0
        self._drip = 0.0
        """Seconds before each byte."""

    async def send(self, data: Json) -> None:
        """Send one chunk."""
        await self._ready()
        frame = self.frame(data)
        await (self._trickle(frame) if self._drip else self._response.write(frame))
        self._sent += 1

    async def end(self, data: Json) -> web.StreamResponse:
        """Send the last chunk and close the answer in the same breath."""
        await self._ready()
        last = self.frame(data) + self.farewell()
        if self._drip:
            await self._trickle(last)
            last = b""
        await self._response.write_eof(last)
        return self._response

    def frame(self, data: Json) -> bytes:
        """Return a chunk as it goes over the wire."""
        raise NotImplementedError

    def failure(self, text: str) -> Json:
        """Return the chunk that tells of an error."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """Return what follows the last chunk."""
        return b""

    async def _ready(self) -> None:
        if not self._open:
            self._open = True
            self._fault = self.host.faults.take(self.request.path, STREAMS)
            await self._response.prepare(self.request)
        fault = self._fault
        if fault is not None and self._sent >= fault.after:
            self._fault = None
            await self._spoil(fault)

    async def _trickle(self, data: bytes) -> None:
        for byte in data:
            await self.host.clock.pause(self._drip)
            await self._response.write(bytes([byte]))

    async def _spoil(self, fault: Fault) -> None:
        if fault.kind == "stall":
            await self.host.clock.pause(fault.seconds)
        elif fault.kind == "drip":
            self._drip = fault.seconds
        elif fault.kind == "malformed":
            await self._response.write(self.half_line)
        elif fault.kind == "error":
            await self._response.write_eof(self.frame(self.failure(fault.text)))
            raise Dropped(self._response)
        else:
            hang_up(self.request)
            raise Dropped(self._response)


class Ndjson(Stream):
    """Ollama's streams: an object, a line end."""

    content_type = "application/x-ndjson"
    half_line = b'{"model":"tiny:1b","mess\n'

    def frame(self, data: Json) -> bytes:
        """Return one line."""
        return _compact(data).encode() + b"\n"

    def failure(self, text: str) -> Json:
        """Return an error as Ollama says it inside a 200."""
        return {"error": text}


class Sse(Stream):
    """The streams of /v1: server-sent events."""

    content_type = "text/event-stream"
    half_line = b'data: {"id":"chatcmpl-fake","choi\n\n'

    def frame(self, data: Json) -> bytes:
        """Return one event."""
        return b"data: " + _compact(data).encode() + b"\n\n"

    def failure(self, text: str) -> Json:
        """Return an error as the flavour says it."""
        return self.host.v1_error(500, text)

    def farewell(self) -> bytes:
        """Return the sign that ends every stream."""
        return b"data: [DONE]\n\n"


def hang_up(request: web.Request) -> None:
    """Close a connection; what was written before still arrives."""
    request.app[HOST].record.drop(request)
    if request.transport is not None:
        request.transport.close()
