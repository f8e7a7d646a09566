"""Rows that are work: claimed once, fenced, given back by the dead.

The ground owns no row of work; the calls of the room above are as good as any.
"""

import os
import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connections
from django.utils import timezone

from whoosh_site.core import leases, owner
from whoosh_site.core.leases import QUARANTINED, QUEUED, RUNNING
from whoosh_site.core.models import Team

ME, OTHER = "here:1:1.00", "there:2:2.00"
GONE = f"{owner.host()}:{os.getpid()}:1.00"
"""An owner on this host whose process was another one with our number: dead."""


@pytest.fixture
def Work(db):
    """The model of the rows."""
    return apps.get_model("agents", "Call")


@pytest.fixture
def queue(Work):
    """Queue rows: `queue(3, priority=1)` returns their keys."""
    team = Team.objects.first()

    def queued(count=1, **fields):
        rows = [Work(team=team, source="api", **fields) for _ in range(count)]
        return [row.pk for row in Work.objects.bulk_create(rows)]

    return queued


@pytest.fixture
def held(Work, queue):
    """A lease of one row, as its only claim."""

    def claimed(by=ME, **fields):
        pk = queue(1, **fields)[0]
        return leases.claim_one(Work, pk, by)

    return claimed


def row(lease):
    return lease.model.objects.get(pk=lease.pk)


def ago(**since):
    return timezone.now() - timedelta(**since)


# -- claiming ----------------------------------------------------------------------------------


def test_a_claimed_row_is_running_in_one_pair_of_hands(Work, queue):
    pk = queue()[0]
    lease = leases.claim(Work, ME, 10)[0]
    found = row(lease)
    assert (lease.pk, found.state, found.owner, found.attempt) == (pk, RUNNING, ME, 1)
    left = (found.lease_until - timezone.now()).total_seconds()
    assert left == pytest.approx(leases.LEASE.total_seconds(), abs=5)


def test_a_claimed_row_is_claimed_by_nobody_else(Work, queue):
    queue()
    assert len(leases.claim(Work, ME, 10)) == 1
    assert leases.claim(Work, OTHER, 10) == []


@pytest.mark.parametrize("waiting", [3, 5, 60])
def test_no_more_is_claimed_than_asked_for(Work, queue, waiting):
    queue(waiting)
    assert len(leases.claim(Work, ME, 2)) == 2
    assert Work.objects.filter(state=QUEUED).count() == waiting - 2


def test_the_most_urgent_come_first_then_the_longest_due_then_the_oldest(Work, queue):
    late = queue(priority=3, due_at=ago(seconds=1))[0]
    same = queue(2, priority=3, due_at=ago(minutes=1))
    later = queue(priority=5, due_at=ago(hours=1))[0]
    urgent = queue(priority=1)[0]
    assert [lease.pk for lease in leases.claim(Work, ME, 10)] == [urgent, *same, late, later]


def test_the_limit_takes_the_most_urgent(Work, queue):
    queue(3, priority=5)
    urgent = queue(2, priority=1)
    assert [lease.pk for lease in leases.claim(Work, ME, 2)] == urgent


def test_what_is_not_due_is_left(Work, queue):
    queue(due_at=timezone.now() + timedelta(minutes=1))
    assert not leases.due([Work])
    assert leases.claim(Work, ME, 10) == []


@pytest.mark.parametrize("state", [RUNNING, QUARANTINED, "success", "error", "canceled"])
def test_only_what_is_queued_is_claimed(Work, queue, state):
    queue(state=state)
    assert not leases.due([Work])
    assert leases.claim(Work, ME, 10) == []


def test_due_tells_of_waiting_rows(Work, queue):
    assert not leases.due([Work])
    queue()
    assert leases.due([Work])
    assert not leases.due([Work], ago(minutes=1))


def test_one_particular_row_goes_to_whoever_is_first(Work, queue):
    pk = queue()[0]
    assert leases.claim_one(Work, pk, ME).attempt == 1
    assert leases.claim_one(Work, pk, OTHER) is None


