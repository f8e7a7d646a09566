"""Pieces of answers on their way to whoever watches: those of all calls travel together."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from whoosh_site.core import live

log = logging.getLogger(__name__)

SENT_EVERY = 0.08
Parcel = tuple[str, dict[str, Any]]
"""A topic, and what is told to those who watch it."""


class Sender(Protocol):
    """Something that has gathered pieces."""

    def parcel(self) -> Parcel:
        """Return what was gathered since the last parcel."""


class Parcels:
    """What the answers of one event loop have to send: one database call for all of them."""

    def __init__(self) -> None:
        self._senders: dict[Sender, None] = {}
        self._sending = asyncio.Lock()
        self._ticking: asyncio.Task[None] | None = None

    def add(self, sender: Sender) -> None:
        """Send what somebody gathers until the next tick."""
        self._senders[sender] = None
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())

    def withdraw(self, sender: Sender) -> bool:
        """Leave what somebody gathered to the caller; say whether there is anything."""
        waits = sender in self._senders
        self._senders.pop(sender, None)
        return waits

    async def flush(self) -> None:
        """Send everything now; returns when it is written, with all that was before it."""
        async with self._sending:
            parcels = [sender.parcel() for sender in self._senders]
            self._senders.clear()
            if parcels:
                await sync_to_async(send)(parcels)

    async def _tick(self) -> None:
        while self._senders:
            await asyncio.sleep(SENT_EVERY)
            try:
                await self.flush()
            except Exception:  # a database that is away: the answers are heard on, and kept whole
                log.exception("pieces of answers were not sent")


def send(parcels: Sequence[Parcel]) -> None:
    """Tell whoever watches."""
    with live.together():
        for topic, body in parcels:
            live.stream(topic, body)


_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Parcels] = WeakKeyDictionary()


def parcels_of_this_loop() -> Parcels:
    """Return what gathers the pieces in this event loop."""
    return _loops.setdefault(asyncio.get_running_loop(), Parcels())
