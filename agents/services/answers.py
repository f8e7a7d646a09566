"""The answer of a call while it is heard: pieces sent on live, and the figures at its end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from agents.models import Call
from agents.plain import storable, words
from agents.protocols import ChatRequest, Message, Piece, ToolCall, Usage
from agents.services.keeping import kept_at
from agents.services.placement import Placement
from whoosh_site.core import live
from whoosh_site.core.limits import Limits
from whoosh_site.core.secrets import MASK

FLUSH_EVERY = 0.08
Tell = Callable[[Piece], None]


class Answer:
    """What has been heard so far; sends it on in parcels while somebody listens."""

    def __init__(self, call: Call, attempt: int, tell: Tell | None) -> None:
        self.call = call
        self.attempt = attempt
        self.tell = tell
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[ToolCall] = []
        self.usage = Usage()
        self.began = time.monotonic()
        self.first_at: float | None = None
        self._parcel: list[Piece] = []
        self._sent = 0
        self._thought = 0
        self._flusher: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def listen(self, placement: Placement) -> None:
        """Hear the host out."""
        try:
            kept = await sync_to_async(kept_at)(placement.agent, placement.model)
            async with contextlib.aclosing(_pieces(self.call, placement, kept)) as pieces:
                async for piece in pieces:
                    self._hear(piece)
        finally:
            # A host may spell the key it was sent; piece by piece that was not to be seen.
            if key := placement.agent.api_key.reveal():
                self.text = ["".join(self.text).replace(key, MASK)]
                self.thinking = ["".join(self.thinking).replace(key, MASK)]

    def _hear(self, piece: Piece) -> None:
        if self.first_at is None and (piece.text or piece.thinking or piece.tool_calls):
            self.first_at = time.monotonic()
        self.text.append(piece.text)
        self.thinking.append(piece.thinking)
        self.tool_calls += piece.tool_calls
        if piece.usage is not None:
            self.usage = piece.usage
        if self.tell is not None:
            self.tell(piece)
        if self.call.streams and (piece.text or piece.thinking):
            self._parcel.append(piece)
            if self._flusher is None or self._flusher.done():
                self._flusher = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), FLUSH_EVERY)
        await self._flush()

    async def _flush(self) -> None:
        parcel, self._parcel = self._parcel, []
        if not parcel:
            return
        text = "".join(piece.text for piece in parcel)
        thinking = "".join(piece.thinking for piece in parcel)
        # `at` lets a page that joins late, or hears a piece twice, put it in its place; a higher
        # attempt starts the answer anew.
        body = {
            "attempt": self.attempt,
            "at": self._sent,
            "text": text,
            "thought_at": self._thought,
            "thinking": thinking,
        }
        self._sent += len(text)
        self._thought += len(thinking)
        await sync_to_async(live.stream)(f"call:{self.call.pk}", body)

    async def aclose(self) -> None:
        """Send what is left."""
        self._hurry.set()
        if self._flusher is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._flusher)
        await asyncio.shield(self._flush())

    @property
    def fields(self) -> dict[str, Any]:
        """The columns of the call, as far as they are known."""
        usage = self.usage
        first = (self.first_at - self.began) * 1000 if self.first_at else None
        total = (time.monotonic() - self.began) * 1000
        read = usage.prompt_tokens if usage.read_tokens is None else usage.read_tokens
        spoken = usage.answer_ms or ((total - first) if first is not None else None)
        return {
            "answer": words("".join(self.text)),
            "thinking": words("".join(self.thinking)),
            "tool_calls": storable(
                [
                    {"id": call.id, "name": call.name, "arguments": call.arguments}
                    for call in self.tool_calls
                ]
            ),
            "done_reason": words(usage.done_reason)[:20],
            "prompt_tokens": usage.prompt_tokens,
            "answer_tokens": usage.answer_tokens,
            "load_ms": usage.load_ms,
            "slot_wait_ms": usage.slot_wait_ms,
            "prompt_ms": usage.prompt_ms,
            "answer_ms": spoken,
            "first_token_ms": first,
            "total_ms": total,
            "tps": _rate(usage.answer_tokens, spoken),
            "prompt_tps": _rate(read, usage.prompt_ms),
            "finished_at": timezone.now(),
        }


def _rate(tokens: int | None, milliseconds: float | None) -> float | None:
    return tokens / milliseconds * 1000 if tokens and milliseconds else None


def _pieces(call: Call, placement: Placement, kept: str | int | None) -> AsyncIterator[Piece]:
    request = ChatRequest(
        model=placement.model,
        messages=tuple(_message(message) for message in call.messages),
        tools=tuple(call.options.get("tools", ())),
        schema=call.schema,
        options={k: v for k, v in call.options.items() if k not in ("tools", "think")},
        think=call.options.get("think"),
        keep_alive=kept,
    )
    return placement.host().chat(request, Limits())


def _message(data: dict[str, Any]) -> Message:
    return Message(
        role=data["role"],
        content=data.get("content") or "",
        images=tuple(data.get("images") or ()),
        tool_calls=tuple(
            ToolCall(call["name"], call.get("arguments") or {}, call.get("id") or "")
            for call in data.get("tool_calls") or ()
        ),
        tool_name=data.get("tool_name") or "",
        tool_call_id=data.get("tool_call_id") or "",
    )
