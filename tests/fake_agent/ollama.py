"""Ollama's native API: chat, generate and embeddings (ollama/ollama, server/routes.go)."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fake_agent.answers import Ask, Turn
from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.engine import Chunk, Figures
from tests.fake_agent.memory import Need
from tests.fake_agent.wire import Json, Ndjson, Refusal, read_json, text_list

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost

Shape = Callable[[Chunk], Json]
_WHOLE = {"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "seed"}
_WHOLE |= {"num_predict", "top_k", "repeat_last_n"}
_REAL = {"top_p", "min_p", "typical_p", "temperature", "repeat_penalty"}
_REAL |= {"presence_penalty", "frequency_penalty"}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_LEVELS = ("low", "medium", "high", "max")


class Inference:
    """The routes under /api that run a model."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/api/chat", self.chat),
            web.post("/api/generate", self.generate),
            web.post("/api/embed", self.embed),
            web.post("/api/embeddings", self.embeddings),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Continue a conversation; without messages load or unload the model."""
        body = await read_json(request)
        model, need = self._needed(body)
        turns = tuple(_turn(message) for message in body.get("messages") or ())
        ask = _ask(body, model, turns)
        return await self._answer(request, body, need, ask, _message, "chat")

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """Complete a text; without a prompt load or unload the model."""
        body = await read_json(request)
        model, need = self._needed(body)
        prompt = str(body.get("prompt") or "")
        turns = [Turn("system", str(body["system"]))] if body.get("system") else []
        turns.append(Turn("user", prompt, images=len(body.get("images") or ())))
        ask = _ask(body, model, tuple(turns) if prompt else ())
        return await self._answer(request, body, need, ask, _response, "generate")

    async def embed(self, request: web.Request) -> web.Response:
        """Embed texts."""
        body = await read_json(request)
        texts = text_list(body.get("input"))
        _, need = self._needed(body)
        dimensions = int(body.get("dimensions") or 0)
        vectors, figures = await self.host.engine.embed(need, texts, dimensions)
        left_out = ("prompt_eval_duration", "eval_count", "eval_duration")
        metrics = {name: n for name, n in figures.metrics().items() if name not in left_out}
        return web.json_response({"model": body["model"], "embeddings": vectors, **metrics})

    async def embeddings(self, request: web.Request) -> web.Response:
        """Embed one text, the old way."""
        body = await read_json(request)
        _, need = self._needed(body)
        texts = text_list(body.get("prompt"))
        vectors, _ = await self.host.engine.embed(need, texts)
        return web.json_response({"embedding": vectors[0] if vectors else []})

    # -- inside ------------------------------------------------------------------------------

    def _needed(self, body: Json) -> tuple[FakeModel, Need]:
        model = self.host.model(str(body.get("model") or ""))
        return model, Need(model, seconds_kept(body.get("keep_alive")), checked_options(body))

    async def _answer(
        self, request: web.Request, body: Json, need: Need, ask: Ask, shape: Shape, verb: str
    ) -> web.StreamResponse:
        if not ask.turns and need.keep_alive == 0:
            self.host.memory.unload(need.model)
            return web.json_response(self._done(ask, shape(Chunk()), "unload"))
        self.host.engine.check(ask, verb)
        if not ask.turns:
            await self.host.engine.load(need)
            return web.json_response(self._done(ask, shape(Chunk()), "load"))
        if body.get("stream") is False:
            return await self._at_once(need, ask, shape, _context(body, verb))
        return await self._streamed(request, need, ask, shape, _context(body, verb))

    async def _streamed(
        self, request: web.Request, need: Need, ask: Ask, shape: Shape, extra: Json
    ) -> web.StreamResponse:
        stream = Ndjson(request)

        async def sink(chunk: Chunk) -> None:
            await stream.send({**self._base(ask), **shape(chunk), "done": False})

        figures = await self.host.engine.perform(need, ask, sink)
        return await stream.end(self._last(ask, shape(Chunk()), figures, extra))

    async def _at_once(self, need: Need, ask: Ask, shape: Shape, extra: Json) -> web.Response:
        chunks: list[Chunk] = []

        async def sink(chunk: Chunk) -> None:
            chunks.append(chunk)

        figures = await self.host.engine.perform(need, ask, sink)
        return web.json_response(self._last(ask, shape(joined(chunks)), figures, extra))

    def _base(self, ask: Ask) -> Json:
        return {"model": ask.name, "created_at": self.host.stamp()}

    def _done(self, ask: Ask, shaped: Json, reason: str) -> Json:
        return {**self._base(ask), **shaped, "done": True, "done_reason": reason}

    def _last(self, ask: Ask, shaped: Json, figures: Figures, extra: Json) -> Json:
        return {**self._done(ask, shaped, figures.done_reason), **extra, **figures.metrics()}


def joined(chunks: list[Chunk]) -> Chunk:
    """Put the pieces of an answer together."""
    return Chunk(
        text="".join(chunk.text for chunk in chunks),
        thinking="".join(chunk.thinking for chunk in chunks),
        calls=tuple(call for chunk in chunks for call in chunk.calls),
    )


def seconds_kept(value: object) -> float | None:
    """Read a keep_alive: a number is seconds, a text a Go duration, negative is for ever.

    Raises:
        Refusal: it is neither.
    """
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    plain = text.lstrip("+-")
    if plain == "0":
        return 0.0
    parts = _PART.findall(plain)
    if not parts or "".join(number + unit for number, unit in parts) != plain:
        problem = "missing unit in" if re.fullmatch(r"[\d.]+", plain) else "invalid"
        raise Refusal(400, f'time: {problem} duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if text.startswith("-") else seconds


def checked_options(body: Json) -> Mapping[str, Any]:
    """Return the options, or refuse those of a wrong type; unknown ones do no harm."""
    options = body.get("options") or {}
    for name, value in options.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        wanted = "integer" if name in _WHOLE else "float32" if name in _REAL else ""
        if wanted and value is not None and not number:
            raise Refusal(500, f'option "{name}" must be of type {wanted}')
    return {name: value for name, value in options.items() if value is not None}


def _ask(body: Json, model: FakeModel, turns: tuple[Turn, ...]) -> Ask:
    options = body.get("options") or {}
    stop = options.get("stop") or ()
    return Ask(
        model=model,
        name=str(body["model"]),
        turns=turns,
        tools=tuple(body.get("tools") or ()),
        schema=body.get("format") or None,
        think=_thought(body.get("think")),
        limit=int(options.get("num_predict") or -1),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _thought(value: object) -> bool | str | None:
    if value is None or isinstance(value, bool) or value in _LEVELS:
        return value
    allowed = ", ".join(f'"{level}"' for level in reversed(_LEVELS))
    raise Refusal(400, f'invalid think value: "{value}" (must be {allowed}, true, or false)')


def _turn(message: Json) -> Turn:
    role = str(message.get("role") or "").lower()
    return Turn(role, str(message.get("content") or ""), images=len(message.get("images") or ()))


def _context(body: Json, verb: str) -> Json:
    """Return what only a completion ends with."""
    return {"context": [1, 2, 3]} if verb == "generate" and not body.get("raw") else {}


def _message(chunk: Chunk) -> Json:
    message: Json = {"role": "assistant", "content": chunk.text}
    if chunk.thinking:
        message["thinking"] = chunk.thinking
    if chunk.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "function": {"index": index, "name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(chunk.calls)
        ]
    return {"message": message}


def _response(chunk: Chunk) -> Json:
    return {"response": chunk.text, **({"thinking": chunk.thinking} if chunk.thinking else {})}
