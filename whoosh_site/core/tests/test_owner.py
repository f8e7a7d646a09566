"""Who a process is, and whether another one still lives."""

import os
import subprocess
import sys

import psutil
import pytest

from whoosh_site.core import owner


@pytest.fixture
def child():
    """A process that waits to be told to go."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    yield process
    process.kill()
    process.communicate()


def named(process) -> str:
    started = psutil.Process(process.pid).create_time()
    return f"{owner.host()}:{process.pid}:{started:.2f}"


def test_an_owner_is_host_process_and_start_time():
    host, pid, started = owner.me().split(":")
    assert (host, int(pid)) == (owner.host(), os.getpid())
    assert float(started) == pytest.approx(psutil.Process().create_time(), abs=0.01)


def test_the_host_name_cannot_be_taken_for_another_part():
    assert ":" not in owner.host()


def test_this_process_lives():
    assert not owner.is_dead(owner.me())


def test_a_living_process_of_this_host_lives(child):
    assert not owner.is_dead(named(child))


def test_a_process_that_has_gone_is_dead(child):
    name = named(child)
    child.kill()
    child.wait()
    assert owner.is_dead(name)


def test_a_process_nobody_has_buried_is_dead(child):
    name = named(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_dead(name)


def test_another_process_with_the_same_number_is_not_the_owner():
    assert owner.is_dead(f"{owner.host()}:{os.getpid()}:{psutil.Process().create_time() - 60:.2f}")


def test_a_start_time_restated_by_a_second_is_the_same_process():
    assert not owner.is_dead(
        f"{owner.host()}:{os.getpid()}:{psutil.Process().create_time() + 1:.2f}"
    )


@pytest.mark.parametrize("name", ["elsewhere:1:1.0", "", "elsewhere", "host:abc:1"])
def test_of_other_hosts_nothing_is_known(name):
    assert not owner.is_dead(name)
