"""Sockets of live pages: what a page missed, what it is told, and what closes it."""

import asyncio
import re

import pytest
from channels.testing import WebsocketCommunicator
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from whoosh_site.core import live
from whoosh_site.core.live import hub as hubs
from whoosh_site.core.live import sockets, topics
from whoosh_site.core.live.hub import Hub
from whoosh_site.core.live.sockets import LiveConsumer, _missed
from whoosh_site.core.models import Notice
from whoosh_site.core.panels import Problems
from whoosh_site.core.tests.notices import long_ago

pytestmark = pytest.mark.django_db


# -- healing -----------------------------------------------------------------------------------


@pytest.fixture
def history():
    """Five notices; returns their numbers."""
    for name in ("agents@1", "call:7", "agents@2", "call:7", "agents@1"):
        Notice.objects.create(topic=name, data='{"text": "a"}' if name == "call:7" else "")
    return list(Notice.objects.order_by("pk").values_list("pk", flat=True))


def test_a_page_that_comes_back_hears_what_changed_meanwhile(history):
    assert _missed({"agents@1", "agents@2"}, history[2])[0] == {"agents@1"}


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
    _, data = _missed({"call:7", "agents@1"}, history[-1])
    assert data == {"call:7": [{"text": "a"}] * 2}


@pytest.fixture
def seen(people, sign_in):
    """Return what an address said a page had seen, and how often notices were asked for that."""

    def asked(path="/"):
        with CaptureQueriesContext(connection) as queries:
            text = sign_in(people.member).get(path).content.decode()
        number = re.search(r'data-seq="(\d+)"', text)
        return number and int(number[1]), sum("MAX(" in query["sql"] for query in queries)

    return asked


def test_what_changes_while_a_page_is_drawn_is_told_when_it_connects(seen, monkeypatch):
    def draw(self, user):
        live.announce("agents", teams=[1])
        return {"findings": []}

    live.announce("agents", teams=[1])
    before = long_ago()
    monkeypatch.setattr(Problems, "context", draw)
    number, _ = seen()
    assert number == before
    assert _missed({"agents@1"}, number)[0] == {"agents@1"}


@pytest.mark.parametrize(
    ("path", "times"), [("/", 1), ("/panels/problems/?fragment=panel", 0), ("/api/v1/agents/", 0)]
)
def test_only_a_whole_page_asks_what_it_has_seen_and_only_once(seen, path, times):
    assert seen(path)[1] == times


def test_beside_a_hub_that_runs_no_page_needs_to_ask(seen, monkeypatch):
    monkeypatch.setattr(Hub, "running", True)
    monkeypatch.setattr(hubs.hub, "settled", 12)
    assert seen() == (12, 0)


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
    assert frame.pop("tick") == hubs.hub.tick
    assert frame == {"seq": 9, "changed": ["agents"], "data": {"call:7": ["piece"]}}


def test_a_page_that_cannot_keep_up_is_told_to_fetch_everything(socket):
    for number in range(hubs.FULL + 1):
        socket.offer(number, {"agents@1"}, {})
    assert socket.waiting == [(hubs.FULL, {"agents@1", "agents@2", "call:7"}, {})]
    assert socket.ready.is_set()


@pytest.fixture
def open_socket(people, sign_in, inside, monkeypatch):
    """Open a member's socket, do something, send a message; return the answer and who listens."""
    hub = Hub()
    monkeypatch.setattr(hub, "_run", lambda: asyncio.sleep(60))
    monkeypatch.setattr(hubs, "hub", hub)
    cookies = {"sessionid": sign_in(people.member).cookies["sessionid"].value}

    async def scene(message, before):
        line = WebsocketCommunicator(LiveConsumer.as_asgi(), "/ws/live/")
        line.scope["cookies"] = cookies
        assert (await line.connect())[0]
        await line.send_to(text_data='{"watch": ["agents"]}')
        await line.receive_json_from()
        assert list(hub._watchers) == [f"agents@{people.ours.pk}"]
        before()
        if message:
            await line.send_to(text_data=message)
        answer = await line.receive_output(3)
        await line.disconnect()
        hub._task.cancel()
        return answer, hub._watchers

    return lambda message="", before=lambda: None: inside(scene(message, before))


def failing(monkeypatch, place, name, error):
    """Return a way to make something fail from now on."""

    def fail(*_):
        raise error

    return lambda: monkeypatch.setattr(place, name, fail)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        "{}",
        '{"watch": 5}',
        '{"watch": [], "since": [1]}',
        '{"watch": [], "since": NaN}',
        '{"watch": [], "since": Infinity}',
        '{"watch": [], "since": ' + "9" * 5000 + "}",
        "[" * 16_000,
        " " * 20_000,
    ],
)
def test_a_malformed_message_closes_the_socket_and_nobody_listens(open_socket, message):
    assert open_socket(message) == ({"type": "websocket.close", "code": 4400}, {})


def test_a_huge_number_is_a_page_of_another_database(open_socket):
    answer, _ = open_socket('{"watch": ["agents"], "since": ' + "9" * 4000 + "}")
    assert '"changed": ["agents"]' in answer["text"]


def test_a_socket_that_breaks_is_closed_and_forgotten(open_socket, monkeypatch, caplog):
    breaks = failing(monkeypatch, topics, "expand", DatabaseError("gone"))
    answer, listeners = open_socket('{"watch": ["calls"]}', breaks)
    assert (answer, listeners) == ({"type": "websocket.close", "code": 4500}, {})
    assert "a live socket broke" in caplog.text


@pytest.mark.parametrize("error", [DatabaseError("gone"), OSError("gone")])
def test_a_person_who_cannot_be_looked_up_again_keeps_no_socket(open_socket, monkeypatch, error):
    monkeypatch.setattr(sockets, "RECHECK", 0.2)
    breaks = failing(monkeypatch, sockets, "get_user", error)
    assert open_socket(before=breaks) == ({"type": "websocket.close", "code": 4500}, {})
