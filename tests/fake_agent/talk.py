"""How answers under /v1 look, in one piece and in chunks."""

import json
from typing import TYPE_CHECKING

from tests.fake_agent.answers import Ask, Call, tokens_of
from tests.fake_agent.engine import Chunk, Figures
from tests.fake_agent.wire import Json

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost


class Talk:
    """How a chat answer looks, in one piece and in chunks."""

    prefix = "chatcmpl"
    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"

    def __init__(self, host: "FakeHost", ask: Ask) -> None:
        self.flavour = host.kind
        self.head: Json = {
            "id": f"{self.prefix}-{host.record.seen}",
            "created": host.began,
            "model": ask.name,
        }
        self.called = False
        if self.flavour.fingerprint:
            self.head["system_fingerprint"] = self.flavour.fingerprint

    def deltas(self, chunk: Chunk, *, first: bool) -> list[Json]:
        """Return what a piece of the answer becomes; only Ollama names the role every time."""
        role = {"role": "assistant"}
        if chunk.calls:
            found = self._call_deltas(chunk.calls)
        elif chunk.thinking:
            found = [{self.flavour.reasoning: chunk.thinking}]
        else:
            found = [{"content": chunk.text}]
        if self.flavour.native:
            return [{**role, "content": "", **delta} for delta in found]
        return [{**role, "content": None}, *found] if first else found

    def chunk(self, delta: Json, finish: str | None = None) -> Json:
        """Return one event of the stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**self.head, "object": self.chunk_kind, "choices": [choice]}

    def closing(self, figures: Figures, *, with_usage: bool) -> list[Json]:
        """Return the events after the answer: why it ended, what it used."""
        found = [self.chunk({}, self.finish(figures))]
        if with_usage:
            found.append({**self.head, "object": self.chunk_kind, "choices": []})
            found[-1]["usage"] = self.usage(figures)
        found[-1] |= self.timings(figures)
        return found

    def whole(self, chunk: Chunk, figures: Figures) -> Json:
        """Return the answer in one piece."""
        message: Json = {"role": "assistant", "content": chunk.text}
        if chunk.thinking:
            message[self.flavour.reasoning] = chunk.thinking
        if chunk.calls:
            message["tool_calls"] = [_call(call) for call in chunk.calls]
            self.called = True
        choice = {"index": 0, "message": message, "finish_reason": self.finish(figures)}
        return self._whole(choice, figures)

    def finish(self, figures: Figures) -> str:
        """Say why the answer ended."""
        return "tool_calls" if self.called else figures.done_reason

    def usage(self, figures: Figures) -> Json:
        """Count the tokens."""
        found: Json = {
            "prompt_tokens": figures.prompt_tokens,
            "completion_tokens": figures.answer_tokens,
            "total_tokens": figures.prompt_tokens + figures.answer_tokens,
        }
        if self.flavour.key == "llamacpp":
            found["prompt_tokens_details"] = {"cached_tokens": cached(figures)}
        return found

    def timings(self, figures: Figures) -> Json:
        """Return what llama.cpp adds."""
        if self.flavour.key != "llamacpp":
            return {}
        return {
            "timings": {
                "cache_n": cached(figures),
                "prompt_n": figures.prompt_tokens - cached(figures),
                "prompt_ms": round(figures.prompt * 1000, 3),
                "predicted_n": figures.answer_tokens,
                "predicted_ms": round(figures.answer * 1000, 3),
            }
        }

    def _whole(self, choice: Json, figures: Figures) -> Json:
        found = {**self.head, "object": self.kind, "choices": [choice]}
        return {**found, "usage": self.usage(figures), **self.timings(figures)}

    def _call_deltas(self, calls: tuple[Call, ...]) -> list[Json]:
        """Ollama sends a call whole; the others send its arguments bit by bit."""
        self.called = True
        if self.flavour.native:
            return [{"tool_calls": [{"index": i, **_call(c)} for i, c in enumerate(calls)]}]
        return [{"tool_calls": [part]} for i, call in enumerate(calls) for part in _parts(i, call)]


def cached(figures: Figures) -> int:
    """Say how much of a prompt llama.cpp remembers from before: always a third here."""
    return figures.prompt_tokens // 3


class Completion(Talk):
    """How the completion of a text looks."""

    prefix = "cmpl"
    kind = chunk_kind = "text_completion"

    def deltas(self, chunk: Chunk, *, first: bool) -> list[Json]:
        """Return the text; thinking does not show."""
        return [{"text": chunk.text}] if chunk.text else []

    def chunk(self, delta: Json, finish: str | None = None) -> Json:
        """Return one event of the stream."""
        choice = {"index": 0, "text": delta.get("text", ""), "logprobs": None}
        choice["finish_reason"] = finish
        return {**self.head, "object": self.kind, "choices": [choice]}

    def whole(self, chunk: Chunk, figures: Figures) -> Json:
        """Return the answer in one piece."""
        choice = {"index": 0, "text": chunk.text, "logprobs": None}
        return self._whole({**choice, "finish_reason": figures.done_reason}, figures)


def _call(call: Call) -> Json:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _parts(index: int, call: Call) -> list[Json]:
    function = {"name": call.name, "arguments": ""}
    first = {"index": index, "id": call.id, "type": "function", "function": function}
    words = tokens_of(json.dumps(call.arguments))
    return [first, *({"index": index, "function": {"arguments": word}} for word in words)]
