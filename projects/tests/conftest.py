"""Fixtures of the projects room: tasks, and a runner that does all that is due."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Call
from agents.tests.conftest import _nothing_is_read_again_and_again  # noqa: F401
from projects import services
from projects.models import Task
from whoosh_site.core.actor import Actor


@pytest.fixture
def oak(settle: Any, host: Any) -> Any:
    """An agent that answers."""
    return settle("oak", host)


@pytest.fixture
def submitted(people: Any) -> Callable[..., Task]:
    """Submit a task of the member: `submitted("count", capability="maths")`."""

    def made(title: str = "count", *, by: Any = None, **order: Any) -> Task:
        where = {name: order.pop(name) for name in ("team", "project") if name in order}
        wanted = services.Order(title, **order)
        return services.submit_task(wanted, by=Actor(by or people.member), source="api", **where)

    return made


@pytest.fixture
def work(carry: Any) -> Callable[..., None]:
    """Do what is due, again and again, as a runner does in the course of some minutes."""

    def worked(task: Task | None = None) -> None:
        for _ in range(20):
            Call.objects.filter(state="queued").update(due_at=timezone.now())
            if not carry("call") + carry("attempt"):
                break
        if task is not None:
            task.refresh_from_db()

    return worked


@pytest.fixture
def done(submitted: Any, work: Any) -> Callable[..., Task]:
    """Submit a task, let the runner work, and return what became of it."""

    def ended(*args: Any, **order: Any) -> Task:
        task = submitted(*args, **order)
        work(task)
        return task

    return ended