def test_eight_claimers_take_every_row_exactly_once(transactional_db, Work, queue):
    queue(400)
    taken: list[int] = []

    def claim_all(number):
        while found := leases.claim(Work, f"host:{number}:1.00", 7):
            taken.extend(lease.pk for lease in found)
        connections.close_all()

    threads = [threading.Thread(target=claim_all, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 400
    assert set(Work.objects.values_list("state", "attempt").distinct()) == {(RUNNING, 1)}


# -- writing -----------------------------------------------------------------------------------


def test_a_lease_writes_its_row(held):
    lease = held()
    assert lease.write(answer="so far")
    assert row(lease).answer == "so far"


def test_the_end_clears_what_belongs_to_a_lease(held):
    lease = held(deaths=2, trouble="its process died")
    assert lease.finish("success", answer="done")
    found = row(lease)
    assert (found.state, found.answer) == ("success", "done")
    assert (found.owner, found.lease_until, found.deaths, found.trouble) == ("", None, 0, "")


def test_a_row_put_back_waits_for_its_time(Work, held):
    lease, later = held(), timezone.now() + timedelta(minutes=5)
    assert lease.put_back(later, trouble="no host is free")
    found = row(lease)
    assert (found.state, found.owner, found.due_at) == (QUEUED, "", later)
    assert found.trouble == "no host is free"
    assert leases.claim(Work, ME, 1) == []


@pytest.mark.parametrize(
    "write",
    [
        lambda lease: lease.write(answer="late"),
        lambda lease: lease.finish("success", answer="late"),
        lambda lease: lease.put_back(timezone.now(), answer="late"),
        lambda lease: bool(lease.stumble("late").queued),
    ],
)
@pytest.mark.parametrize("what", ["ended", "queued", "of another", "of a later attempt", "gone"])
def test_a_late_attempt_writes_nothing(Work, held, write, what):
    lease = held()
    mine = Work.objects.filter(pk=lease.pk)
    if what == "gone":
        mine.delete()
    else:
        news = {
            "ended": {"state": "error"},
            "queued": {"state": QUEUED, "owner": ""},
            "of another": {"owner": OTHER},
            "of a later attempt": {"attempt": 2},
        }[what]
        mine.update(**news)
    before = list(mine.values())
    assert write(lease) is False
    assert list(mine.values()) == before


def test_the_attempts_of_one_row_are_told_apart(Work, held):
    first = held()
    first.put_back(ago(seconds=1))
    second = leases.claim(Work, ME, 1)[0]
    assert (first.attempt, second.attempt) == (1, 2)
    assert not first.finish("error")
    assert second.finish("success")


# -- stumbling ---------------------------------------------------------------------------------


def test_a_stumble_waits_longer_each_time(Work, held):
    lease = held()
    assert lease.stumble("KeyError: 'x'", seconds=10) == leases.Returned([lease.pk], [])
    found = row(lease)
    assert (found.state, found.deaths, found.trouble) == (QUEUED, 1, "KeyError: 'x'")
    assert (found.due_at - timezone.now()).total_seconds() == pytest.approx(10, abs=3)
    again = leases.claim_one(Work, lease.pk, ME)
    again.stumble("KeyError: 'x'", seconds=10)
    assert (row(lease).due_at - timezone.now()).total_seconds() == pytest.approx(20, abs=3)


def test_the_third_stumble_quarantines_and_says_why(held):
    lease = held(deaths=2)
    assert lease.stumble("KeyError: 'x'") == leases.Returned([], [lease.pk])
    found = row(lease)
    assert (found.state, found.deaths, found.trouble) == (QUARANTINED, 3, "KeyError: 'x'")
    assert (found.owner, found.lease_until) == ("", None)


# -- renewing and giving back ------------------------------------------------------------------


def test_renewing_extends_what_its_owner_names(Work, held):
    mine, lost, others = held(), held(), held(by=OTHER)
    Work.objects.update(lease_until=ago(seconds=5))
    assert leases.renew(Work, ME, [mine.pk, others.pk]) == 1
    assert row(mine).lease_until > timezone.now()
    assert row(lost).lease_until < timezone.now()
    assert row(others).lease_until < timezone.now()


def test_rows_of_a_dead_process_of_this_host_come_back_at_once(Work, held):
    lease = held(by=GONE)
    assert leases.give_back(Work).queued == [lease.pk]
    found = row(lease)
    assert (found.state, found.owner, found.deaths) == (QUEUED, "", 1)
    assert found.trouble == "its process died (1 of 3)"
    assert leases.claim(Work, ME, 1)[0].attempt == 2


def test_rows_of_the_living_stay_where_they_are(Work, held):
    held(by=owner.me())
    assert leases.give_back(Work) == leases.Returned([], [])


def test_another_host_is_given_its_time(Work, held):
    lease = held(by=OTHER)
    assert leases.give_back(Work).queued == []
    Work.objects.update(lease_until=ago(seconds=1))
    assert leases.give_back(Work).queued == [lease.pk]


def test_the_third_death_quarantines(Work, held):
    lease = held(by=GONE, deaths=2)
    assert leases.give_back(Work) == leases.Returned([], [lease.pk])
    found = row(lease)
    assert (found.state, found.deaths) == (QUARANTINED, 3)
    assert found.trouble == "its process died (3 of 3)"


def test_a_row_that_moved_on_meanwhile_is_left_alone(Work, held, monkeypatch):
    lease = held(by=GONE)

    def claimed_again_meanwhile(name):
        Work.objects.filter(pk=lease.pk).update(owner=ME, attempt=2)
        return True

    monkeypatch.setattr(owner, "is_dead", claimed_again_meanwhile)
    assert leases.give_back(Work) == leases.Returned([], [])
    assert (row(lease).owner, row(lease).deaths) == (ME, 0)


def test_a_clean_stop_is_no_death(Work, held):
    mine, others = held(deaths=1), held(by=OTHER)
    assert leases.release_all(Work, ME) == 1
    found = row(mine)
    assert (found.state, found.owner, found.deaths) == (QUEUED, "", 1)
    assert row(others).state == RUNNING


# -- canceling ---------------------------------------------------------------------------------


def test_a_queued_row_is_canceled_at_once(Work, queue):
    pk = queue()[0]
    assert leases.cancel(Work, pk, state="canceled", error="by hand")
    assert Work.objects.values_list("state", "error", "cancel_asked").get(pk=pk) == (
        "canceled",
        "by hand",
        True,
    )


def test_the_owner_of_a_running_row_is_asked(held):
    lease = held()
    assert leases.cancel(lease.model, lease.pk, state="canceled")
    assert (row(lease).state, row(lease).cancel_asked) == (RUNNING, True)


@pytest.mark.parametrize("state", ["success", "error", "canceled", QUARANTINED])
def test_what_has_ended_is_not_canceled(Work, queue, state):
    pk = queue(state=state)[0]
    assert not leases.cancel(Work, pk, state="canceled")
    assert Work.objects.get(pk=pk).state == state
