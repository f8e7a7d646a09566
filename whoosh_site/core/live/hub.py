"""The hub of one web process: tails the notices and tells the sockets that asked.

SQLite: `PRAGMA data_version` each 50 ms, then `id > last` only when it moved. PostgreSQL: LISTEN,
holding back 30 ms to merge. Ids may commit out of order there, so a short window is read again and
what was delivered already is left out.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from whoosh_site.core import owner
from whoosh_site.core.live.notices import last_seen
from whoosh_site.core.models.system import Notice, Process
from whoosh_site.core.runner import connection_parameters

log = logging.getLogger(__name__)

LOOK_EVERY = 0.05
MERGE_FOR = 0.03
LOOK_BACK = 200
BEAT = 5.0
FULL = 200


class Listener(Protocol):
    """A socket the hub tells."""

    def offer(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> None:
        """Take one tick's worth of what this listener watches; must not block."""


class Hub:
    """Fans notices out inside this process. Runs while somebody listens."""

    def __init__(self) -> None:
        self.seq = 0
        self._watchers: dict[str, set[Listener]] = {}
        self._task: asyncio.Task[None] | None = None
        self._delivered: OrderedDict[int, None] = OrderedDict()

    async def start(self) -> None:
        """Tail the notices from now on; calling again does nothing."""
        here = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not here:
            self.seq = await sync_to_async(last_seen)()
            self._task = asyncio.create_task(self._run())

    def watch(self, listener: Listener, topics: set[str]) -> None:
        """Make a listener watch exactly these topics; none to let it go."""
        for topic in [topic for topic, group in self._watchers.items() if listener in group]:
            self._watchers[topic].discard(listener)
            if not self._watchers[topic]:
                del self._watchers[topic]
        for topic in topics:
            self._watchers.setdefault(topic, set()).add(listener)

    async def _run(self) -> None:
        beat = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    async for _ in self._ticks():
                        await self._tell()
                except Exception:  # the hub's edge: a database that is away comes back
                    log.exception("the live hub lost the database; trying again")
                    await sync_to_async(close_old_connections)()
                    await asyncio.sleep(1)
        finally:
            beat.cancel()

    def _ticks(self) -> AsyncIterator[None]:
        return _postgres_ticks() if connection.vendor == "postgresql" else _sqlite_ticks()

    async def _tell(self) -> None:
        rows = await sync_to_async(self._read)()
        fresh = [row for row in rows if row[0] not in self._delivered]
        if not fresh:
            return
        for number, _, _ in fresh:
            self._delivered[number] = None
        while len(self._delivered) > LOOK_BACK * 5:
            self._delivered.popitem(last=False)
        self.seq = max(self.seq, fresh[-1][0])
        parcels: dict[Listener, tuple[set[str], dict[str, list[Any]]]] = {}
        for _, topic, data in fresh:
            piece = json.loads(data) if data else None
            for listener in self._watchers.get(topic, ()):
                changed, pieces = parcels.setdefault(listener, (set(), {}))
                if piece is None:
                    changed.add(topic)
                else:
                    pieces.setdefault(topic, []).append(piece)
        for listener, (changed, pieces) in parcels.items():
            listener.offer(self.seq, changed, pieces)

    def _read(self) -> list[tuple[int, str, str]]:
        after = self.seq
        if connection.vendor == "postgresql":
            after = max(0, after - LOOK_BACK)
        rows = Notice.objects.filter(pk__gt=after).order_by("pk")
        found = list(rows.values_list("pk", "topic", "data")[:5000])
        if connection.vendor == "postgresql" and not self._delivered:
            # First look: what is older than the start was seen by the page itself.
            self._delivered.update((row[0], None) for row in found if row[0] <= self.seq)
        return found

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(Exception):
                await sync_to_async(sign_in)()
            await asyncio.sleep(BEAT)


hub = Hub()


def sign_in() -> None:
    """Write this web process's sign of life."""
    Process.objects.update_or_create(
        owner=owner.me(),
        defaults={
            "job": Process.Job.WEB,
            "host": owner.host(),
            "pid": int(owner.me().split(":")[1]),
            "beat_at": timezone.now(),
        },
    )


async def _sqlite_ticks() -> AsyncIterator[None]:
    """Yield whenever some connection has committed."""
    name = str(settings.DATABASES["default"]["NAME"])
    with contextlib.closing(sqlite3.connect(f"file:{name}?mode=ro", uri=True)) as reader:
        seen = None
        while True:
            version = reader.execute("PRAGMA data_version").fetchone()[0]
            if version != seen:
                seen = version
                yield
            await asyncio.sleep(LOOK_EVERY)


async def _postgres_ticks() -> AsyncIterator[None]:
    """Yield after each burst of notifications, and every five seconds for safety."""
    import psycopg  # here, so that SQLite installations do not load it

    async with await psycopg.AsyncConnection.connect(
        **connection_parameters(), autocommit=True
    ) as listener:
        await listener.execute("LISTEN whoosh_live")
        while True:
            yield
            until = time.monotonic() + 5
            async for _ in listener.notifies(timeout=5, stop_after=1):
                await asyncio.sleep(MERGE_FOR)
            if time.monotonic() >= until:
                await listener.execute("SELECT 1")
