"""The OpenAI wire format as vLLM, llama.cpp, LM Studio and any `/v1` server speak it.

Beyond the shared routes each server tells more about itself: llama.cpp by `/health`, `/props` and
`timings` in answers, vLLM by `/metrics`, LM Studio by `/api/v1/models`; what is missing stays out.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from agents.errors import AgentBusy, AgentError, AgentFailed, AgentTalksNonsense
from agents.plain import LONG, mapping, milliseconds, number, objects, words
from agents.protocols.base import (
    EMBEDDING,
    LIST_SECONDS,
    PROBE_SECONDS,
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
from whoosh_site.core.limits import Limits, quick

EVENTS = "event-stream"
OWNERS = {"llamacpp": "llama.cpp", "vllm": "vLLM", "organization_owner": "LM Studio"}
VLLM_WAITING = re.compile(
    r"^vllm:num_requests_waiting(?:\{[^}]*\})? (\d+(?:\.\d+)?)\s*$", re.MULTILINE
)
IMAGES = {"iVBOR": "png", "/9j/": "jpeg", "R0lG": "gif", "UklG": "webp"}


@protocols.add
class OpenAI(HostProtocol):
    """A server with `/v1`."""

    key = "openai"
    label = "OpenAI-compatible"
    rank = 2

    async def probe(self) -> Probe:
        """List the models; ask servers that tell more whether they take work."""
        rows = await self._rows(PROBE_SECONDS)
        flavour = _flavour(rows)
        if flavour == "llama.cpp":
            return await self._probe_llama(flavour)
        if flavour == "vLLM":
            return Probe("openai", flavour, await self._version("/version"), await self._waiting())
        return Probe("openai", flavour)

    async def _probe_llama(self, flavour: str) -> Probe:
        try:
            await self.get("/health")
        except AgentBusy:
            return Probe("openai", flavour, busy="It is loading its model", loading=True)
        except AgentTalksNonsense:
            return Probe("openai", flavour)
        props = await self._maybe("/props")
        slots = number(props.get("total_slots"))
        return Probe("openai", flavour, words(props.get("build_info")), slots=slots)

    async def _version(self, path: str) -> str:
        return words((await self._maybe(path)).get("version"))

    async def _waiting(self) -> str:
        with contextlib.suppress(AgentError):
            text = (await self._fetch("GET", "/metrics", quick(PROBE_SECONDS))).text
            waiting = sum(float(count) for count in VLLM_WAITING.findall(text))
            if waiting:
                return f"{waiting:.0f} requests wait there already"
        return ""

    async def _maybe(self, path: str) -> Json:
        """Return a JSON object, or an empty one where the server does not know the path."""
        try:
            return await self.get(path)
        except AgentError:
            return {}

    async def _rows(self, seconds: float) -> list[Json]:
        found = await self.get("/v1/models", seconds=seconds)
        rows = found.get("data")
        if not isinstance(rows, list):
            raise AgentTalksNonsense(f"{self.endpoint.url} lists no models under /v1/models.")
        return [row for row in objects(rows) if words(row.get("id"))]

    async def models(self) -> list[ModelInfo]:
        """List what the server serves, with what else it tells."""
        rows = await self._rows(LIST_SECONDS)
        flavour = _flavour(rows)
        if flavour == "LM Studio":
            told = await self._lm_studio()
            if told:
                return [_lm_model(row) for row in told]
        props = await self._maybe("/props") if flavour == "llama.cpp" else {}
        return [_model(row, _llama_abilities(props)) for row in rows]

    async def _lm_studio(self) -> list[Json]:
        rows = (await self._maybe("/api/v1/models")).get("models")
        return [row for row in objects(rows) if words(row.get("key"))]

    async def resident(self) -> list[Resident]:
        """Servers of one model hold it in memory; LM Studio says which are loaded."""
        rows = await self._rows(PROBE_SECONDS)
        flavour = _flavour(rows)
        if flavour == "LM Studio":
            told = await self._lm_studio()
            return [Resident(words(row["key"])) for row in told if row.get("loaded_instances")]
        if flavour in ("llama.cpp", "vLLM"):
            return [Resident(words(row["id"]), context_length=_context(row)) for row in rows]
        return []

    def chat(self, request: ChatRequest, limits: Limits | None = None) -> AsyncIterator[Piece]:
        """Stream `/v1/chat/completions`."""
        body: Json = {  # the caller's options first: they replace neither model nor messages
            **_shared(request.options, request.schema),
            "model": request.model,
            "messages": [_message(message) for message in request.messages],
        }
        if request.tools:
            body["tools"] = list(request.tools)
        if isinstance(request.think, str):
            body["reasoning_effort"] = request.think
        elif request.think is False:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return self._stream("/v1/chat/completions", body, limits)

    def generate(
        self, request: GenerateRequest, limits: Limits | None = None
    ) -> AsyncIterator[Piece]:
        """Stream `/v1/completions`; a system text or images need the chat form."""
        if request.system or request.images:
            turns = [Message("system", request.system)] if request.system else []
            turns.append(Message("user", request.prompt, request.images))
            return self.chat(
                ChatRequest(
                    request.model, tuple(turns), schema=request.schema, options=request.options
                ),
                limits,
            )
        body: Json = {
            **_shared(request.options, request.schema),
            "model": request.model,
            "prompt": request.prompt,
        }
        if request.suffix:
            body["suffix"] = request.suffix
        return self._stream("/v1/completions", body, limits)

    async def embed(self, model: str, inputs: list[str]) -> Embeddings:
        """Ask `/v1/embeddings`."""
        found = await self.post("/v1/embeddings", {"model": model, "input": inputs}, EMBEDDING)
        rows = [row for row in objects(found.get("data")) if isinstance(row.get("embedding"), list)]
        if len(rows) != len(inputs):
            raise AgentFailed(f"{self.endpoint.url} sent no embeddings.")
        ordered = sorted(rows, key=lambda row: number(row.get("index")) or 0)
        usage = mapping(found.get("usage"))
        return Embeddings([row["embedding"] for row in ordered], number(usage.get("prompt_tokens")))

    async def _stream(self, path: str, body: Json, limits: Limits | None) -> AsyncIterator[Piece]:
        told = _Told()
        async with (
            self.open(path, body, limits, EVENTS) as answer,
            aclosing(answer.lines()) as lines,
        ):
            async for line in lines:
                if not line.startswith("data:"):
                    continue
                text = self.endpoint.hide(line[5:].strip())
                if text == "[DONE]":
                    break
                piece = told.hear(parsed(text, self.endpoint.url), self.endpoint.url)
                if piece is not None:
                    yield piece
        if not told.done_reason:
            raise AgentFailed(f"{self.endpoint.url} broke off in the middle of the answer.")
        yield told.last()


class _Told:
    """What a stream has said so far: tool calls come in fragments, figures in extra chunks."""

    def __init__(self) -> None:
        self.done_reason = ""
        self.usage: Json = {}
        self.timings: Json = {}
        self.calls: dict[int, dict[str, str]] = {}

    def hear(self, data: Json, url: str) -> Piece | None:
        if data.get("error"):
            error = data["error"]
            raise AgentFailed(
                f"{url} failed: {error.get('message') if isinstance(error, dict) else error}"
            )
        self.usage = mapping(data.get("usage")) or self.usage
        self.timings = mapping(data.get("timings")) or self.timings
        choice = next(iter(objects(data.get("choices"))), {})
        self.done_reason = words(choice.get("finish_reason")) or self.done_reason
        delta = mapping(choice.get("delta"))
        for fragment in objects(delta.get("tool_calls")):
            self._fragment(fragment)
        text = str(delta.get("content") or choice.get("text") or "")
        thinking = str(delta.get("reasoning_content") or delta.get("reasoning") or "")
        return Piece(text=text, thinking=thinking) if text or thinking else None

    def _fragment(self, fragment: Json) -> None:
        call = self.calls.setdefault(
            number(fragment.get("index")) or 0, {"id": "", "name": "", "arguments": ""}
        )
        function = mapping(fragment.get("function"))
        call["id"] = str(fragment.get("id") or call["id"])
        call["name"] += str(function.get("name") or "")
        call["arguments"] += str(function.get("arguments") or "")

    def last(self) -> Piece:
        timings = self.timings
        cached = number(mapping(self.usage.get("prompt_tokens_details")).get("cached_tokens"))
        prompt = number(self.usage.get("prompt_tokens"))
        read = number(timings.get("prompt_n"))
        if read is None and prompt is not None and cached is not None:
            read = max(prompt - cached, 0)
        return Piece(
            tool_calls=tuple(_call(self.calls[index]) for index in sorted(self.calls)),
            usage=Usage(
                done_reason=self.done_reason,
                prompt_tokens=read if prompt is None else prompt,
                read_tokens=read,
                answer_tokens=number(self.usage.get("completion_tokens"))
                or number(timings.get("predicted_n")),
                prompt_ms=milliseconds(timings.get("prompt_ms")),
                answer_ms=milliseconds(timings.get("predicted_ms")),
            ),
        )


def _call(found: Mapping[str, str]) -> ToolCall:
    try:
        arguments = json.loads(found["arguments"] or "{}")
    except (ValueError, RecursionError):
        arguments = {}
    return ToolCall(found["name"], mapping(arguments), found["id"])


def _flavour(rows: list[Json]) -> str:
    owner = str(rows[0].get("owned_by") or "") if rows else ""
    return OWNERS.get(owner, "Ollama /v1" if owner == "library" else "OpenAI-compatible")


def _llama_abilities(props: Json) -> tuple[str, ...]:
    """Return what llama.cpp's /props says its model can do; nothing when there is no such page."""
    if not props:
        return ()
    told = {
        "completion": True,
        "tools": mapping(props.get("chat_template_caps")).get("supports_tools", True),
        **mapping(props.get("modalities")),
    }
    return tuple(name for name in ("completion", "tools", "vision", "audio") if told.get(name))


