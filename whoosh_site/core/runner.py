"""The resident runner: one asyncio loop that carries a thousand waiting things.

It is started as one django-q2 task and
 1. claims due rows of every kind on the shelf, most urgent first;
 2. runs each as a coroutine;
 3. renews all its leases with one UPDATE per kind every third of a lease;
 4. each second returns the rows of dead owners, asks after cancellations and signs its own life;
 5. asks the kinds that keep a clock, at the latest when their next moment has come;
 6. after half an hour ends as soon as nothing is in hand, so that memory and code stay fresh; the
    supervisor starts the next one.

Safe to kill at any moment: rows are leased and every result is fenced.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from whoosh_site.core import leases, owner
from whoosh_site.core.leases import Lease, Leased
from whoosh_site.core.models.system import Process
from whoosh_site.core.shelf import Shelf

log = logging.getLogger(__name__)

LIFE = 1800.0
TICK = 1.0
BEAT = 5.0
LOOK_EVERY = 0.01
LEAST_REST, RESTS, LONGEST_REST = 0.003, 4.0, 0.06
"""Seconds between two claims, and how many times as long as a claim took: a burst gathers."""


APART = f"waits to be tried by itself: its process died {leases.SUSPECT} times"
ASIDE = timedelta(seconds=1)
"""Until a row that was set apart is looked at again; of several, one after the other."""


class Kind:
    """One kind of work. Put a subclass on the shelf `kinds`; it needs no other list."""

    key: ClassVar[str]
    model: ClassVar[type[Leased]]
    limit: ClassVar[int] = 1000
    """How many of this kind one runner carries at once."""

    def claim(self, owner: str, limit: int) -> list[Lease[Any]]:
        """Take due rows for this owner, most urgent first; called while there are any."""
        return leases.claim(self.model, owner, limit)

    def set_apart(self, lease: Lease[Any], until: datetime) -> None:
        """Put back a row that is not to be carried beside another suspect."""
        lease.put_back(until, trouble=APART, attempt=lease.attempt - 1)

    async def run(self, lease: Lease[Any]) -> None:
        """Do the work and end it with `lease.finish` or `lease.put_back`."""
        raise NotImplementedError

    def keep_time(self) -> float:
        """Begin what a clock says; returns in how many seconds to be asked again, TICK at most."""
        return TICK

    def look(self, owner: str) -> None:
        """Ask for news about rows in hand; called each second while there are any."""

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end of a row whose coroutine was canceled because somebody asked."""

    def returned(self, found: leases.Returned) -> None:
        """Tell the pages about rows whose work ended without a result."""


kinds: Shelf[Kind] = Shelf("kind of work")


