"""What every wire format offers, and the neutral words requests and answers are made of."""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from agents.errors import (
    AgentBusy,
    AgentError,
    AgentFailed,
    AgentMoved,
    AgentOffline,
    AgentSlow,
    AgentTalksNonsense,
    AgentUnauthorised,
    EndpointRefused,
    ModelMissing,
    RequestRefused,
)
from whoosh_site.core.errors import BadInput, Broken, Refused, TimedOut, TooLarge, Unreachable
from whoosh_site.core.http import Answer, Door, Fetched
from whoosh_site.core.limits import Limits, quick
from whoosh_site.core.shelf import Shelf

PROBE_SECONDS = 4.0
LIST_SECONDS = 15.0
EMBEDDING = Limits(first_byte=300.0, total=600.0)
TITLE = re.compile(r"<title[^>]*>(.{1,200}?)</title>", re.IGNORECASE | re.DOTALL)
Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """Where a host is and how to enter it."""

    url: str
    door: Door
    api_key: str = ""

    @property
    def base(self) -> str:
        """The address without a trailing slash or `/v1`."""
        return self.url.rstrip("/").removesuffix("/v1").rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        """The headers every request carries."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def hide(self, text: str) -> str:
        """Take the key out of what a host said: some repeat what they were sent."""
        return text.replace(self.api_key, "•••") if self.api_key else text


@dataclass(frozen=True)
class Probe:
    """What a cheap question found: which software, which version, whether it takes work now."""

    protocol: str
    flavour: str
    version: str = ""
    busy: str = ""
    """Why it takes no more work right now, or nothing."""
    loading: bool = False
    slots: int | None = None
    """How many answers it gives at a time; None where it does not tell."""


@dataclass(frozen=True)
class ModelInfo:
    """One model a host can run."""

    name: str
    digest: str = ""
    size: int | None = None
    family: str = ""
    parameters: str = ""
    quantization: str = ""
    capabilities: tuple[str, ...] = ()
    """What it can do; empty when the host does not tell."""
    context_length: int | None = None
    remote_host: str = ""
    """Where it really runs, when the host only passes requests on to a cloud."""
    slots: int | None = None
    """Calls the host works on at once, where it limits this model more than others."""


@dataclass(frozen=True)
class Resident:
    """One model in a host's memory."""

    name: str
    until: datetime | None = None
    size_vram: int | None = None
    context_length: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far a host is with fetching a model; the figures are bytes of one layer of it."""

    status: str
    digest: str = ""
    total: int | None = None
    completed: int | None = None


@dataclass(frozen=True)
class ToolCall:
    """A tool the model wants called, arguments as an object."""

    name: str
    arguments: Json
    id: str = ""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; images are base64 text without a `data:` prefix."""

    role: str
    content: str = ""
    images: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


@dataclass(frozen=True)
class ChatRequest:
    """A conversation to be continued.

    `schema` is a JSON schema the answer must fit, or "json" for any JSON. `options` uses the
    neutral names temperature, top_p, seed, stop, max_tokens, context_length; others are handed to
    the host as they are.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Json, ...] = ()
    schema: Json | str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    keep_alive: str | int | None = None


@dataclass(frozen=True)
class GenerateRequest:
    """A text to be completed."""

    model: str
    prompt: str
    system: str = ""
    suffix: str = ""
    images: tuple[str, ...] = ()
    schema: Json | str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    raw: bool = False
    think: bool | str | None = None
    keep_alive: str | int | None = None


@dataclass(frozen=True)
class Usage:
    """Exact figures of a finished answer, as far as the host gives them; times in milliseconds."""

    done_reason: str = ""
    prompt_tokens: int | None = None
    read_tokens: int | None = None
    """Of the prompt, what was not remembered from before; None when the host does not tell."""
    answer_tokens: int | None = None
    load_ms: float | None = None
    prompt_ms: float | None = None
    answer_ms: float | None = None
    total_ms: float | None = None

    @property
    def slot_wait_ms(self) -> float | None:
        """Waiting for a slot at the host: what of the total nothing else explains."""
        if self.total_ms is None:
            return None
        told = (self.load_ms or 0) + (self.prompt_ms or 0) + (self.answer_ms or 0)
        return max(self.total_ms - told, 0.0)


@dataclass(frozen=True)
class Piece:
    """A piece of a streamed answer; the last one carries the usage."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True)
class Embeddings:
    """Vectors in the order of their inputs."""

    vectors: list[list[float]]
    prompt_tokens: int | None = None


