"""The answer of a call as server-sent events: pieces as they come, then the whole."""

import asyncio
import json
import re

import pytest
from django.utils import timezone

from agents.models import Call
from agents.services import stream
from agents.services.stream import events
from whoosh_site.core import live
from whoosh_site.core.runner import _database

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def call(people):
    """A call that is being answered."""
    return Call.objects.create(
        team=people.ours, source="api", state="running", attempt=1, messages=[]
    )


def say(call, text="", thinking="", *, attempt=1, at=0, thought_at=0):
    """Write a piece as the runner does."""
    body = {"text": text, "thinking": thinking, "attempt": attempt}
    live.stream(f"call:{call.pk}", body | {"at": at, "thought_at": thought_at})


def end(call, answer="", state="success"):
    """Write the end as the runner does."""
    Call.objects.filter(pk=call.pk).update(
        state=state, answer=answer, finished_at=timezone.now(), owner=""
    )
    live.announce(f"call:{call.pk}")


def whole(call):
    return {"state": call.state, "answer": call.answer, "at": call.finished_at}


def read(event):
    """Return name and data of an event."""
    found = re.fullmatch(r"event: (\w+)\ndata: (.+)\n\n", event)
    assert found, event
    return found[1], json.loads(found[2])


class Listener:
    """Follows a call's events, looking whenever the test says so."""

    def __init__(self, call, hub):
        self.may = True
        self.hub, self.events = hub, events(call.pk, whole, lambda: self.may)

    async def next(self):
        """Return the next event."""
        async with asyncio.timeout(5):
            return read(await anext(self.events))

    async def hear(self, work, *args, **more):
        """Do something in the database, let the hub look, and return the next event."""
        follow = asyncio.create_task(self.next())
        await asyncio.sleep(0)
        await _database(work, *args, **more)
        await self.hub._tell()
        return await follow


@pytest.fixture
def follow(inside, call, hub):
    """Follow the call: `follow(scene)` runs `await scene(listener)`."""

    def followed(scene):
        async def whole_way():
            listener = Listener(call, hub)
            try:
                return await scene(listener)
            finally:
                await listener.events.aclose()
                if hub._task is not None:
                    hub._task.cancel()

        return inside(whole_way())

    return followed


def everything(follow):
    """Return all events of a call that has ended."""

    async def scene(listener):
        return [read(event) async for event in listener.events]

    return follow(scene)


# -- as it comes -------------------------------------------------------------------------------


def test_pieces_come_as_they_are_said_and_then_the_whole(call, follow):
    async def scene(listener):
        return [
            await listener.next(),
            await listener.hear(say, call, "You", at=0),
            await listener.hear(say, call, " said", at=3),
            await listener.hear(end, call, "You said"),
        ]

    first, one, two, last = follow(scene)
    assert first == ("call", {"id": call.pk})
    assert (one[0], one[1]["text"]) == ("piece", "You")
    assert two[1] == {"text": " said", "thinking": "", "attempt": 1, "at": 3, "thought_at": 0}
    assert last[0] == "end"
    assert (last[1]["state"], last[1]["answer"]) == ("success", "You said")
    assert last[1]["at"].startswith(f"{timezone.now():%Y-%m-}")


def test_after_the_end_nothing_follows_and_nobody_listens(call, follow, hub):
    end(call, "done")
    assert [name for name, _ in everything(follow)] == ["call", "end"]
    assert hub._watchers == {}


def test_a_caller_that_leaves_is_listened_for_no_longer(call, follow, hub):
    async def scene(listener):
        await listener.next()
        assert list(hub._watchers) == [f"call:{call.pk}"]

    follow(scene)
    assert hub._watchers == {}


def test_thinking_and_text_come_in_order(call, follow):
    say(call, thinking="hm")
    say(call, text="You", thought_at=2)
    end(call, "You")
    pieces = [data for name, data in everything(follow) if name == "piece"]
    assert [(piece["thinking"], piece["text"]) for piece in pieces] == [("hm", ""), ("", "You")]


def test_silence_is_filled_so_that_nobody_hangs_up(call, follow, monkeypatch):
    monkeypatch.setattr(stream, "RECHECK", 0.01)

    async def scene(listener):
        await listener.next()
        return await anext(listener.events)

    assert follow(scene) == ": still here\n\n"


def test_who_may_no_longer_read_hears_no_more(call, follow, monkeypatch):
    monkeypatch.setattr(stream, "RECHECK", 0.01)

    async def scene(listener):
        await listener.next()
        listener.may = False
        told = [event async for event in listener.events]
        return [read(event) for event in told if event.startswith("event")]

    assert follow(scene) == [("error", stream.REVOKED)]


@pytest.mark.parametrize("state", ["error", "canceled", "quarantined"])
def test_an_end_that_is_no_success_is_an_end(call, follow, state):
    end(call, "half", state)
    assert everything(follow)[-1][1]["state"] == state


# -- joined late, heard twice, begun anew ------------------------------------------------------


def test_who_comes_late_or_back_hears_everything_from_the_beginning(call, follow):
    say(call, "You")
    say(call, " said", at=3)

    async def scene(listener):
        return [await listener.next() for _ in range(3)]

    for _ in range(2):
        found = follow(scene)
        assert [data["text"] for name, data in found if name == "piece"] == ["You", " said"]


def test_a_piece_heard_twice_is_told_once(call, follow, hub):
    say(call, "You")

    async def scene(listener):
        await listener.next()
        await listener.next()
        hub.seq = 0  # the hub tells what was read from the notices already
        return await listener.hear(say, call, " said", at=3)

    assert follow(scene)[1]["text"] == " said"


def test_a_new_attempt_begins_the_answer_anew_and_old_pieces_are_dropped(call, follow):
    say(call, "You said:")
    say(call, "You", attempt=2)
    say(call, " how", at=9)
    say(call, " said", attempt=2, at=3)
    end(call, "You said")
    pieces = [data for name, data in everything(follow) if name == "piece"]
    assert [(piece["attempt"], piece["text"]) for piece in pieces] == [
        (1, "You said:"),
        (2, "You"),
        (2, " said"),
    ]


def test_the_last_piece_comes_before_the_end_however_late_the_hub_looks(call, follow):
    async def scene(listener):
        await listener.next()
        await _database(say, call, "You")
        await listener.hub._tell()
        await _database(say, call, " said", at=3)
        await _database(end, call, "You said")
        return [read(event) async for event in listener.events]

    found = follow(scene)
    assert [name for name, _ in found] == ["piece", "piece", "end"]
    assert [data.get("text") for _, data in found[:2]] == ["You", " said"]


# -- with a real runner ------------------------------------------------------------------------


def test_what_the_runner_says_is_what_is_streamed(settle, host, answered, call, follow, hub):
    settle("oak", host)
    done = answered("one two three", streams=True, model="thinker:8b", options={"think": True})

    async def scene(listener):
        listener.events = events(done.pk, whole, lambda: True)
        return [read(event) async for event in listener.events]

    pieces = [data for name, data in follow(scene) if name == "piece"]
    assert "".join(piece["text"] for piece in pieces) == done.answer == "You said: one two three"
    assert "".join(piece["thinking"] for piece in pieces) == done.thinking


def test_a_call_that_nobody_streams_leaves_no_pieces(settle, host, answered):
    settle("oak", host)
    done = answered("one two three")
    assert live.notices.streamed(f"call:{done.pk}") == []