def _model(row: Json, abilities: tuple[str, ...] = ()) -> ModelInfo:
    meta = mapping(row.get("meta"))
    name = words(row["id"])
    embeds = "embed" in name.lower()
    return ModelInfo(
        name=name,
        size=number(meta.get("size"), LONG),
        parameters=_billions(number(meta.get("n_params"), LONG)),
        capabilities=("embedding",) if embeds else abilities,
        context_length=_context(row),
    )


def _context(row: Json) -> int | None:
    meta = mapping(row.get("meta"))
    return (
        number(row.get("max_model_len"))
        or number(row.get("context_length"))
        or number(meta.get("n_ctx"))
        or number(meta.get("n_ctx_train"))
    )


def _billions(count: int | None) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.1f}M"


def _lm_model(row: Json) -> ModelInfo:
    told = mapping(row.get("capabilities"))
    kinds = ["embedding"] if row.get("type") == "embedding" else ["completion"]
    kinds += [ours for theirs, ours in _LM_KINDS.items() if told.get(theirs)]
    quantization = mapping(row.get("quantization"))
    return ModelInfo(
        name=words(row["key"]),
        size=number(row.get("size_bytes"), LONG),
        family=words(row.get("architecture")),
        parameters=words(row.get("params_string")),
        quantization=words(quantization.get("name")),
        capabilities=tuple(kinds),
        context_length=number(row.get("max_context_length")),
    )


_LM_KINDS = {"vision": "vision", "trained_for_tool_use": "tools"}


def _message(message: Message) -> Json:
    body: Json = {"role": message.role, "content": message.content}
    if message.images:
        body["content"] = [
            {"type": "text", "text": message.content},
            *({"type": "image_url", "image_url": {"url": _data_url(i)}} for i in message.images),
        ]
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id or f"call_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for index, call in enumerate(message.tool_calls)
        ]
    if message.role == "tool":
        body["tool_call_id"] = message.tool_call_id or "call_0"
    return body


def _data_url(image: str) -> str:
    kind = next((kind for sign, kind in IMAGES.items() if image.startswith(sign)), "png")
    return f"data:image/{kind};base64,{image}"


def _shared(options: Mapping[str, Any], schema: Json | str | None) -> Json:
    """Return what chat and completion have in common."""
    left_out = ("context_length", "num_ctx")  # no server takes it per request here
    body: Json = {name: value for name, value in options.items() if name not in left_out}
    body["stream"] = True
    body["stream_options"] = {"include_usage": True}
    if schema == "json":
        body["response_format"] = {"type": "json_object"}
    elif isinstance(schema, dict):
        wanted = {"name": "answer", "schema": schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body
