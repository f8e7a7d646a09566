"""Notices written with the change, and who may watch what."""

import contextlib

import pytest
from django.db import transaction

from whoosh_site.core import live
from whoosh_site.core.live import notices, topics
from whoosh_site.core.models import Notice
from whoosh_site.core.tests.notices import POSTGRES_ONLY, long_ago

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("topic", flat=True))


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


def test_what_is_announced_together_is_written_once_at_the_end():
    with live.together():
        live.announce("agents", "agent:7", teams=[3])
        with live.together():
            live.announce("agents", "agent:8", teams=[3, 4])
        for text in ("a", "a"):
            live.stream("call:7", {"text": text})
        live.announce("agent:7")
        assert told() == []
    assert sorted(told()) == ["agent:7", "agent:8", "agents@3", "agents@4", "call:7", "call:7"]
    live.announce("agent:7")
    assert told()[-1] == "agent:7"


def test_what_was_announced_before_an_error_is_not_written():
    with contextlib.suppress(ValueError), live.together():
        live.announce("agent:7")
        raise ValueError
    live.announce("agent:8")
    assert told() == ["agent:8"]


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
    assert long_ago() == live.last_seen()


@POSTGRES_ONLY
def test_a_page_has_not_seen_what_may_still_be_overtaken():
    live.announce("agent:1")
    seen = long_ago()
    live.announce("agent:2")
    assert live.last_seen() == seen


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
        "agent:" + "9" * 5000,
        "agent:\u0663",
        "nothing:1",
    ],
)
def test_what_does_not_exist_cannot_be_watched(people, wanted):
    assert topics.expand(people.admin, wanted) == []


@pytest.mark.parametrize("kind", topics.topics.keys())
def test_no_kind_of_object_is_visible_before_it_exists(people, kind):
    assert topics.expand(people.admin, f"{kind}:1234567") == []
