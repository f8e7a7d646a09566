"""Ollama's native API, as ollama/ollama at fb3076099 (August 2026) speaks it.

Durations on the wire are nanoseconds and missing when zero; `load_duration` holds the host's
queueing too. Requests stream newline-delimited JSON; an error may come as a line inside a 200.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from agents.errors import AgentFailed, AgentTalksNonsense, ModelMissing, RequestRefused
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
    Resident,
    ToolCall,
    Usage,
    parsed,
    protocols,
)
from whoosh_site.core.limits import Limits

NDJSON = "json"  # application/x-ndjson, or application/json from lax look-alikes
ONE_AT_A_TIME = ("qwen3vl", "qwen35", "lfm2", "nemotron_h")
"""How the names of families begin that Ollama works on one call at a time with."""
OPTIONS = {"max_tokens": "num_predict", "context_length": "num_ctx"}


@protocols.add
class Ollama(HostProtocol):
    """An Ollama host."""

    key = "ollama"
    label = "Ollama"
    rank = 1
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

    async def _stream(self, path: str, body: Json, limits: Limits | None) -> AsyncIterator[Piece]:
        async with (
            self.open(path, body, limits, NDJSON) as answer,
            aclosing(answer.lines()) as lines,
        ):
            async for line in lines:
                if not line.strip():
                    continue
                line = self.endpoint.hide(line)
                piece = _piece(parsed(line, self.endpoint.url), self.endpoint.url)
                yield piece
                if piece.usage is not None:
                    return
        raise AgentFailed(f"{self.endpoint.url} broke off in the middle of the answer.")


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
