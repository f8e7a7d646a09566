"""The /v1 API as Ollama, llama.cpp, vLLM, LM Studio and others speak it."""

import base64
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fake_agent.answers import Ask, Turn
from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.engine import Chunk
from tests.fake_agent.memory import Need
from tests.fake_agent.ollama import joined
from tests.fake_agent.talk import Completion, Talk
from tests.fake_agent.wire import Json, Refusal, Sse, read_json, text_list

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost


class Compatible:
    """The routes under /v1."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; llama.cpp does not tell about single models."""
        found = [
            web.get("/v1/models", self.models),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/completions", self.complete),
            web.post("/v1/embeddings", self.embed),
        ]
        if self.host.kind.key != "llamacpp":
            found.append(web.get("/v1/models/{name:.+}", self.one_model))
        return found

    async def models(self, request: web.Request) -> web.Response:
        """List the models."""
        rows = [self._row(model) for model in self.host.catalog]
        found: Json = {"object": "list", "data": rows}
        if self.host.kind.key == "llamacpp":
            found["models"] = [_llama_model(model) for model in self.host.catalog]
        return web.json_response(found)

    async def one_model(self, request: web.Request) -> web.Response:
        """Tell about one model."""
        return web.json_response(self._row(self.host.model(request.match_info["name"])))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Continue a conversation."""
        body = await read_json(request)
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise Refusal(400, "'messages' is required")
        model = self.host.model(str(body.get("model") or ""))
        ask = self._ask(body, model, tuple(_turn(message) for message in body["messages"]))
        return await self._answer(request, body, ask, Talk(self.host, ask))

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Complete a text."""
        body = await read_json(request)
        model = self.host.model(str(body.get("model") or ""))
        turns = tuple(Turn("user", text) for text in text_list(body.get("prompt")))
        plain = {name: value for name, value in body.items() if name != "tools"}
        ask = self._ask(plain, model, turns)
        return await self._answer(request, body, ask, Completion(self.host, ask))

    async def embed(self, request: web.Request) -> web.Response:
        """Embed texts, as numbers or as base64 of 32-bit floats."""
        body = await read_json(request)
        model = self.host.model(str(body.get("model") or ""))
        need = Need(model)
        dimensions = int(body.get("dimensions") or 0)
        texts = text_list(body.get("input"))
        vectors, figures = await self.host.engine.embed(need, texts, dimensions)
        packed = body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": index, "embedding": _packed(one) if packed else one}
            for index, one in enumerate(vectors)
        ]
        usage = {"prompt_tokens": figures.prompt_tokens, "total_tokens": figures.prompt_tokens}
        found = {"object": "list", "data": rows, "model": body["model"], "usage": usage}
        return web.json_response(found)

    # -- inside ------------------------------------------------------------------------------

    def _ask(self, body: Json, model: FakeModel, turns: tuple[Turn, ...]) -> Ask:
        stop = body.get("stop") or ()
        return Ask(
            model=model,
            name=model.name if self.host.kind.any_name else str(body.get("model")),
            turns=turns,
            tools=tuple(body.get("tools") or ()),
            schema=_schema(body.get("response_format") or {}),
            think=_thought(body, strict=self.host.kind.native),
            limit=int(body.get("max_completion_tokens") or body.get("max_tokens") or -1),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    async def _answer(
        self, request: web.Request, body: Json, ask: Ask, talk: Talk
    ) -> web.StreamResponse:
        self.host.engine.check(ask, "chat")
        if not body.get("stream"):
            return await self._at_once(ask, talk)
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        stream = Sse(request)
        started = False

        async def sink(chunk: Chunk) -> None:
            nonlocal started
            for delta in talk.deltas(chunk, first=not started):
                await stream.send(talk.chunk(delta))
            started = True

        figures = await self.host.engine.perform(Need(ask.model), ask, sink)
        *before, last = talk.closing(figures, with_usage=with_usage)
        for chunk in before:
            await stream.send(chunk)
        return await stream.end(last)

    async def _at_once(self, ask: Ask, talk: Talk) -> web.Response:
        chunks: list[Chunk] = []

        async def sink(chunk: Chunk) -> None:
            chunks.append(chunk)

        figures = await self.host.engine.perform(Need(ask.model), ask, sink)
        return web.json_response(talk.whole(joined(chunks), figures))

    def _row(self, model: FakeModel) -> Json:
        kind = self.host.kind
        row = {
            "id": model.name,
            "object": "model",
            "created": self.host.began,
            "owned_by": kind.owner,
        }
        if kind.key == "vllm":
            row |= {"root": model.name, "parent": None, "max_model_len": model.context_length}
        if kind.key == "llamacpp":
            row |= {"aliases": [model.name], "meta": self._meta(model)}
        return row

    def _meta(self, model: FakeModel) -> Json:
        return {
            "n_vocab": 49_152,
            "n_ctx": self.host.settings.context,
            "n_ctx_train": model.context_length,
            "n_embd": model.embedding_length,
            "n_params": round(model.billions * 1e9),
            "size": model.size,
        }


def _turn(message: Json) -> Turn:
    content = message.get("content") or ""
    role = str(message.get("role") or "")
    if isinstance(content, str):
        return Turn(role, content)
    texts = [str(part.get("text") or "") for part in content if part.get("type") == "text"]
    images = sum(part.get("type") == "image_url" for part in content)
    return Turn(role, " ".join(texts), images)


def _schema(wanted: Mapping[str, Any]) -> Mapping[str, Any] | str | None:
    if wanted.get("type") == "json_schema":
        schema: Mapping[str, Any] = (wanted.get("json_schema") or {}).get("schema") or {}
        return schema
    return "json" if wanted.get("type") == "json_object" else None


def _thought(body: Json, *, strict: bool) -> bool | str | None:
    """Read whether to think; only Ollama minds being asked for what a model cannot do."""
    effort = body.get("reasoning_effort")
    template = body.get("chat_template_kwargs") or {}
    if effort == "none" or (not strict and template.get("enable_thinking") is False):
        return False
    return effort if strict else None


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _llama_model(model: FakeModel) -> Json:
    return {"name": model.name, "model": model.name, "capabilities": ["completion"]}
