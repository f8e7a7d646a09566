"""Attempts: one more call for a task, and what is told of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from agents import services as agents
from agents.models import Call
from projects.live import tell
from projects.models import Attempt, Event, Task
from projects.models.tasks import CANCELED
from projects.prompts import Message, conversation
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.leases import QUEUED


def begin(
    task: Task,
    kind: Attempt.Kind,
    *,
    messages: Sequence[Message] = (),
    not_before: datetime | None = None,
    avoid: Sequence[str] = (),
) -> Attempt:
    """Ask once more for a task, inside the caller's transaction. Raises as `agents.ask`."""
    wish = wish_of(task, messages, since=since(task), not_before=not_before, avoid=avoid)
    call = agents.ask(wish, by=SYSTEM, source=Call.Source.TASK, team=task.team)
    last = task.attempts.aggregate(last=Max("number"))["last"] or 0
    attempt = Attempt.objects.create(
        task=task,
        round=task.round,
        number=last + 1,
        kind=kind,
        call=call,
        priority=task.priority,
    )
    Task.objects.filter(pk=task.pk).update(call=call)
    task.call = call
    return attempt


def wish_of(task: Task, messages: Sequence[Message] = (), **turn: Any) -> agents.Wish:
    """Return what a task asks of an agent."""
    limit = {"max_tokens": task.token_limit} if task.token_limit else {}
    return agents.Wish(
        messages=messages or conversation(task, task.attachments.all()),
        agent=task.wanted_agent,
        model=task.wanted_model,
        capability=task.wanted_capability,
        fallbacks=task.fallbacks,
        options=task.options | limit,
        schema=task.schema,
        time_limit=task.time_limit,
        priority=task.priority,
        **turn,
    )


def since(task: Task) -> datetime:
    """Return from when a task's turn counts: a retry does not go to the end of the queue."""
    begun = task.attempts.filter(round=task.round).order_by("number").values_list("created_at")
    return next((moment for (moment,) in begun[:1]), timezone.now())


def close(task: Task) -> None:
    """End the open attempt, in the transaction that withdrew its call: nobody judges it."""
    still = task.attempts.filter(state__in=(Attempt.ASKED, QUEUED))
    still.update(state=CANCELED, finished_at=timezone.now())


def note(task: Task, text: str, by: Actor | None = None) -> None:
    """Add a line to a task's history, and tell its pages."""
    Event.objects.create(task=task, text=text, by=str(by)[:200] if by else "")
    tell(task)
