"""Waiting for a task."""

import time

from projects.models import Task


def wait_for(task: Task, seconds: float) -> Task:
    """Return the task once it has ended, or as it is after `seconds`."""
    until = time.monotonic() + seconds
    while not task.ended and time.monotonic() < until:
        time.sleep(0.1)
        task.refresh_from_db(fields=["state"])
    task.refresh_from_db()
    return task
