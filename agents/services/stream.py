"""The answer of a call as server-sent events, for API clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async

from agents.models import Call
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live import notices

KEEP_ALIVE = 15.0


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


async def events(pk: int, whole: Callable[[Call], dict[str, Any]]) -> AsyncIterator[str]:
    """Yield `event: piece` as text and thinking come, then `event: end` with `whole(call)`.

    A higher `attempt` in a piece starts the answer anew: the first host or its runner was lost.
    """
    topic, ear, sent = f"call:{pk}", _Ear(), (0, 0, 0)
    await hubs.hub.start()
    hubs.hub.watch(ear, {topic})
    try:
        ear.pieces = await sync_to_async(notices.streamed)(topic)
        yield _event("call", {"id": pk})
        while True:
            call = await Call.objects.aget(pk=pk)
            pieces, ear.pieces = ear.pieces, []
            if call.ended:  # its last pieces were written first; the hub may not have told them
                pieces = await sync_to_async(notices.streamed)(topic)
            for piece in pieces:
                place = (
                    piece["attempt"],
                    piece["at"] + len(piece["text"]),
                    piece["thought_at"] + len(piece["thinking"]),
                )
                if place > sent:
                    sent = place
                    yield _event("piece", piece)
            if call.ended:
                yield _event("end", await sync_to_async(whole)(call))
                return
            ear.rang.clear()
            try:
                await asyncio.wait_for(ear.rang.wait(), KEEP_ALIVE)
            except TimeoutError:
                yield ": still here\n\n"
    finally:
        hubs.hub.watch(ear, set())


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"
