"""What people do with tasks: submit, hold, release, cancel, run again, put first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import services as agents
from projects.models import Attachment, Attempt, Project, Task
from projects.models.tasks import CANCELED, ENDED, HELD, OPEN
from projects.prompts import conversation
from projects.schemas import vet_schema
from projects.services.attempts import begin, close, note, since, wish_of
from projects.services.given import MOST, Given
from whoosh_site.core import audit
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, WhooshError
from whoosh_site.core.leases import NORMAL, QUEUED
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 1_000_000
MOST_AT_ONCE = 500
"""Tasks that are handled together."""
LONGEST_TIME, MOST_TOKENS, MOST_ATTEMPTS = 86_400, 1_000_000, 10


@dataclass(frozen=True)
class Order:
    """What a task shall be. `time_limit` in seconds for one attempt, `token_limit` per answer."""

    title: str
    description: str = ""
    agent: str = ""
    model: str = ""
    capability: str = ""
    fallbacks: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    attachments: Sequence[Given] = ()
    priority: int = NORMAL
    time_limit: float | None = None
    token_limit: int | None = None
    most_attempts: int = 3
    held: bool = False
    """Do not begin before somebody releases it."""


@transaction.atomic
def submit_task(
    order: Order,
    *,
    by: Actor,
    source: str,
    team: Team | None = None,
    project: Project | None = None,
) -> Task:
    """Record a task and ask for its first attempt, both or neither.

    Args:
        order: what it shall be.
        by: who submits it.
        source: page, api, command or admin.
        team: whose it is; default the project's, else the caller's first that has what is named.
        project: where it is gathered.

    Raises:
        Forbidden: the caller may start no work in the team.
        UnknownName: no agent, model or capability of that name; says which exist.
        BadInput: something of the order cannot be; names the field.
    """
    _vet(order)
    task = _drafted(order, by, source, project)
    task.team = team or (project.team if project else agents.team_for(_named(order), by))
    demand(by, "task.submit", [task.team.pk])
    if project is not None and project.team_id != task.team.pk:
        raise BadInput(f"project: {project} belongs to another team than {task.team}.")
    task.save(force_insert=True)
    Attachment.objects.bulk_create(
        Attachment(task=task, name=g.name[:200], kind=g.kind, content=g.content, size=g.size)
        for g in order.attachments
    )
    note(task, "submitted on hold" if order.held else "submitted", by)
    if order.held:
        agents.foresee(wish_of(task), by=SYSTEM, team=task.team)  # what cannot be is refused now
    else:
        begin(task, Attempt.Kind.FIRST)
    audit.record(by, "submitted", task)
    return task


def submit_copy(task: Task, *, by: Actor) -> Task:
    """Submit a new task like an earlier one. Raises as `submit_task`."""
    order = Order(
        title=task.title,
        description=task.description,
        agent=task.wanted_agent,
        model=task.wanted_model,
        capability=task.wanted_capability,
        fallbacks=task.fallbacks,
        options=task.options,
        schema=task.schema,
        attachments=[
            Given(a.name, Attachment.Kind(a.kind), a.content, a.size)
            for a in task.attachments.all()
        ],
        priority=task.priority,
        time_limit=task.time_limit,
        token_limit=task.token_limit,
        most_attempts=task.most_attempts,
    )
    source = Task.Source.ADMIN
    return submit_task(order, by=by, source=source, team=task.team, project=task.project)


def foresee_task(order: Order, *, by: Actor, team: Team | None = None) -> agents.Decision:
    """Return where a task's first attempt would go now, without asking anybody."""
    _vet(order)
    task = _drafted(order, by, "", None)
    given = [Attachment(name=g.name, kind=g.kind, content=g.content) for g in order.attachments]
    wish = wish_of(task, conversation(task, given))
    return agents.foresee(wish, by=by, team=team)


def _drafted(order: Order, by: Actor, source: str, project: Project | None) -> Task:
    return Task(
        project=project,
        title=order.title.strip(),
        description=order.description,
        state=HELD if order.held else QUEUED,
        priority=order.priority,
        source=source,
        created_by=by.user,
        api_key=by.key,
        wanted_agent=order.agent,
        wanted_model=order.model,
        wanted_capability=order.capability,
        fallbacks=list(order.fallbacks),
        options=dict(order.options),
        schema=dict(order.schema) if order.schema is not None else None,
        time_limit=order.time_limit,
        token_limit=order.token_limit,
        most_attempts=order.most_attempts,
    )


def _named(order: Order) -> agents.Wish:
    """Return the names of an order: by them its team is chosen."""
    return agents.Wish((), order.agent, order.model, order.capability, order.fallbacks)