class HostProtocol:
    """One wire format. Methods raise leaves of AgentError and nothing else."""

    key: ClassVar[str]
    label: ClassVar[str]
    rank: ClassVar[int]
    """Order in which an unknown endpoint is tried."""
    verbs: ClassVar[frozenset[str]] = frozenset()
    """Which of pull, load, unload and delete it has; a format without them only uses models."""
    takes_context: ClassVar[bool] = False
    """Whether each request may name a `context_length`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def probe(self) -> Probe:
        """Ask cheaply whether the host lives and takes work; never by a completion."""
        raise NotImplementedError

    async def models(self) -> list[ModelInfo]:
        """List what the host can run."""
        raise NotImplementedError

    async def resident(self) -> list[Resident]:
        """List what is in the host's memory."""
        raise NotImplementedError

    def chat(self, request: ChatRequest, limits: Limits | None = None) -> AsyncIterator[Piece]:
        """Stream the continuation of a conversation; closing the iterator cancels at the host."""
        raise NotImplementedError

    def generate(
        self, request: GenerateRequest, limits: Limits | None = None
    ) -> AsyncIterator[Piece]:
        """Stream the completion of a text; closing the iterator cancels at the host."""
        raise NotImplementedError

    async def embed(self, model: str, inputs: list[str]) -> Embeddings:
        """Return one vector per input."""
        raise NotImplementedError

    # -- verbs some formats have: see `verbs` ----------------------------------------------------

    @classmethod
    def vet_model(cls, name: str) -> str:
        """Return a model's name as hosts write it; raises BadInput for one that cannot be."""
        raise NotImplementedError

    def pull(self, model: str) -> AsyncIterator[Progress]:
        """Let the host fetch a model; ends when it has it, goes on with what it has of it."""
        raise NotImplementedError

    async def load(self, model: str, keep_alive: str | int | None = None) -> None:
        """Have a model in memory; `keep_alive` as in a request."""
        raise NotImplementedError

    async def unload(self, model: str) -> None:
        """Take a model out of memory as soon as nobody uses it."""
        raise NotImplementedError

    async def delete(self, model: str) -> None:
        """Take a model off the host's disk."""
        raise NotImplementedError

    # -- shared wire work --------------------------------------------------------------------

    async def get(self, path: str, *, seconds: float = PROBE_SECONDS) -> Json:
        """Return the JSON object behind a path."""
        return self._object(await self._fetch("GET", path, quick(seconds)), path)

    async def post(self, path: str, body: Json, limits: Limits | None = None) -> Json:
        """Send JSON and return the JSON object that comes back."""
        limits = limits or quick(LIST_SECONDS)
        return self._object(await self._fetch("POST", path, limits, body), path)

    async def _fetch(
        self, method: str, path: str, limits: Limits, body: Json | None = None
    ) -> Fetched:
        url = f"{self.endpoint.base}{path}"
        with translated(self.endpoint.url):
            found = await self.endpoint.door.fetch(
                method, url, headers=self.endpoint.headers, json=body, limits=limits
            )
        if found.status >= 300:
            raise self._refusal(found.status, found.text, found.headers, known=False)
        return found

    def _refusal(
        self, status: int, body: str, headers: Mapping[str, str], *, known: bool
    ) -> AgentError:
        body = self.endpoint.hide(body)
        onward = self.endpoint.hide(headers.get("location", "nowhere"))
        text = said(body) or (" ".join(body.split())[:200] if known else "")
        return refusal(status, text, body, self.endpoint.url, onward)

    def _object(self, found: Fetched, path: str) -> Json:
        try:
            data = json.loads(self.endpoint.hide(found.text))
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise AgentTalksNonsense(
                f"{self.endpoint.url}{path} answers, but not like a model host "
                f"({found.headers.get('content-type', 'no content type')}). Check the port."
            )
        return data

    @contextlib.asynccontextmanager
    async def open(
        self, path: str, body: Json, limits: Limits | None, stream_type: str
    ) -> AsyncIterator[Answer]:
        """Open a streamed POST whose status and content type have been checked."""
        url = f"{self.endpoint.base}{path}"
        with translated(self.endpoint.url):
            async with self.endpoint.door.stream(
                "POST", url, headers=self.endpoint.headers, json=body, limits=limits
            ) as answer:
                kind = answer.headers.get("content-type", "")
                if answer.status >= 300 or stream_type not in kind:
                    text = (await answer.read()).decode("utf-8", "replace")
                    raise self._refusal(answer.status, text, answer.headers, known=True)
                try:
                    yield answer
                except AgentError as error:  # an error told inside the stream
                    raise type(error)(self.endpoint.hide(error.message)) from None


protocols: Shelf[HostProtocol] = Shelf("agent protocol")


