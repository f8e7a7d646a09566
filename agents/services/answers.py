"""The answer of a call while it is heard: pieces sent on live, and the figures at its end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from agents.models import Call
from agents.plain import storable, words
from agents.protocols import ChatRequest, Message, Piece, ToolCall, Usage
from agents.services.needs import CONTEXT
from agents.services.parcels import Parcel, parcels_of_this_loop, send
from agents.services.placement import Placement
from whoosh_site.core.limits import Limits
from whoosh_site.core.secrets import MASK

Tell = Callable[[Piece], None]
listened: set[int] = set()
"""Calls of this process that somebody began to watch after they were asked; the runner looks."""


def listen_to(pks: Iterable[int]) -> None:
    """Say which calls of this process are watched now."""
    listened.clear()
    listened.update(pks)


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
        self._key = ""
        self._told = 0
        """How many pieces were sent on."""
        self._sent = 0
        self._thought = 0

    async def listen(self, placement: Placement, first_byte: float | None = None) -> None:
        """Hear the host out; it must begin within so many seconds, where those are given."""
        self._key = placement.agent.api_key.reveal()
        async with contextlib.aclosing(_pieces(self.call, placement, first_byte)) as pieces:
            async for piece in pieces:
                self._hear(piece)

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
        watched = self.call.streams or self.call.pk in listened
        if watched and (piece.text or piece.thinking):
            parcels_of_this_loop().add(self)

    def parcel(self) -> Parcel:
        """Return what was heard since the last parcel."""
        text = "".join(self.text[self._told :])
        thinking = "".join(self.thinking[self._told :])
        self._told = len(self.text)
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
        return f"call:{self.call.pk}", body

    def rest(self) -> Parcel | None:
        """Return what was not sent on yet, to be written with the end."""
        return self.parcel() if parcels_of_this_loop().withdraw(self) else None

    async def aclose(self) -> None:
        """Send what is left."""
        if rest := self.rest():
            await asyncio.shield(sync_to_async(send)([rest]))

    @property
    def fields(self) -> dict[str, Any]:
        """The columns of the call, as far as they are known."""
        usage = self.usage
        first = (self.first_at - self.began) * 1000 if self.first_at else None
        total = (time.monotonic() - self.began) * 1000
        read = usage.prompt_tokens if usage.read_tokens is None else usage.read_tokens
        spoken = usage.answer_ms or ((total - first) if first is not None else None)
        return {
            "answer": words(self._masked(self.text)),
            "thinking": words(self._masked(self.thinking)),
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

    def _masked(self, pieces: list[str]) -> str:
        """Return the whole: a host may spell the key it was sent, over any number of pieces."""
        whole = "".join(pieces)
        return whole.replace(self._key, MASK) if self._key else whole


def _rate(tokens: int | None, milliseconds: float | None) -> float | None:
    return tokens / milliseconds * 1000 if tokens and milliseconds else None


def _pieces(call: Call, placement: Placement, first_byte: float | None) -> AsyncIterator[Piece]:
    request = ChatRequest(
        model=placement.model,
        messages=tuple(_message(message) for message in call.messages),
        tools=tuple(call.options.get("tools", ())),
        schema=call.schema,
        options=_options(call, placement),
        think=call.options.get("think"),
        keep_alive=placement.keep_alive,
    )
    limits = Limits(total=call.time_limit) if call.time_limit else Limits()
    if first_byte is not None:
        limits = replace(limits, first_byte=min(first_byte, limits.first_byte))
    return placement.host().chat(request, limits)


def _options(call: Call, placement: Placement) -> dict[str, Any]:
    """Return the caller's options, with the length of context that was decided on."""
    elsewhere = ("tools", "think", *CONTEXT)
    found = {name: value for name, value in call.options.items() if name not in elsewhere}
    return found | ({"context_length": placement.context} if placement.context else {})


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
