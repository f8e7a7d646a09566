"""Eight people and two runners at the same tasks at once: what is left could have come in turn."""

import contextlib
import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from agents.models import Call
from projects import services
from projects.models import Attempt, Task
from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import Conflict

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
TASKS, PEOPLE, STEPS = 4, 8, 25


def host(dice, stopped, said):
    """Take waiting calls and answer them, as a runner and its host do; sometimes come late."""
    from agents.services.endings import ended

    while not stopped.is_set():
        for pk in Call.objects.due().values_list("pk", flat=True):
            lease = leases.claim_one(Call, pk, f"runner:{dice.random()}:1")
            if lease is None:
                continue
            with transaction.atomic():
                text = f"answer {pk} {dice.random()}"
                if lease.finish("success", answer=text, finished_at=timezone.now()):
                    ended(Call.objects.get(pk=pk))
                    said[pk] = text
            # A late attempt: what it says must be heard by nobody.
            assert not lease.finish("success", answer="too late")


def judge(stopped):
    """Judge what has ended."""
    while not stopped.is_set():
        for lease in leases.claim(Attempt, f"judge:{threading.get_ident()}:1", 10):
            services.judge(lease)


def person(dice, tasks, done):
    """Do something with some task, again and again."""
    for _ in range(STEPS):
        task = Task.objects.get(pk=dice.choice(tasks))
        verb = dice.choice(sorted(services.VERBS))
        try:
            services.VERBS[verb](task, by=SYSTEM)
            done[verb] += 1
        except Conflict:
            pass


@contextlib.contextmanager
def running(errors, *works):
    """Run each work in a thread of its own; what goes wrong there is collected."""

    def run(work, *args):
        try:
            work(*args)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def left_alone(stopped, errors):
    """Release what is held, and wait until everything has ended."""
    for task in Task.objects.filter(state="held"):
        services.release_task(task, by=SYSTEM)
    until = timezone.now() + timedelta(seconds=30)
    while Task.objects.filter(state="queued").exists() and timezone.now() < until and not errors:
        stopped.wait(0.05)
    stopped.set()


def test_people_and_runners_at_the_same_tasks_leave_one_truth(people, make_agent):
    make_agent("oak", models={"tiny:1b": {}})
    dice, errors, said, done = random.Random(7), [], {}, Counter()
    tasks = [
        services.submit_task(services.Order(f"task {n}"), by=SYSTEM, source="api").pk
        for n in range(TASKS)
    ]
    stopped = threading.Event()
    hosts = [(host, random.Random(n), stopped, said) for n in (1, 2)]
    crowd = [(person, random.Random(dice.random()), tasks, done) for _ in range(PEOPLE)]
    with running(errors, *hosts, (judge, stopped), (judge, stopped)):
        with running(errors, *crowd):
            pass
        left_alone(stopped, errors)
    assert errors == []
    for task in Task.objects.all():
        is_one_truth(task, said)
    assert not Call.objects.filter(answer="too late").exists()


def is_one_truth(task, said):
    """Check that a task's rows tell one history."""
    assert task.ended, task
    attempts = list(task.attempts.all())
    assert [a.number for a in attempts] == list(range(1, len(attempts) + 1))
    assert {a.state for a in attempts} <= {"success", "error", "canceled"}
    by = {a.pk: a for a in attempts}
    results = {one.attempt_id: one.content for one in task.artifacts.all()}
    assert results == {pk: said[by[pk].call_id] for pk in results}
    rounds = Counter(by[pk].round for pk in results)
    assert max(rounds.values(), default=0) <= 1
    assert (task.state == "success") == (rounds[task.round] == 1)
