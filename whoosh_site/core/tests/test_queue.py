"""The door to django-q2, and the broker that claims its rows."""

import importlib
import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from whoosh_site.core import queue
from whoosh_site.core.broker import Broker, here

JOB = "whoosh_site.core.tasks.tidy"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 0.01)


def rows(count, key="whoosh", **fields):
    fields.setdefault("lock", timezone.now() - timedelta(seconds=1))
    made = [OrmQ(key=key, payload=f"job {n}", **fields) for n in range(count)]
    return [row.pk for row in OrmQ.objects.bulk_create(made)]


def job(row) -> dict:
    return SignedPackage.loads(row.payload)


# -- enqueue -----------------------------------------------------------------------------------


def test_a_job_is_queued_with_its_arguments():
    queue.enqueue(JOB, 1, "two")
    row = OrmQ.objects.get()
    assert row.key == "whoosh"
    assert (job(row)["func"], job(row)["args"]) == (JOB, (1, "two"))


def test_a_job_of_a_rolled_back_transaction_leaves_nothing(transactional_db):
    with transaction.atomic():
        queue.enqueue(JOB)
        assert OrmQ.objects.count() == 1
        transaction.set_rollback(True)
    assert not OrmQ.objects.exists()


def test_a_job_is_due_at_once():
    queue.enqueue(JOB)
    assert queue.backlog() == 1
    assert [pk for pk, _ in Broker("whoosh").dequeue()] == [OrmQ.objects.get().pk]


def test_a_job_for_this_host_is_in_this_hosts_queue():
    queue.enqueue_here(queue.RUNNER, JOB, seconds=-1)
    row = OrmQ.objects.get()
    assert (row.key, job(row)["timeout"]) == (here("runner"), -1)
    assert queue.waiting_here(queue.RUNNER) == 1
    assert (queue.waiting_here(queue.TASKS), queue.backlog()) == (0, 0)


def test_clearing_this_hosts_queue_leaves_the_others():
    queue.enqueue_here(queue.RUNNER, JOB)
    queue.enqueue_here(queue.TASKS, JOB)
    rows(1, key="runner@elsewhere")
    queue.clear_here(queue.RUNNER)
    assert sorted(OrmQ.objects.values_list("key", flat=True)) == sorted(
        [here("whoosh"), "runner@elsewhere"]
    )


def test_a_long_host_name_still_fits(monkeypatch):
    monkeypatch.setattr("whoosh_site.core.owner.host", lambda: "x" * 300)
    assert len(here("runner")) == 100


# -- dequeue -----------------------------------------------------------------------------------


def test_an_empty_queue_gives_nothing():
    assert Broker("whoosh").dequeue() is None


def test_rows_come_in_order_and_hidden_until_they_are_tried_again():
    made = rows(3)
    assert Broker("whoosh").dequeue() == [(pk, f"job {n}") for n, pk in enumerate(made)]
    hidden = OrmQ.objects.values_list("lock", flat=True)
    for lock in hidden:
        assert (lock - timezone.now()).total_seconds() == pytest.approx(Conf.RETRY, abs=5)
    assert Broker("whoosh").dequeue() is None


@pytest.mark.parametrize("waiting", [3, 30])
def test_no_more_rows_come_than_the_bulk(monkeypatch, waiting):
    monkeypatch.setattr(Conf, "BULK", 2)
    rows(waiting)
    assert len(Broker("whoosh").dequeue()) == 2
    assert queue.backlog() == waiting - 2


def test_a_cluster_serves_its_own_host_and_no_other():
    rows(1, key="whoosh@elsewhere")
    mine = rows(1, key=here("whoosh"))
    assert [pk for pk, _ in Broker("whoosh").dequeue()] == mine


def test_a_row_nobody_acknowledged_comes_again():
    made = rows(1)
    broker = Broker("whoosh")
    broker.dequeue()
    OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=1))
    assert [pk for pk, _ in broker.dequeue()] == made


def test_what_a_dead_cluster_of_another_host_held_comes_again_after_its_time():
    made = rows(1, key="whoosh=elsewhere")
    rows(1, key="whoosh=elsewhere", lock=timezone.now() + timedelta(seconds=100))
    assert [pk for pk, _ in Broker("whoosh").dequeue()] == made


def test_what_a_dead_cluster_of_this_host_held_is_due_at_once():
    made = rows(2)
    rows(1, key="whoosh=elsewhere", lock=timezone.now() + timedelta(seconds=100))
    Broker("whoosh").dequeue()
    assert queue.backlog() == 0
    assert queue.give_back(queue.TASKS) == 2
    assert queue.backlog() == 2
    assert [pk for pk, _ in Broker("whoosh").dequeue()] == made


def test_a_claimed_message_to_this_host_can_still_be_dropped():
    rows(1, key=here("whoosh"))
    Broker("whoosh").dequeue()
    queue.clear_here(queue.TASKS)
    assert not OrmQ.objects.exists()


def test_an_acknowledged_row_is_gone():
    broker, (pk,) = Broker("whoosh"), rows(1)
    broker.acknowledge(pk)
    assert not OrmQ.objects.exists()


def test_a_waiting_broker_hears_of_a_new_row(transactional_db, monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 10)

    def later():
        queue.enqueue(JOB)
        connections.close_all()

    timer = threading.Timer(0.1, later)
    timer.start()
    began = timezone.now()
    assert len(Broker("whoosh").dequeue()) == 1
    assert (timezone.now() - began).total_seconds() < 5
    timer.join()


def test_brokers_at_the_same_time_take_each_row_once(transactional_db, monkeypatch):
    monkeypatch.setattr(Conf, "BULK", 5)
    made, taken = rows(120), []

    def take_all():
        broker = Broker("whoosh")
        while found := broker._claim():
            taken.extend(pk for pk, _ in found)
        connections.close_all()

    threads = [threading.Thread(target=take_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == made


# -- schedules ---------------------------------------------------------------------------------


def test_every_declared_job_exists():
    assert {"whoosh_site.core.tasks.tidy", "agents.tasks.tidy_calls"} <= set(queue._schedules)
    for function, minutes in queue._schedules.values():
        module, _, name = function.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
        assert minutes >= 1


def test_schedules_follow_what_the_rooms_declared(monkeypatch):
    monkeypatch.setattr(queue, "_schedules", {})
    queue.every(5, "a.job")
    queue.every(7, "another.job")
    queue.set_schedules()
    queue._schedules.pop("another.job")
    queue.every(9, "a.job")
    queue.set_schedules()
    row = Schedule.objects.get()
    assert (row.name, row.func, row.minutes, row.cluster) == ("a.job", "a.job", 9, "whoosh")
    assert row.repeats == -1


def test_setting_schedules_again_moves_no_due_time(monkeypatch):
    monkeypatch.setattr(queue, "_schedules", {"a.job": ("a.job", 5)})
    queue.set_schedules()
    soon = timezone.now() + timedelta(seconds=3)
    Schedule.objects.update(next_run=soon)
    queue.set_schedules()
    assert Schedule.objects.get().next_run == soon


def test_a_schedule_somebody_else_made_is_left_alone():
    Schedule.objects.create(name="mine", func="math.sqrt", cluster="other")
    queue.set_schedules()
    assert Schedule.objects.filter(name="mine").exists()
