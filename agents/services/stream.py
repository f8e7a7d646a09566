"""The answer of a call as server-sent events, for API clients."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async

from agents.models import Call
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live import notices

RECHECK = 5.0
REVOKED = {"error": {"code": "forbidden", "message": "You may no longer read this.", "details": {}}}


class _Ear:
    """A listener of the hub that remembers what it heard."""

    def __init__(self) -> None:
        self.pieces: list[dict[str, Any]] = []
        self.rang = asyncio.Event()

    def offer(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> None:
        """Take a tick."""
        for found in data.values():
            self.pieces += found
        self.rang.set()


async def events(
    pk: int, whole: Callable[[Call], dict[str, Any]], allowed: Callable[[], bool]
) -> AsyncIterator[str]:
    """Yield `event: piece` as text and thinking come, then `event: end` with `whole(call)`.

    A higher `attempt` in a piece starts the answer anew: the first host or its runner was lost.
    `allowed` is asked every few seconds: a key that was revoked hears no more.
    """
    topic, ear, sent = f"call:{pk}", _Ear(), (0, 0, 0)
    ask_again_at = time.monotonic() + RECHECK
    await hubs.hub.start()
    hubs.hub.watch(ear, {topic})
    try:
        ear.pieces = await sync_to_async(notices.streamed)(topic)
        yield _event("call", {"id": pk})
        while True:
            if time.monotonic() > ask_again_at:
                ask_again_at = time.monotonic() + RECHECK
                if not await sync_to_async(allowed)():
                    yield _event("error", REVOKED)
                    return
            call = await Call.objects.aget(pk=pk)
            pieces, ear.pieces = ear.pieces, []
            if call.ended:  # its last pieces were written first; the hub may not have told them
                pieces = await sync_to_async(notices.streamed)(topic)
            for piece in _further(pieces, sent):
                sent = _place(piece)
                yield _event("piece", piece)
            if call.ended:
                yield _event("end", await sync_to_async(whole)(call))
                return
            ear.rang.clear()
            try:
                await asyncio.wait_for(ear.rang.wait(), RECHECK)
            except TimeoutError:
                yield ": still here\n\n"
    finally:
        hubs.hub.watch(ear, set())


def _place(piece: dict[str, Any]) -> tuple[int, int, int]:
    """Return how far a piece goes; a higher attempt comes after everything before it."""
    spoken = piece["at"] + len(piece["text"])
    return piece["attempt"], spoken, piece["thought_at"] + len(piece["thinking"])


def _further(pieces: list[dict[str, Any]], sent: tuple[int, int, int]) -> Iterator[dict[str, Any]]:
    """Yield the pieces that go further than what was sent; some come twice."""
    for piece in pieces:
        if _place(piece) > sent:
            sent = _place(piece)
            yield piece


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"
