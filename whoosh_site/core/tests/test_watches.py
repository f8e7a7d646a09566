"""What the supervisor concludes about its clusters, without starting any."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from whoosh_site.core import owner, queue, watches
from whoosh_site.core.broker import held, here
from whoosh_site.core.models import Process
from whoosh_site.core.supervisor import Child, Watch
from whoosh_site.core.watches import RunnerWatch, TasksWatch

pytestmark = pytest.mark.django_db


class Alive(Child):
    """A child that runs, as far as anybody asks."""

    alive = True  # type: ignore[assignment]


@pytest.fixture
def child():
    return Alive("planted", [], started_at=1.0)


@pytest.fixture
def clock(monkeypatch):
    """Seconds on the clock nobody sets."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(watches.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def runner_watch(child, clock, monkeypatch):
    monkeypatch.setattr(owner, "is_dead", lambda _: False)
    return RunnerWatch(child)


def sign() -> None:
    """A sign of life of the runner."""
    row = {"job": "runner", "host": owner.host(), "pid": 1, "beat_at": timezone.now()}
    Process.objects.update_or_create(owner="planted", defaults=row)


def after(watch, clock, seconds) -> str:
    """Let time pass, look, and return the verdict."""
    clock.now += seconds
    watch.watch()
    return watch.reason


def test_a_verdict_is_about_the_child_that_was_judged(child):
    class Stern(Watch):
        starts = 0

        def started(self):
            self.starts += 1

        def look(self):
            return "deaf"

    watch = Stern(child)
    watch.watch()
    assert watch.reason == "deaf"
    child.started_at = 2.0
    assert watch.reason == ""
    watch.watch()
    watch.watch()
    assert (watch.reason, watch.starts) == ("deaf", 2)


def test_a_new_cluster_is_asked_for_its_runner_once(runner_watch, clock):
    queue.enqueue_here(queue.RUNNER, "for.the.dead")
    for _ in range(4):
        assert after(runner_watch, clock, 1.1) == ""
    [row] = OrmQ.objects.filter(key=here("runner"))
    assert row.task["func"] == "whoosh_site.core.runner.serve"


def test_a_cluster_without_a_runner_is_started_again(runner_watch, clock):
    assert after(runner_watch, clock, 2) == ""
    assert after(runner_watch, clock, 9) == "no runner for 8 s"


def test_a_runner_that_signs_is_left_alone(runner_watch, clock):
    for _ in range(10):
        sign()
        assert after(runner_watch, clock, 20) == ""


def test_a_silent_runner_is_started_again(runner_watch, clock):
    sign()
    assert after(runner_watch, clock, 2) == ""
    assert after(runner_watch, clock, 29) == ""
    assert after(runner_watch, clock, 2) == "the runner gave no sign of life for 30 s"


def test_an_old_sign_is_no_silence_yet(runner_watch, clock):
    """The machine slept: the wall clock ran on, nobody could sign."""
    sign()
    Process.objects.update(beat_at=timezone.now() - timezone.timedelta(hours=9))
    assert after(runner_watch, clock, 2) == ""


def test_while_the_database_is_away_nobody_is_silent(runner_watch, clock, monkeypatch):
    sign()
    assert after(runner_watch, clock, 2) == ""
    with monkeypatch.context() as away:
        away.setattr(Process.objects, "filter", _away)
        away.setattr(watches, "close_old_connections", lambda: None)
        assert after(runner_watch, clock, 60) == ""
    assert after(runner_watch, clock, 2) == ""
    assert after(runner_watch, clock, 31) == "the runner gave no sign of life for 30 s"


def _away(*_, **__):
    raise OperationalError("away")


@pytest.fixture
def tasks_watch(child, clock, monkeypatch):
    monkeypatch.setattr(TasksWatch, "lost_a_process", lambda _: False)
    monkeypatch.setattr(TasksWatch, "has_idle_worker", lambda _: True)
    return TasksWatch(child)


def test_what_the_dead_cluster_held_is_due_again(tasks_watch, clock):
    OrmQ.objects.create(key=held("whoosh"), payload="job", lock=timezone.now())
    after(tasks_watch, clock, 1)
    assert queue.backlog() == 1


def test_an_unanswered_canary_ends_the_cluster(tasks_watch, clock):
    assert after(tasks_watch, clock, 1) == ""
    assert after(tasks_watch, clock, 44) == ""
    assert after(tasks_watch, clock, 2) == "no answer for 45 s although a worker is idle"


def test_an_answered_canary_is_sent_again_after_a_while(tasks_watch, clock):
    from whoosh_site.core import tasks

    after(tasks_watch, clock, 1)
    for _ in range(20):
        tasks.canary()
        assert after(tasks_watch, clock, 10) == ""
    assert OrmQ.objects.filter(key=here("whoosh")).count() > 5


def test_a_canary_that_could_not_be_sent_is_not_waited_for(tasks_watch, clock, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(queue, "enqueue_here", _away)
        away.setattr(watches, "close_old_connections", lambda: None)
        for _ in range(5):
            assert after(tasks_watch, clock, 60) == ""
    assert after(tasks_watch, clock, 1) == ""
    assert after(tasks_watch, clock, 44) == ""


ORPHAN = """
import subprocess, sys, time
child = (
    "import time; from whoosh_site.core import supervisor as s;"
    "s._libc = None; s.follow_parent(); print('ready', flush=True); time.sleep(60)"
)
made = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
print(made.pid, flush=True)
time.sleep(60)
"""


def test_without_the_kernels_help_a_child_still_follows_its_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    try:
        child = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 10
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until, "the child lives on"
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.stdout.close()
