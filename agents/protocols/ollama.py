"""Ollama's native API, as ollama/ollama at fb3076099 (August 2026) speaks it.

Durations on the wire are nanoseconds and missing when zero; `load_duration` holds the host's
queueing too. Requests stream newline-delimited JSON; an error may come as a line inside a 200.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from agents.errors import (
    AgentError,
    AgentFailed,
    AgentTalksNonsense,
    ModelMissing,
    RequestRefused,
)
from agents.plain import LONG, mapping, number, objects, words
from agents.protocols.base import (
    EMBEDDING,
    LIST_SECONDS,
    ChatRequest,
    Embeddings,
    GenerateRequest,
    HostProtocol,
    Json,
    Message,
    ModelInfo,
    Piece,
    Probe,
    Progress,
    Resident,
    ToolCall,
    Usage,
    parsed,
    protocols,
)
from whoosh_site.core.errors import BadInput
from whoosh_site.core.limits import Limits

NDJSON = "json"  # application/x-ndjson, or application/json from lax look-alikes
ONE_AT_A_TIME = ("qwen3vl", "qwen35", "lfm2", "nemotron_h")
"""How the names of families begin that Ollama works on one call at a time with."""
OPTIONS = {"max_tokens": "num_predict", "context_length": "num_ctx"}
PULLING = Limits(first_byte=120.0, between=300.0, total=None, size=10**12)
"""Lines come many times a second, but none while gigabytes are verified."""
LOADING = Limits(first_byte=600.0, total=900.0)
DELETING = Limits(first_byte=120.0, total=180.0)
NAME = re.compile(
    r"(?:[a-z0-9_][a-z0-9_.:-]{0,349}/)?"  # a registry's host and port
    r"(?:[a-z0-9_][a-z0-9_-]{0,79}/)?"  # a namespace
    r"[a-z0-9_][a-z0-9_.-]{0,79}"
    r"(?::[a-z0-9_][a-z0-9_.-]{0,79})?",
    re.IGNORECASE,
)
LONGEST_NAME = 200
UNKNOWN = "pull model manifest: file does not exist"
REFUSED = re.compile(r"pull model manifest: 4\d\d\b")
NO_CHAT = "does not support generate"


@protocols.add
class Ollama(HostProtocol):
    """An Ollama host."""

    key = "ollama"
    label = "Ollama"
    rank = 1
    verbs = frozenset({"pull", "load", "unload", "delete"})
    takes_context = True

    async def probe(self) -> Probe:
        """Ask for the version."""
        found = await self.get("/api/version")
        if not isinstance(found.get("version"), str):
            raise AgentTalksNonsense(f"{self.endpoint.url} has no Ollama version.")
        return Probe("ollama", "ollama", words(found["version"]))

    async def models(self) -> list[ModelInfo]:
        """List local models; hosts too old to name capabilities are asked model by model."""
        found = await self.get("/api/tags", seconds=LIST_SECONDS)
        rows = found.get("models")
        if not isinstance(rows, list):
            raise AgentTalksNonsense(f"{self.endpoint.url} lists no models.")
        return [await self._model(row) for row in objects(rows) if _name(row)]

    async def _model(self, row: Json) -> ModelInfo:
        details = mapping(row.get("details"))
        capabilities = row.get("capabilities")
        context = number(details.get("context_length"))
        if capabilities is None:
            shown = await self._shown(_name(row))
            capabilities = shown.get("capabilities") or ["completion"]
            context = context or _trained_context(mapping(shown.get("model_info")))
        family, abilities = words(details.get("family")), _capabilities(capabilities)
        return ModelInfo(
            name=_name(row),
            digest=words(row.get("digest")),
            size=number(row.get("size"), LONG),
            family=family,
            parameters=words(details.get("parameter_size")),
            quantization=words(details.get("quantization_level")),
            capabilities=abilities,
            context_length=context,
            remote_host=words(row.get("remote_host")),
            slots=1 if one_at_a_time(family, abilities) else None,
        )

    async def _shown(self, name: str) -> Json:
        """Return what an old host tells of one model; one that is broken spoils no list."""
        try:
            return await self.post("/api/show", {"model": name})
        except (AgentFailed, ModelMissing, RequestRefused):
            return {}

    async def resident(self) -> list[Resident]:
        """List loaded models."""
        found = await self.get("/api/ps")
        rows = [row for row in objects(found.get("models")) if _name(row)]
        return [
            Resident(
                name=_name(row),
                until=_moment(row.get("expires_at")),
                size_vram=number(row.get("size_vram"), LONG),
                context_length=number(row.get("context_length")),
            )
            for row in rows
        ]

    def chat(self, request: ChatRequest, limits: Limits | None = None) -> AsyncIterator[Piece]:
        """Stream `/api/chat`."""
        body: Json = {
            "model": request.model,
            "messages": [_message(message) for message in request.messages],
            "stream": True,
            "options": _options(request.options),
        }
        if request.tools:
            body["tools"] = list(request.tools)
        return self._stream("/api/chat", body | _common(request), limits)

    def generate(
        self, request: GenerateRequest, limits: Limits | None = None
    ) -> AsyncIterator[Piece]:
        """Stream `/api/generate`."""
        body: Json = {
            "model": request.model,
            "prompt": request.prompt,
            "stream": True,
            "options": _options(request.options),
        }
        given = {"system": request.system, "suffix": request.suffix, "raw": request.raw}
        body |= {name: value for name, value in given.items() if value}
        if request.images:
            body["images"] = list(request.images)
        return self._stream("/api/generate", body | _common(request), limits)

    async def embed(self, model: str, inputs: list[str]) -> Embeddings:
        """Ask `/api/embed`."""
        found = await self.post("/api/embed", {"model": model, "input": inputs}, EMBEDDING)
        vectors = found.get("embeddings")
        if not isinstance(vectors, list):
            raise AgentFailed(f"{self.endpoint.url} sent no embeddings.")
        return Embeddings(vectors, number(found.get("prompt_eval_count")))

    # -- a host's models ---------------------------------------------------------------------

    @classmethod
    def vet_model(cls, name: str) -> str:
        """Return the name with its tag; raises BadInput for what Ollama takes for no name."""
        found = name.strip()
        if len(found) > LONGEST_NAME or not NAME.fullmatch(found):
            raise BadInput(
                f"model: {name[:100]!r} is no model name. Use one like llama3:8b, "
                "user/model:tag or registry.host/user/model:tag."
            )
        return found if ":" in found.rpartition("/")[2] else f"{found}:latest"

    async def pull(self, model: str) -> AsyncIterator[Progress]:
        """Ask `/api/pull`; Ollama keeps what came, and goes on there when it is asked again."""
        url, body = self.endpoint.url, {"model": model, "stream": True}
        async with aclosing(self._lines("/api/pull", body, PULLING)) as lines:
            async for data in lines:
                if error := data.get("error"):
                    raise _unpulled(words(error), model, url)
                step = _progress(data)
                yield step
                if step.status == "success":
                    return
        raise AgentFailed(f"{url} broke off in the middle of a pull.")

    async def load(self, model: str, keep_alive: str | int | None = None) -> None:
        """Ask for nothing, which only loads; models that embed have a request of their own."""
        body: Json = {"model": model, "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        try:
            await self.post("/api/generate", body, LOADING)
        except RequestRefused as error:
            if NO_CHAT not in error.message:
                raise
            await self.post("/api/embed", body | {"input": []}, LOADING)

    async def unload(self, model: str) -> None:
        """Ask for nothing, kept for no time."""
        await self.post("/api/generate", {"model": model, "keep_alive": 0, "stream": False})

    async def delete(self, model: str) -> None:
        """Ask `/api/delete`, whose answer is empty."""
        await self._fetch("DELETE", "/api/delete", DELETING, {"model": model})

    # -- lines -------------------------------------------------------------------------------

    async def _stream(self, path: str, body: Json, limits: Limits | None) -> AsyncIterator[Piece]:
        async with aclosing(self._lines(path, body, limits)) as lines:
            async for data in lines:
                piece = _piece(data, self.endpoint.url)
                yield piece
                if piece.usage is not None:
                    return
        raise AgentFailed(f"{self.endpoint.url} broke off in the middle of the answer.")

    async def _lines(
        self, path: str, body: Json, limits: Limits | None
    ) -> AsyncGenerator[Json, None]:
        async with (
            self.open(path, body, limits, NDJSON) as answer,
            aclosing(answer.lines()) as lines,
        ):
            async for line in lines:
                if line.strip():
                    yield parsed(self.endpoint.hide(line), self.endpoint.url)


def _progress(data: Json) -> Progress:
    return Progress(
        status=words(data.get("status"))[:200],
        digest=words(data.get("digest"))[:80],
        total=number(data.get("total"), LONG),
        completed=number(data.get("completed"), LONG),
    )


def _unpulled(said: str, model: str, url: str) -> AgentError:
    if said == UNKNOWN:
        return ModelMissing(f"The registry has no model {model}. Check the name and its tag.")
    if REFUSED.match(said):
        return RequestRefused(f"The registry does not hand out {model}: {said}")
    return AgentFailed(f"{url} failed: {said}")


def _piece(data: Json, url: str) -> Piece:
    if "error" in data:
        raise AgentFailed(f"{url} failed: {data['error']}")
    message = mapping(data.get("message"))
    return Piece(
        text=str(message.get("content") or data.get("response") or ""),
        thinking=str(message.get("thinking") or data.get("thinking") or ""),
        tool_calls=tuple(_tool_call(call) for call in objects(message.get("tool_calls"))),
        usage=_usage(data) if data.get("done") else None,
    )


def _usage(data: Json) -> Usage:
    return Usage(
        done_reason=str(data.get("done_reason") or "stop"),
        prompt_tokens=number(data.get("prompt_eval_count")) or 0,
        answer_tokens=number(data.get("eval_count")) or 0,
        load_ms=_ms(data.get("load_duration")),
        prompt_ms=_ms(data.get("prompt_eval_duration")),
        answer_ms=_ms(data.get("eval_duration")),
        total_ms=_ms(data.get("total_duration")),
    )


def _ms(nanoseconds: object) -> float:
    return (number(nanoseconds, LONG) or 0) / 1e6


def _tool_call(call: Json) -> ToolCall:
    function = mapping(call.get("function"))
    return ToolCall(
        name=str(function.get("name") or ""),
        arguments=mapping(function.get("arguments")),
        id=str(call.get("id") or ""),
    )


def _message(message: Message) -> Json:
    body: Json = {"role": message.role, "content": message.content}
    if message.images:
        body["images"] = list(message.images)
    if message.tool_calls:
        body["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_name:
        body["tool_name"] = message.tool_name
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    return body


def _common(request: ChatRequest | GenerateRequest) -> Json:
    body: Json = {}
    if request.schema is not None:
        body["format"] = request.schema
    if request.keep_alive is not None:
        body["keep_alive"] = request.keep_alive
    if request.think is not None:
        body["think"] = request.think
    return body


def _options(options: Mapping[str, Any]) -> Json:
    return {OPTIONS.get(name, name): value for name, value in options.items()}


def one_at_a_time(family: str, abilities: Collection[str]) -> bool:
    """Whether Ollama works on one call of a model at a time, whatever OLLAMA_NUM_PARALLEL says."""
    alone = family in ("mllama", "qwen3next") or family.startswith(ONE_AT_A_TIME)
    return alone or "embedding" in abilities


def _name(row: Json) -> str:
    return words(row.get("name") or row.get("model"))


def _capabilities(found: object) -> tuple[str, ...]:
    return tuple(filter(None, map(words, found))) if isinstance(found, list) else ()


def _trained_context(info: Json) -> int | None:
    lengths = [value for name, value in info.items() if name.endswith(".context_length")]
    return number(lengths[0]) if lengths else None


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text)) if text else None
        if found is None:
            return None
        moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1 < moment.year < 9999 else None  # a date in every time zone
