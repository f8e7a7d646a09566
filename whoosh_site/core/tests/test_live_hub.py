"""The hub: what is committed is told once a tick to who watches it, also when it commits late."""

import asyncio
import threading
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from whoosh_site.core import live
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live.hub import Hub
from whoosh_site.core.live.sockets import _missed
from whoosh_site.core.models import Notice, Process
from whoosh_site.core.tests.notices import POSTGRES_ONLY, newest

pytestmark = pytest.mark.django_db


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard = []

    def offer(self, seq, changed, data):
        self.heard.append((seq, changed, data))


def listening(*wanted):
    hub, ear = Hub(), Ear()
    hub.seq = Notice.objects.create(topic="before").pk
    hub.watch(ear, set(wanted))
    return hub, ear


def test_one_tick_is_told_in_one_parcel(inside):
    hub, ear = listening("agents@1", "call:7")
    live.announce("agents", "agent:3", teams=[1, 2])
    live.announce("agents", teams=[1])
    live.stream("call:7", {"text": "a"})
    live.stream("call:7", {"text": "b"})
    inside(hub._tell())
    pieces = {"call:7": [{"text": "a"}, {"text": "b"}]}
    assert ear.heard == [(newest(), {"agents@1"}, pieces)]


def test_nothing_is_told_twice(inside):
    hub, ear = listening("agents@1")
    live.announce("agents", teams=[1])
    inside(hub._tell())
    inside(hub._tell())
    assert len(ear.heard) == 1


def test_what_nobody_watches_is_told_to_nobody_but_counted(inside):
    hub, ear = listening("agents@1")
    live.announce("agents", teams=[2])
    inside(hub._tell())
    assert ear.heard == []
    assert hub.seq == newest()


def test_a_listener_that_left_hears_nothing(inside):
    hub, ear = listening("agents@1")
    hub.watch(ear, set())
    live.announce("agents", teams=[1])
    inside(hub._tell())
    assert ear.heard == []
    assert hub._watchers == {}


def test_watching_again_replaces_what_was_watched():
    hub, ear = listening("agents@1", "call:7")
    hub.watch(ear, {"call:8"})
    assert hub._watchers == {"call:8": {ear}}


@pytest.fixture
def overtaken(inside):
    """A hub that has told one notice while the one before it was not committed yet."""
    live.announce("agent:1")
    hub, ear = listening("agent:1", "agent:3", "call:7")
    late = newest() + 1
    Notice.objects.create(pk=late + 1, topic="agent:1")
    inside(hub._tell())
    return hub, ear, late


@POSTGRES_ONLY
def test_a_notice_that_commits_late_is_told_all_the_same(overtaken, inside):
    hub, ear, late = overtaken
    pieces = [Notice(pk=late + n, topic="call:7", data="1") for n in range(2, 1202)]
    for start in (0, 400, 800):  # the pieces of a stream overtake it as they like
        Notice.objects.bulk_create(pieces[start : start + 400])
        inside(hub._tell())
    Notice.objects.create(pk=late, topic="agent:3")
    inside(hub._tell())
    inside(hub._tell())
    assert [changed for _, changed, _ in ear.heard if changed] == [{"agent:1"}, {"agent:3"}]
    assert sum(len(data.get("call:7", ())) for _, _, data in ear.heard) == 1200


@POSTGRES_ONLY
def test_a_late_notice_raises_the_tick_so_that_nothing_drawn_before_it_is_kept(overtaken, inside):
    hub, _, late = overtaken
    before = hub.tick
    Notice.objects.create(pk=late, topic="agent:3")
    inside(hub._tell())
    assert hub.tick > before


@POSTGRES_ONLY
def test_a_page_has_seen_only_what_comes_before_a_gap(overtaken, inside):
    hub, ear, late = overtaken
    assert (hub.seq, hub.settled) == (late + 1, late - 1)
    assert ear.heard[0][0] == late - 1
    Notice.objects.create(pk=late, topic="agent:3")
    assert "agent:3" in _missed({"agent:3"}, hub.settled)[0]
    inside(hub._tell())
    assert hub.settled == late + 1


@POSTGRES_ONLY
def test_a_gap_that_nothing_fills_is_forgotten(overtaken, inside, monkeypatch):
    hub, _, late = overtaken
    now = hubs.time.monotonic()
    monkeypatch.setattr(hubs.time, "monotonic", lambda: now + 31)
    inside(hub._tell())
    assert (hub._overtaken, hub.settled) == ({}, late + 1)


def test_every_tick_that_is_told_has_a_higher_number(inside, monkeypatch):
    hub, _ = listening()
    monkeypatch.setattr(hubs.time, "time_ns", lambda: 5_000_000)  # a clock that stands still
    ticks = []
    for _ in range(3):
        live.announce("agent:1")
        inside(hub._tell())
        ticks.append(hub.tick)
    assert ticks == [5000, 5001, 5002]


def test_many_pages_that_come_at_once_start_one_hub(inside, monkeypatch):
    hub, started = Hub(), []

    async def run():
        started.append(1)
        await asyncio.sleep(60)

    async def fifty():
        await asyncio.gather(*(hub.start() for _ in range(50)))
        await asyncio.sleep(0)
        assert hub.running
        hub._task.cancel()

    monkeypatch.setattr(hub, "_run", run)
    inside(fifty())
    assert started == [1]


def test_a_started_hub_hears_what_other_connections_commit(transactional_db, run):
    def commit():
        time.sleep(0.1)
        live.announce("agents", teams=[1])
        connections.close_all()

    async def listen():
        hub, ear = Hub(), Ear()
        hub.watch(ear, {"agents@1"})
        await hub.start()
        await hub.start()
        thread = threading.Thread(target=commit)
        thread.start()
        async with asyncio.timeout(5):
            while not ear.heard:  # noqa: ASYNC110  (a listener may not block, so it has no bell)
                await asyncio.sleep(0.01)
        thread.join()
        return ear.heard

    heard = run(listen())
    assert [changed for _, changed, _ in heard] == [{"agents@1"}]


@POSTGRES_ONLY
def test_a_hub_keeps_up_with_hundreds_of_notices_a_second(transactional_db, run):
    def publish():
        for _ in range(800):
            live.announce("agents", teams=[1])
        connections.close_all()

    async def listen():
        hub, ear = Hub(), Ear()
        hub.watch(ear, {"agents@1"})
        await hub.start()
        await asyncio.to_thread(publish)
        async with asyncio.timeout(5):
            while hub.settled < await sync_to_async(newest)():  # noqa: ASYNC110  (as above)
                await asyncio.sleep(0.05)
        return ear.heard

    assert run(listen())


def test_a_hub_signs_the_web_processs_life():
    hubs.sign_in()
    hubs.sign_in()
    assert Process.objects.get().job == "web"
