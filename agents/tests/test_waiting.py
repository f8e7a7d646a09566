"""What waits: its kinds in order, its length, and what it is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Call
from agents.services import waiting
from agents.services.waiting import Counter, Teller, Waiting, first_of_each_kind
from whoosh_site.core.models import Notice

BEGUN = timezone.now() - timedelta(hours=1)


@pytest.fixture
def queue(record):
    """Put calls of some kinds of need in the queue: `queue("b", "a", "b")`."""

    def queued(*kinds, **fields):
        for number, kind in enumerate(kinds, Call.objects.count()):
            turn = {"turn_at": BEGUN + timedelta(seconds=number), "finished_at": None}
            record(1, state="queued", need_key=kind, title=f"{kind}{number}", **turn, **fields)

    return queued


def titles(calls):
    return [call.title for call in calls]


def test_the_first_of_each_kind_comes_in_the_order_of_their_turns(queue):
    queue("b", "a", "b", "c", "a")
    assert titles(first_of_each_kind()) == ["b0", "a1", "c3"]


def test_what_is_not_due_or_does_not_wait_is_passed_over(queue):
    queue("b", "a", "b")
    Call.objects.filter(title="b0").update(due_at=timezone.now() + timedelta(minutes=1))
    Call.objects.filter(title="a1").update(state="running")
    assert titles(first_of_each_kind()) == ["b2"]
    Call.objects.update(state="success")
    assert first_of_each_kind() == []


def test_a_call_without_a_kind_is_a_kind_as_well(queue):
    queue("", "a")
    assert titles(first_of_each_kind()) == ["0", "a1"]


def test_a_short_queue_is_counted_every_time_and_a_long_one_now_and_then(queue, monkeypatch):
    counter = Counter()
    queue("a", "a", "b", wanted_model="big")
    assert counter.count() == Waiting({"a": 2, "b": 1}, {("big", ""): 3})
    monkeypatch.setattr(waiting, "SHORT", 3)
    queue("a")
    assert counter.count().kinds == {"a": 3, "b": 1}
    queue("a")
    assert counter.count().kinds == {"a": 3, "b": 1}
    counter._counted_at -= waiting.COUNT_AGAIN
    assert counter.count().kinds == {"a": 4, "b": 1}


def reasons():
    return list(Call.objects.order_by("pk").values_list("trouble", flat=True))


def test_all_of_a_kind_are_told_and_told_once(queue):
    queue("a", "b", "a")
    teller, (first, _) = Teller(), first_of_each_kind()
    teller.tell(first, "waits", Waiting())
    assert reasons() == ["waits", "", "waits"]
    Notice.objects.all().delete()
    teller.tell(first_of_each_kind()[0], "waits", Waiting())
    assert not Notice.objects.exists()
    queue("a")
    teller.tell(first_of_each_kind()[0], "waits", Waiting())
    assert reasons() == ["waits", "", "waits", "waits"]


def test_very_many_are_not_told_of_every_change(queue):
    queue("a", "a")
    teller, very_many = Teller(), Waiting({"a": 100_000})
    for reason in ("one", "other"):
        teller.tell(first_of_each_kind()[0], reason, very_many)
    assert reasons() == ["one", "one"]
    teller._not_before["a"] = 0.0
    teller.tell(first_of_each_kind()[0], "other", very_many)
    assert reasons() == ["other", "other"]