def _vet(order: Order) -> None:
    if not order.title.strip():
        raise BadInput("title: give the task a title.")
    if len(order.title.strip()) > LONGEST_TITLE:
        raise BadInput(f"title: at most {LONGEST_TITLE} characters; the rest is the description.")
    if len(order.description) > LONGEST_DESCRIPTION:
        raise BadInput(f"description: at most {LONGEST_DESCRIPTION:,} characters.")
    _vet_number("priority", order.priority, 1, 5)
    _vet_number("time_limit", order.time_limit, 1, LONGEST_TIME)
    _vet_number("token_limit", order.token_limit, 1, MOST_TOKENS)
    _vet_number("most_attempts", order.most_attempts, 1, MOST_ATTEMPTS)
    if len(order.attachments) > MOST:
        raise BadInput(f"attachments: at most {MOST} files.")
    if order.schema is not None:
        vet_schema(order.schema)


def _vet_number(name: str, value: float | None, lowest: int, highest: int) -> None:
    if value is not None and not lowest <= value <= highest:
        raise BadInput(f"{name}: use a number from {lowest} to {highest:,}.")


@transaction.atomic
def hold_task(task: Task, *, by: Actor) -> None:
    """Take a waiting task out of the queue until it is released.

    Raises:
        Conflict: an agent works on it already, or it has ended.
    """
    demand(by, "task.change", [task.team_id])
    # The task's own row first: whoever changes it meanwhile waits, and its call is the newest one.
    if not (_move(task, (QUEUED,), state=HELD) and _taken_back(task)):
        raise Conflict(f"{task}: only a waiting task can be put on hold; this one does not wait.")
    _move(task, (HELD,), call=None)
    _done(task, by, "put on hold")


@transaction.atomic
def release_task(task: Task, *, by: Actor) -> None:
    """Put a held task into the queue. Raises Conflict for one that is not held."""
    demand(by, "task.change", [task.team_id])
    if not _move(task, (HELD,), state=QUEUED):
        raise Conflict(f"{task}: it is not on hold.")
    begin(task, Attempt.Kind.RELEASE if task.attempts.exists() else Attempt.Kind.FIRST)
    _done(task, by, "released")


@transaction.atomic
def cancel_task(task: Task, *, by: Actor) -> None:
    """Stop a task: a waiting one ends at once, a running one is stopped at its host.

    Raises:
        Conflict: it has ended already.
    """
    demand(by, "task.change", [task.team_id])
    if not _move(task, OPEN, cancel_asked=True):
        raise Conflict(f"{task}: it has ended already.")
    if _taken_back(task):
        _move(task, OPEN, state=CANCELED, error_code=CANCELED, finished_at=timezone.now())
    else:
        agents.cancel_call(task.call, by=SYSTEM)  # judged when it has ended
    _done(task, by, "canceled")


def _taken_back(task: Task) -> bool:
    """Withdraw the call of a task, and with it the attempt; False when it waits no more."""
    if task.call is not None and not agents.withdraw(task.call):
        return False
    close(task)
    return True


@transaction.atomic
def run_again(task: Task, *, by: Actor) -> None:
    """Start a task that has ended once more; its result becomes a new version.

    Raises:
        Conflict: it has not ended.
    """
    demand(by, "task.change", [task.team_id])
    anew = {"cancel_asked": False, "error_code": "", "error": "", "finished_at": None}
    if not _move(task, ENDED, state=QUEUED, round=F("round") + 1, call=None, **anew):
        raise Conflict(f"{task}: it has not ended yet.")
    begin(task, Attempt.Kind.AGAIN)
    _done(task, by, "run again")


@transaction.atomic
def set_priority(task: Task, priority: int, *, by: Actor) -> None:
    """Give a task another place in the queue.

    Raises:
        Conflict: it waits no more.
    """
    demand(by, "task.change", [task.team_id])
    _vet_number("priority", priority, 1, 5)
    if not _move(task, OPEN, priority=priority):
        raise Conflict(f"{task}: it has ended already.")
    if task.call is not None and not agents.set_priority(task.call, priority, since(task)):
        raise Conflict(f"{task}: an agent works on it already.")
    _done(task, by, f"given priority {priority}")


def _move(task: Task, states: Iterable[str], **fields: Any) -> bool:
    """Change a task that is in one of these states still; the object then tells the truth."""
    moved = Task.objects.filter(pk=task.pk, state__in=states).update(**fields)
    if moved:
        task.refresh_from_db()
    return bool(moved)


def _done(task: Task, by: Actor, what: str) -> None:
    audit.record(by, what, task)
    note(task, what, by)


VERBS: dict[str, Callable[..., None]] = {
    "cancel": cancel_task,
    "hold": hold_task,
    "release": release_task,
    "run-again": run_again,
}


def each(
    tasks: Iterable[Task], verb: Callable[..., None], *, by: Actor, **named: Any
) -> tuple[list[Task], list[tuple[Task, WhooshError]]]:
    """Do the same with many tasks; return those it was done with, and those that refused."""
    done: list[Task] = []
    refused: list[tuple[Task, WhooshError]] = []
    for task in tasks:
        try:
            verb(task, by=by, **named)
            done.append(task)
        except WhooshError as error:
            refused.append((task, error))
    return done, refused