async def detect(endpoint: Endpoint) -> tuple[HostProtocol, Probe]:
    """Find out which format an endpoint speaks, by asking.

    Raises:
        AgentError: the most telling one: no key before no connection before nonsense.
    """
    failures: list[AgentError] = []
    for protocol in sorted(protocols, key=lambda found: found.rank):
        host = protocol(endpoint)
        try:
            return host, await host.probe()
        except (AgentOffline, AgentSlow, EndpointRefused):
            raise  # the other format would meet the same
        except AgentError as error:
            failures.append(error)
    for telling in (AgentUnauthorised, AgentBusy, AgentFailed, AgentMoved):
        for failure in failures:
            if isinstance(failure, telling):
                raise failure
    raise AgentTalksNonsense(
        f"{endpoint.url} answers, but neither like Ollama nor like an OpenAI-compatible server. "
        "Check the port."
    )


async def is_whoosh(endpoint: Endpoint, *, connect: float = PROBE_SECONDS) -> bool:
    """Say whether a WHOOSH answers there: it may pass for a model host, and would ask itself.

    Raises:
        AgentOffline, EndpointRefused: nobody is there within `connect` seconds, or may be asked.
    """
    limits = replace(quick(PROBE_SECONDS), connect=connect)
    try:
        with translated(endpoint.url):
            found = await endpoint.door.fetch(
                "GET", f"{endpoint.base}/healthz", headers=endpoint.headers, limits=limits
            )
        return bool(found.json().get("service") == "whoosh")
    except (AgentOffline, EndpointRefused):
        raise
    except (AgentError, ValueError, RecursionError, AttributeError):
        return False  # it answered in its own way


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn errors of the outbound door into errors about an agent."""
    try:
        yield
    except Unreachable as error:
        raise AgentOffline(f"{url} cannot be reached: {_reason(error)}.") from error
    except TimedOut as error:
        if error.phase == "connect":
            raise AgentOffline(f"{url} cannot be reached: no connection in time.") from error
        raise AgentSlow(
            f"{url} is too slow: no answer within the limit ({error.phase})."
        ) from error
    except Refused as error:
        raise EndpointRefused(f"{url}: {error.message}") from error
    except BadInput as error:
        raise EndpointRefused(f"{url}: {error.message}") from error
    except Broken as error:
        raise AgentFailed(f"{url} broke off in the middle of the answer.") from error
    except TooLarge as error:
        raise AgentFailed(f"{url} sent more than the allowed size.") from error


def _reason(error: Unreachable) -> str:
    return error.message.partition(": ")[2] or error.message


def refusal(status: int, text: str, body: str, url: str, onward: str) -> AgentError:
    """Return our error for an answer that is no stream, or not a good one."""
    text = text or f"HTTP {status}"
    if 300 <= status < 400:
        return AgentMoved(f"{url} redirects to {onward}. Use that address, if it is right.")
    if status < 300:
        whole = body.lstrip().startswith("{")
        what = f"failed: {text}" if whole else "answers, but not like a model host. Check the port."
        return AgentFailed(f"{url} {what}") if whole else AgentTalksNonsense(f"{url} {what}")
    if status == 403 and "cloud" in text.lower():
        return RequestRefused(f"{url} refuses: {text}")
    if status in (401, 403):
        return AgentUnauthorised(f"{url} wants another key: {text}{_sign_in(body)}")
    if status == 404 and "model" in text.lower():
        return ModelMissing(f"{url}: {text}")
    if status in (429, 503):
        return AgentBusy(f"{url} is busy: {text}")
    if status in (404, 405):
        return AgentTalksNonsense(f"{url} does not know this request: {text}")
    if status < 500 or status == 501:
        return RequestRefused(f"{url} refuses: {text}")
    return AgentFailed(f"{url} failed: {text}")


def _sign_in(body: str) -> str:
    """Return where an operator signs a host in to its maker's cloud, if it says so."""
    try:
        place = json.loads(body).get("signin_url")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return f" Sign in there: {place[:300]}" if isinstance(place, str) else ""


def said(body: str) -> str:
    """Return the message inside an error body: Ollama's, OpenAI's, or a page's title.

    Anything may listen behind an address: of what is not known to be a model host, no more is
    repeated.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        page_title = TITLE.search(body)
        return " ".join(page_title[1].split())[:200] if page_title else ""
    error = data.get("error", data) if isinstance(data, dict) else ""
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail")
    return error[:500] if isinstance(error, str) else ""


def parsed(line: str, url: str) -> Json:
    """Return one streamed JSON object."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AgentFailed(f"{url} sent something that is no JSON.") from error
    if not isinstance(data, dict):
        raise AgentFailed(f"{url} sent JSON that is no object.")
    return data
