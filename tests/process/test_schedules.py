"""Schedules in the running product: several schedulers, one of which stands still for a while."""

import signal
import time

import pytest

from tests.process import schedulers
from tests.process.installation import Installation, database, eventually

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


def test_three_schedulers_lose_and_double_nothing_while_one_stands_still(tmp_path):
    """R13, R14."""
    every, count = 3, 8
    with database() as url:
        made = Installation(tmp_path, url)
        made.prepare()
        schedulers.make(made, count, every)
        with schedulers.schedulers(made, 3) as processes:
            eventually(lambda: len(schedulers.runs(made)) > count, 60, 1)
            processes[0].send_signal(signal.SIGSTOP)
            time.sleep(7)
            processes[0].send_signal(signal.SIGCONT)
            time.sleep(4)
            schedulers.end(made)
            eventually(lambda: all(one[4] == "success" for one in schedulers.runs(made)), 60, 1)
            found = schedulers.runs(made)
        assert len({one[0] for one in found}) == count
        assert schedulers.missed_and_doubled(found, every) == (0, 0)


def test_a_schedule_starts_runs_in_an_installation_that_is_up(fleet):
    schedulers.make(fleet, 1, 2)
    try:
        eventually(lambda: any(one[4] == "success" for one in schedulers.runs(fleet)), 30, 1)
    finally:
        schedulers.end(fleet)
