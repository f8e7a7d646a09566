"""Base of all WebSocket consumers: sign-in, permission, revocation, bounded queues."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Max, Min

from whoosh_site.core import tunables
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live import topics
from whoosh_site.core.live.notices import streamed
from whoosh_site.core.middleware import idle_seconds
from whoosh_site.core.models.people import User
from whoosh_site.core.models.system import Notice

log = logging.getLogger(__name__)

RECHECK = 5.0
MOST_TOPICS = 100
LARGEST_MESSAGE = 16_384
CLOSED_MALFORMED = 4400  # the server sends codes of an application only
CLOSED_FAILED = 4500
CLOSED_SIGNED_OUT = 4401


class LiveConsumer(AsyncWebsocketConsumer):
    """One page's socket. The page says what it watches; the hub says what changed.

    From the page: `{"watch": ["agents", "call:7"], "since": 1234}`.
    To the page: `{"seq": 1240, "tick": 1790000000000000, "changed": ["agents"], "data": {"call:7":
    [...]}}`; the first answer lists everything that changed after `since`, so a reconnect heals
    what was missed, and `"refused"` names topics this person may not watch. `seq` is the next
    `since`, `tick` the number with which changed fragments are fetched.
    """

    def __init__(self) -> None:
        super().__init__()
        self.expanded: dict[str, set[str]] = {}
        self.waiting: list[tuple[int, set[str], dict[str, list[Any]]]] = []
        self.ready = asyncio.Event()
        self.chores: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Carry the socket; whatever breaks closes it, for its page comes back and is healed."""
        try:
            await super().__call__(scope, receive, send)
        except Exception:  # the consumer's edge
            log.exception("a live socket broke")
            with contextlib.suppress(Exception):  # the page may be gone already
                await send({"type": "websocket.close", "code": CLOSED_FAILED})
        finally:
            hubs.hub.watch(self, set())
            for chore in self.chores:
                chore.cancel()

    async def connect(self) -> None:
        """Accept people who are signed in; Origin was checked by the ASGI application."""
        self.user = await self._current_user()
        if self.user is None:
            await self.close(CLOSED_SIGNED_OUT)
            return
        await self.accept()
        await hubs.hub.start()
        works = (self._pump(), self._recheck())
        self.chores = [asyncio.create_task(self._chore(work)) for work in works]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take the page's wishes; anything malformed closes the socket."""
        try:
            if text_data is None or len(text_data) > LARGEST_MESSAGE:
                raise ValueError
            wish = json.loads(text_data)
            wanted = [str(topic) for topic in wish["watch"]][:MOST_TOPICS]
            since = int(wish.get("since") or 0)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            await self.close(CLOSED_MALFORMED)
            return
        await self._watch(wanted, since)

    def offer(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> None:
        """Take a tick from the hub. A page that cannot keep up is told to fetch everything."""
        if len(self.waiting) >= hubs.FULL:
            everything = {topic for group in self.expanded.values() for topic in group}
            self.waiting = [(seq, everything, {})]
        else:
            self.waiting.append((seq, changed, data))
        self.ready.set()

    # -- inside ------------------------------------------------------------------------------

    async def _watch(self, wanted: list[str], since: int) -> None:
        self.expanded = await database_sync_to_async(self._expand)(wanted)
        granted = {topic for group in self.expanded.values() for topic in group}
        hubs.hub.watch(self, granted)
        seq = hubs.hub.settled  # before reading: what follows is told by the hub
        changed, data = await database_sync_to_async(_missed)(granted, since)
        answer = self._frame(seq, changed, data)
        answer["refused"] = sorted(set(wanted) - set(self.expanded))
        await self.send(json.dumps(answer))

    def _expand(self, wanted: list[str]) -> dict[str, set[str]]:
        found = {name: set(topics.expand(self.user, name)) for name in wanted}
        return {name: group for name, group in found.items() if group}

    def _frame(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> dict[str, Any]:
        names = [name for name, group in self.expanded.items() if group & changed]
        pieces = {
            name: [piece for topic in group for piece in data.get(topic, ())]
            for name, group in self.expanded.items()
        }
        kept = {name: found for name, found in pieces.items() if found}
        return {"seq": seq, "tick": hubs.hub.tick, "changed": names, "data": kept}

    async def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:  # the consumer's edge: who cannot be looked up is not told either
            log.exception("a live socket broke")
            with contextlib.suppress(Exception):  # the page may be gone already
                await self.close(CLOSED_FAILED)

    async def _pump(self) -> None:
        while True:
            await self.ready.wait()
            self.ready.clear()
            batch, self.waiting = self.waiting, []
            for seq, changed, data in batch:
                await self.send(json.dumps(self._frame(seq, changed, data)))

    async def _recheck(self) -> None:
        """Close within seconds when the person signed out, was switched off or lost a role."""
        before = self.user.audience if self.user else None
        while True:
            await asyncio.sleep(RECHECK)
            user = await self._current_user()
            if user is None or user.audience != before:
                await self.close(CLOSED_SIGNED_OUT if user is None else 4403)
                return

    @database_sync_to_async
    def _current_user(self) -> User | None:
        key = self.scope.get("cookies", {}).get("sessionid", "")
        session = SessionStore(key or None)
        if not key or not session.exists(key):
            return None
        request = _SessionOnly(session)
        user = get_user(request)
        if not user.is_authenticated:
            return None
        if idle_seconds(session) > tunables.value("session_timeout"):
            return None
        user.audience  # noqa: B018  (read the roles here, in the database thread)
        return user


class _SessionOnly:
    """What `get_user` needs of a request."""

    def __init__(self, session: SessionStore) -> None:
        self.session = session
        self.META: dict[str, str] = {}


def _missed(granted: set[str], since: int) -> tuple[set[str], dict[str, list[Any]]]:
    """Return what changed after `since`, and all streams still running."""
    data = {topic: streamed(topic) for topic in granted if ":" in topic}
    kept = Notice.objects.aggregate(oldest=Min("pk"), newest=Max("pk"))
    if since == 0 or not (kept["oldest"] or 0) - 1 <= since <= (kept["newest"] or 0):
        return set(granted), data
    mine = Notice.objects.filter(topic__in=granted, pk__gt=since, data="")
    return set(mine.values_list("topic", flat=True)), data
