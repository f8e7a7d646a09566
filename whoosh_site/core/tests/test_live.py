"""Live pages: notices written with the change, told once a tick, healed after a gap."""

import asyncio
import threading
import time

import pytest
from django.db import connection, connections, transaction

from whoosh_site.core import live
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live import notices, topics
from whoosh_site.core.live.hub import Hub
from whoosh_site.core.live.sockets import LiveConsumer, _missed
from whoosh_site.core.models import Notice, Process

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("topic", flat=True))


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard = []

    def offer(self, seq, changed, data):
        self.heard.append((seq, changed, data))


# -- writing -----------------------------------------------------------------------------------


def test_a_list_is_announced_to_each_team_and_an_object_once():
    live.announce("agents", "agent:7", teams=[3, 4, 3])
    assert sorted(told()) == ["agent:7", "agents@3", "agents@4"]


def test_a_list_without_teams_is_announced_to_nobody():
    live.announce("agents")
    assert told() == []


def test_an_announcement_of_a_rolled_back_transaction_leaves_nothing(transactional_db):
    with transaction.atomic():
        live.announce("agents", teams=[1])
        live.stream("call:1", {"text": "a"})
        transaction.set_rollback(True)
    assert told() == []


def test_the_pieces_of_a_stream_come_back_in_order():
    for text in ("ü", "\x00", "c"):
        live.stream("call:7", {"text": text})
    live.stream("call:8", {"text": "other"})
    live.announce("call:7")
    assert [piece["text"] for piece in notices.streamed("call:7")] == ["ü", "\x00", "c"]


def test_a_character_cut_in_two_between_pieces_survives():
    for half in ("\ud83c", "\udf33"):
        live.stream("call:7", half)
    assert notices.streamed("call:7") == ["\ud83c", "\udf33"]


def test_the_newest_notice_is_what_a_page_has_seen():
    assert live.last_seen() == 0
    live.announce("agent:1", "agent:2")
    assert live.last_seen() == Notice.objects.latest("pk").pk


# -- who may watch what ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["agents", "calls"])
def test_a_list_stands_for_that_list_in_each_of_a_persons_teams(people, name):
    assert topics.expand(people.member, name) == [f"{name}@{people.ours.pk}"]
    assert topics.expand(people.stranger, name) == [f"{name}@{people.theirs.pk}"]
    assert set(topics.expand(people.admin, name)) == {
        f"{name}@{people.ours.pk}",
        f"{name}@{people.theirs.pk}",
    }


def test_an_object_is_watched_by_those_who_may_see_it(people, make_agent):
    topic = f"agent:{make_agent('oak', team=people.ours).pk}"
    watchers = {
        name: topics.expand(getattr(people, name), topic)
        for name in ("admin", "owner", "member", "viewer", "stranger")
    }
    assert watchers.pop("stranger") == []
    assert set(map(tuple, watchers.values())) == {(topic,)}


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        ":",
        "nothing",
        "agents@1",
        "agents:1",
        "agent:",
        "agent:x",
        "agent:-1",
        "agent:1:2",
        "agent:99999999999999999999999",
        "nothing:1",
    ],
)
def test_what_does_not_exist_cannot_be_watched(people, wanted):
    assert topics.expand(people.admin, wanted) == []


@pytest.mark.parametrize("kind", topics.topics.keys())
def test_no_kind_of_object_is_visible_before_it_exists(people, kind):
    assert topics.expand(people.admin, f"{kind}:1234567") == []


# -- the hub -----------------------------------------------------------------------------------


def listening(*wanted):
    hub, ear = Hub(), Ear()
    hub.seq = live.last_seen()
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
    assert ear.heard == [(live.last_seen(), {"agents@1"}, pieces)]


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
    assert hub.seq == live.last_seen()


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


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only there ids commit out of order")
def test_a_notice_that_commits_late_is_told_all_the_same(inside):
    live.announce("agent:1")
    hub, ear = listening("agent:1", "agent:3")
    live.announce("agent:2")
    late = live.last_seen() + 1
    Notice.objects.create(pk=late + 1, topic="agent:1")
    inside(hub._tell())
    Notice.objects.create(pk=late, topic="agent:3")
    inside(hub._tell())
    assert [changed for _, changed, _ in ear.heard] == [{"agent:1"}, {"agent:3"}]


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


def test_a_hub_signs_the_web_processs_life():
    hubs.sign_in()
    hubs.sign_in()
    assert Process.objects.get().job == "web"


# -- healing -----------------------------------------------------------------------------------


@pytest.fixture
def history():
    """Five notices; returns their numbers."""
    for name in ("agents@1", "call:7", "agents@2", "call:7", "agents@1"):
        Notice.objects.create(topic=name, data='{"text": "a"}' if name == "call:7" else "")
    return list(Notice.objects.order_by("pk").values_list("pk", flat=True))


def test_a_page_that_comes_back_hears_what_changed_meanwhile(history):
    changed, _, seq = _missed({"agents@1", "agents@2"}, history[2])
    assert (changed, seq) == ({"agents@1"}, history[-1])


def test_a_page_that_missed_nothing_hears_nothing(history):
    assert _missed({"agents@1"}, history[-1])[0] == set()


def test_only_what_it_may_watch_is_told(history):
    assert _missed({"agents@2"}, history[0])[0] == {"agents@2"}


@pytest.mark.parametrize("since", ["never", "too long ago", "from another database"])
def test_a_page_that_knows_too_little_fetches_everything(history, since):
    Notice.objects.filter(pk=history[0]).delete()
    number = {
        "never": 0,
        "too long ago": history[0] - 1,
        "from another database": history[-1] + 1000,
    }[since]
    assert _missed({"agents@1", "agent:5"}, number)[0] == {"agents@1", "agent:5"}


def test_the_oldest_notice_still_kept_is_enough(history):
    Notice.objects.filter(pk=history[0]).delete()
    assert _missed({"agent:5"}, history[0])[0] == set()


def test_a_running_stream_is_told_from_its_beginning(history):
    _, data, _ = _missed({"call:7", "agents@1"}, history[-1])
    assert data == {"call:7": [{"text": "a"}] * 2}


# -- sockets -----------------------------------------------------------------------------------


@pytest.fixture
def socket():
    """A consumer that watches one list and one object, with nobody behind it."""
    consumer = LiveConsumer()
    consumer.expanded = {"agents": {"agents@1", "agents@2"}, "call:7": {"call:7"}}
    consumer.waiting, consumer.ready = [], asyncio.Event()
    return consumer


def test_a_page_hears_names_as_it_asked_for_them(socket):
    frame = socket._frame(9, {"agents@2", "other@1"}, {"call:7": ["piece"]})
    assert frame == {"seq": 9, "changed": ["agents"], "data": {"call:7": ["piece"]}}


def test_a_page_that_cannot_keep_up_is_told_to_fetch_everything(socket):
    for number in range(hubs.FULL + 1):
        socket.offer(number, {"agents@1"}, {})
    assert socket.waiting == [(hubs.FULL, {"agents@1", "agents@2", "call:7"}, {})]
    assert socket.ready.is_set()
