"""The hub of one web process: tails the notices and tells the sockets that asked.

SQLite: `PRAGMA data_version` each 50 ms, then `id > last` only when it moved. PostgreSQL: LISTEN,
holding back 30 ms to merge. Ids may commit out of order there, so the hub remembers for a while the
numbers it passed over and asks for them again.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Q
from django.utils import timezone

from whoosh_site.core import owner
from whoosh_site.core.live.notices import LATE, last_seen
from whoosh_site.core.models.system import Notice, Process
from whoosh_site.core.runner import connection_parameters

log = logging.getLogger(__name__)

LOOK_EVERY = 0.05
MERGE_FOR = 0.03
BEAT = 5.0
FULL = 200
MOST = 5000

Row = tuple[int, str, str]


class Listener(Protocol):
    """A socket the hub tells."""

    def offer(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> None:
        """Take one tick's worth of what this listener watches; must not block."""


class Hub:
    """Fans notices out inside this process. Begins with the first listener and runs on.

    `seq` is the newest notice read. `settled` is the number below which none is still to come: what
    a page may say it has seen. `tick` rises with everything told: fragments are kept by it. It is
    the time in microseconds, so no two web processes tell different things under one number.
    """

    def __init__(self) -> None:
        self.seq = self.settled = self.tick = 0
        self._overtaken: dict[int, float] = {}  # numbers passed over: until when they may come
        self._watchers: dict[str, set[Listener]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the notices are tailed."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Tail the notices from now on; calling again does nothing."""
        if not self._runs_here():
            newest = await sync_to_async(last_seen)()
            if not self._runs_here():  # of many who come at once, the first to know starts it
                self.seq = self.settled = newest
                self._overtaken.clear()
                self._rise()
                self._task = asyncio.create_task(self._run())

    def watch(self, listener: Listener, topics: set[str]) -> None:
        """Make a listener watch exactly these topics; none to let it go."""
        for topic in [topic for topic, group in self._watchers.items() if listener in group]:
            self._watchers[topic].discard(listener)
            if not self._watchers[topic]:
                del self._watchers[topic]
        for topic in topics:
            self._watchers.setdefault(topic, set()).add(listener)

    def _runs_here(self) -> bool:
        return self.running and self._task.get_loop() is asyncio.get_running_loop()

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
        self._count([number for number, _, _ in rows])
        if not rows:
            return
        self._rise()
        parcels: dict[Listener, tuple[set[str], dict[str, list[Any]]]] = {}
        for _, topic, data in rows:
            piece = json.loads(data) if data else None
            for listener in self._watchers.get(topic, ()):
                changed, pieces = parcels.setdefault(listener, (set(), {}))
                if piece is None:
                    changed.add(topic)
                else:
                    pieces.setdefault(topic, []).append(piece)
        for listener, (changed, pieces) in parcels.items():
            listener.offer(self.settled, changed, pieces)

    def _read(self) -> list[Row]:
        new = Notice.objects.filter(Q(pk__gt=self.seq) | Q(pk__in=list(self._overtaken)))
        return list(new.order_by("pk").values_list("pk", "topic", "data")[:MOST])

    def _count(self, numbers: list[int]) -> None:
        """Note what was read now, and which numbers were passed over."""
        now = time.monotonic()
        for number in numbers:
            self._overtaken.pop(number, None)
            if connection.vendor == "postgresql" and self.seq:
                gap = range(max(self.seq + 1, number - MOST), number)
                self._overtaken |= dict.fromkeys(gap, now + LATE.total_seconds())
            self.seq = max(self.seq, number)
        self._overtaken = {one: until for one, until in self._overtaken.items() if until > now}
        self.settled = min(self._overtaken, default=self.seq + 1) - 1

    def _rise(self) -> None:
        self.tick = max(self.tick + 1, time.time_ns() // 1000)

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
                pass  # a whole packet of them; those that come while we hold back are merged too
            await asyncio.sleep(MERGE_FOR)
            if time.monotonic() >= until:
                await listener.execute("SELECT 1")