class Runner:
    """Carries rows until told to stop. `once` runs what is due and returns, for tests."""

    def __init__(self, *, life: float = LIFE) -> None:
        self.owner = owner.me()
        self.life = life
        self.kinds = [kind() for kind in kinds]
        self.hands: dict[tuple[str, int], tuple[Lease[Any], asyncio.Task[None]]] = {}
        self.woken = asyncio.Event()
        self.renewed_at = timezone.now()
        self.stopping = False

    async def run(self) -> None:
        """Serve until the end of life or a stop."""
        await _database(self._sign_in)
        chores = [
            asyncio.create_task(self._forever(self._watch_commits)),
            asyncio.create_task(self._forever(self._renew, leases.LEASE.total_seconds() / 3)),
            asyncio.create_task(self._forever(self._look_after, TICK)),
            asyncio.create_task(self._forever(self._keep_time)),
            asyncio.create_task(self._forever(self._beat, BEAT)),
        ]
        try:
            await self._serve()
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            await self._let_go()

    async def once(self) -> int:
        """Claim what is due now and wait for it; returns how many rows were run."""
        count = 0
        while found := await _database(self._claim):
            count += len(found)
            self._start(found)
            await asyncio.gather(*(task for _, task in self.hands.values()))
        return count

    # -- the loop ----------------------------------------------------------------------------

    async def _serve(self) -> None:
        end = time.monotonic() + self.life
        while not self.stopping:
            self.woken.clear()
            began = time.monotonic()
            self._start(await _database(self._claim))
            rest = min(max(LEAST_REST, RESTS * (time.monotonic() - began)), LONGEST_REST)
            if time.monotonic() > end and not self.hands:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), 0.25)
            await asyncio.sleep(rest)

    def _claim(self) -> list[tuple[Kind, Lease[Any]]]:
        found: list[tuple[Kind, Lease[Any]]] = []
        try:
            held = Counter(key for key, _ in list(self.hands))
            free = [kind for kind in self.kinds if held[kind.key] < kind.limit]
            due = leases.due([kind.model for kind in free])
            for kind in free:
                if kind.model in due:
                    room = min(kind.limit - held[kind.key], 200)
                    found += [(kind, lease) for lease in kind.claim(self.owner, room)]
            found = self._apart(found)
        except Exception:  # the runner's edge: a database that is away comes back
            log.exception("could not claim work")
            time.sleep(1)  # in the database thread: nothing else can be asked meanwhile either
        return found  # what was claimed before the trouble is in hand all the same

    def _apart(self, found: list[tuple[Kind, Lease[Any]]]) -> list[tuple[Kind, Lease[Any]]]:
        """Return what is to be carried now: of the rows that may be deadly, one at a time."""
        suspects = [one for one in found if one[1].suspect]
        if suspects and not any(lease.suspect for lease, _ in list(self.hands.values())):
            suspects = suspects[1:]
        for number, (kind, lease) in enumerate(suspects, 1):
            kind.set_apart(lease, timezone.now() + number * ASIDE)
        return [one for one in found if one not in suspects]

    def _held(self, kind: Kind) -> list[int]:
        return [pk for key, pk in self.hands if key == kind.key]

    def _start(self, found: list[tuple[Kind, Lease[Any]]]) -> None:
        for kind, lease in found:
            late = self.hands.get((kind.key, lease.pk))
            if late is not None:  # its lease ended meanwhile; what it would write is fenced
                late[1].cancel()
            task = asyncio.create_task(self._carry(kind, lease))
            self.hands[kind.key, lease.pk] = (lease, task)

    async def _carry(self, kind: Kind, lease: Lease[Any]) -> None:
        try:
            await kind.run(lease)
        except asyncio.CancelledError:
            if not self.stopping:
                await _database(kind.canceled, lease)
        except Exception as error:  # the runner's edge
            log.exception("%s %s failed", kind.key, lease.pk)
            with contextlib.suppress(Exception):  # then the row comes back when its lease ends
                await _database(_stumble, kind, lease, f"{type(error).__name__}: {error}"[:2000])
        finally:
            if self.hands[kind.key, lease.pk][0] is lease:
                del self.hands[kind.key, lease.pk]
            self.woken.set()

    # -- chores ------------------------------------------------------------------------------

    async def _forever(self, chore: Callable[[], Awaitable[None]], pause: float = 0) -> None:
        while True:
            try:
                await chore()
            except Exception:  # the runner's edge
                log.exception("runner chore failed")
                await _database(close_old_connections)
                await asyncio.sleep(1)
            await asyncio.sleep(pause)

    async def _watch_commits(self) -> None:
        if connection.vendor == "postgresql":
            await self._listen()
        else:
            await self._watch_data_version()

    async def _listen(self) -> None:
        import psycopg  # here, so that SQLite installations do not load it

        async with await psycopg.AsyncConnection.connect(
            **connection_parameters(), autocommit=True
        ) as listener:
            await listener.execute("LISTEN whoosh_work")
            async for _ in listener.notifies():
                self.woken.set()

    async def _watch_data_version(self) -> None:
        with contextlib.closing(sqlite_reader()) as reader:
            seen = None
            while True:
                version = reader.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self.woken.set()
                await asyncio.sleep(LOOK_EVERY)

    async def _renew(self) -> None:
        self.renewed_at = timezone.now()
        for kind in self.kinds:
            if held := self._held(kind):
                await _database(leases.renew, kind.model, self.owner, held)

    async def _look_after(self) -> None:
        if timezone.now() - self.renewed_at > leases.LEASE / 2:
            await self._renew()  # the machine slept, or the database did: what is in hand is alive
        for kind in self.kinds:
            back = await _database(leases.give_back, kind.model)
            if back.queued or back.quarantined:
                log.warning("%s: %s", kind.key, back)
                await _database(kind.returned, back)
                self.woken.set()
        await self._ask_for_news()

    async def _keep_time(self) -> None:
        """Ask the clocks, also while no more rows can be taken in hand: a moment does not wait."""
        waits = [await _database(kind.keep_time) for kind in self.kinds]
        await asyncio.sleep(min(waits, default=TICK))

    async def _ask_for_news(self) -> None:
        for kind in self.kinds:
            if not self._held(kind):
                continue
            await _database(kind.look, self.owner)
            asked = await _database(self._asked, kind.model)
            await asyncio.sleep(0)  # a task canceled before its first step would end nothing
            for pk in asked:
                if (kind.key, pk) in self.hands:
                    self.hands[kind.key, pk][1].cancel()

    def _asked(self, model: type[Leased]) -> list[int]:
        mine = model._default_manager.filter(state=leases.RUNNING, owner=self.owner)
        return list(mine.filter(cancel_asked=True).values_list("pk", flat=True))

    # -- signs of life -----------------------------------------------------------------------

    def _sign_in(self) -> None:
        Process.objects.update_or_create(
            owner=self.owner,
            defaults={
                "job": Process.Job.RUNNER,
                "host": owner.host(),
                "pid": int(self.owner.split(":")[1]),
                "beat_at": timezone.now(),
            },
        )

    async def _beat(self) -> None:
        mine = Process.objects.filter(owner=self.owner)
        await _database(mine.update, beat_at=timezone.now(), carrying=len(self.hands))

    async def _let_go(self) -> None:
        """Clean stop: end all coroutines, then queue their rows again. That is no death."""
        self.stopping = True
        tasks = [task for _, task in self.hands.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for kind in self.kinds:
            await _database(leases.release_all, kind.model, self.owner)
        await _database(Process.objects.filter(owner=self.owner).delete)


def _stumble(kind: Kind, lease: Lease[Any], trouble: str) -> None:
    with transaction.atomic():
        kind.returned(lease.stumble(trouble))


async def _database(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Run a database call in the process's one database thread."""
    return await sync_to_async(function)(*args, **named)


def sqlite_reader() -> sqlite3.Connection:
    """Return a connection of its own beside Django's, that only reads."""
    file = Path(settings.DATABASES["default"]["NAME"])
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def connection_parameters() -> dict[str, Any]:
    """Return what psycopg needs for a connection of its own beside Django's."""
    parameters = connection.get_connection_params()
    for ours in ("cursor_factory", "context", "pool", "prepare_threshold"):
        parameters.pop(ours, None)
    return parameters


def serve(life: float = LIFE) -> None:
    """Body of the resident django-q2 task; returns at once when this host has its runner."""
    others = Process.objects.filter(job=Process.Job.RUNNER, host=owner.host()).exclude(
        owner=owner.me()
    )
    if any(not owner.is_dead(other) for other in others.values_list("owner", flat=True)):
        return
    asyncio.run(_serve_until_stopped(life))


async def _serve_until_stopped(life: float) -> None:
    runner = Runner(life=life)
    loop = asyncio.get_running_loop()

    gc.freeze()  # code and settings stay: only what calls leave behind is looked through,
    gc.set_threshold(10_000, 20, 20)  # and a thousand calls in hand are no garbage

    def stop() -> None:
        runner.stopping = True
        runner.woken.set()

    loop.add_signal_handler(signal.SIGTERM, stop)
    await runner.run()
