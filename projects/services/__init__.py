"""Verbs of the projects room: the door pages, API, commands and the runner come in by."""

from projects.schemas import misfit
from projects.services.given import Given, bytes_of, read_file, read_image
from projects.services.handling import (
    MOST_AT_ONCE,
    VERBS,
    Order,
    cancel_task,
    each,
    foresee_task,
    hold_task,
    release_task,
    run_again,
    set_priority,
    submit_copy,
    submit_task,
)
from projects.services.judging import end_quarantined, judge, to_be_checked
from projects.services.projects import change_project, create_project, delete_project
from projects.services.waiting import wait_for

__all__ = [
    "MOST_AT_ONCE",
    "VERBS",
    "Given",
    "Order",
    "bytes_of",
    "cancel_task",
    "change_project",
    "create_project",
    "delete_project",
    "each",
    "end_quarantined",
    "foresee_task",
    "hold_task",
    "judge",
    "misfit",
    "read_file",
    "read_image",
    "release_task",
    "run_again",
    "set_priority",
    "submit_copy",
    "submit_task",
    "to_be_checked",
    "wait_for",
]
