"""From the end of a call to what follows for its task: one transaction, under the attempt's lease.

An attempt's lease and the conditional update of its task make it safe to die anywhere and to come
late: what was judged once is not judged again, and what has ended stays ended.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from agents.models import Call
from projects import planning, prompts
from projects.models import Artifact, Attempt, Task
from projects.models.tasks import CANCELED, ERROR, QUARANTINED, SUCCESS
from projects.planning import Ending, Record, Step
from projects.schemas import bare
from projects.services.attempts import begin, note
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.leases import QUEUED, Lease

RESULT = "result"
GONE = Ending("error", "call_gone", "its call was deleted before it was judged")
STATES = {planning.DONE: SUCCESS, planning.CANCEL: CANCELED, planning.QUARANTINE: QUARANTINED}


def to_be_checked(lease: Lease[Attempt]) -> tuple[dict[str, Any], str] | None:
    """Return the schema and the answer that may miss it; None where there is nothing to check."""
    answered = Attempt.objects.filter(pk=lease.pk, call__state=SUCCESS, task__schema__isnull=False)
    return answered.values_list("task__schema", "call__answer").first()


@transaction.atomic
def judge(lease: Lease[Attempt], missed: str = "") -> None:
    """Say what follows from the end of an attempt's call, and do it.

    `missed` says why the answer does not fit its schema: checking takes too long for a transaction.
    """
    attempt = Attempt.objects.select_related("call").get(pk=lease.pk)
    tasks = Task.objects.select_related("team").select_for_update(of=("self",))
    task, call = tasks.get(pk=attempt.task_id), attempt.call
    ending = _ending(call, missed)
    step = planning.following(ending, _record(task, attempt))
    mine = lease.finish(
        STATES.get(step.what, ERROR),
        answer=ending.answer,
        agent_name=call.agent_name if call else "",
        model_name=call.model_name if call else "",
        error_code=step.code,
        error=step.words,
        finished_at=timezone.now(),
    )
    if not mine or (task.state, task.round) != (QUEUED, attempt.round):
        return
    if step.what == planning.DONE:
        _done(task, attempt, call, ending)
    elif step.what in (planning.REPAIR, planning.RETRY):
        _once_more(task, attempt, call, step, ending)
    else:
        _end(task, attempt, step)


def _ending(call: Call | None, missed: str) -> Ending:
    if call is None:
        return GONE
    return Ending(
        state=call.state,
        code=call.error_code,
        error=call.error or call.trouble,
        done_reason=call.done_reason,
        answer=call.answer,
        answer_tokens=call.answer_tokens,
        misfit=missed,
    )


def _record(task: Task, attempt: Attempt) -> Record:
    repair = Attempt.Kind.REPAIR
    made = task.attempts.filter(round=attempt.round)
    sent_back = made.filter(kind=repair, error_code=planning.MISFIT)
    return Record(
        tries=made.exclude(kind=repair).exclude(state=CANCELED).count(),
        most=task.most_attempts,
        repaired=attempt.kind == repair or sent_back.exists(),
        cancel_asked=task.cancel_asked,
    )


def _done(task: Task, attempt: Attempt, call: Call | None, ending: Ending) -> None:
    if not _close(task, SUCCESS):
        return
    last = task.artifacts.filter(name=RESULT).aggregate(last=Max("version"))["last"] or 0
    is_json = task.schema is not None
    Artifact.objects.create(
        task=task,
        attempt=attempt,
        name=RESULT,
        version=last + 1,
        media_type="application/json" if is_json else "text/markdown",
        content=bare(ending.answer) if is_json else ending.answer,
    )
    note(task, f"done by {_who(call)}: result version {last + 1}")


def _once_more(task: Task, attempt: Attempt, call: Call | None, step: Step, ending: Ending) -> None:
    failed = f"attempt {attempt.number} ({_who(call)}): {step.words}"
    try:
        with transaction.atomic():
            if step.what == planning.REPAIR and call is not None:
                messages = prompts.repair(call.messages, ending.answer, ending.misfit)
                begin(task, Attempt.Kind.REPAIR, messages=messages)
                note(task, f"{failed}; sent back to be repaired")
            else:
                later = timezone.now() + timedelta(seconds=step.pause)
                avoid = _failed_hosts(task, call)
                begin(task, Attempt.Kind.RETRY, not_before=later, avoid=avoid)
                note(task, f"{failed}; again in {step.pause:g} s, elsewhere if possible")
    except WhooshError as error:  # what it asks for is not there any more
        _end(task, attempt, Step(planning.FAIL, error.code, error.message))


def _failed_hosts(task: Task, call: Call | None) -> list[str]:
    """Return the agents that failed this round of a task."""
    failed = task.attempts.filter(round=task.round, state=ERROR).exclude(agent_name="")
    names = [*failed.values_list("agent_name", flat=True), *(call.failed_agents if call else ())]
    return list(dict.fromkeys(names))


def _end(task: Task, attempt: Attempt, step: Step) -> None:
    state = STATES.get(step.what, ERROR)
    words = "" if state == CANCELED else step.words
    if not _close(task, state, error_code=step.code, error=words):
        return
    if state == CANCELED:
        note(task, "stopped")
    else:
        note(task, f"failed at attempt {attempt.number}: {step.words}")


def _close(task: Task, state: str, **fields: str) -> bool:
    still = Task.objects.filter(pk=task.pk, state=QUEUED, round=task.round)
    return bool(still.update(state=state, finished_at=timezone.now(), **fields))


def _who(call: Call | None) -> str:
    named = call is not None and call.agent_name
    return f"{call.agent_name} with {call.model_name}" if call and named else "no agent"


@transaction.atomic
def end_quarantined(pks: Iterable[int]) -> None:
    """End the tasks of attempts whose judging failed three times."""
    rows = Attempt.objects.filter(pk__in=pks, state=QUARANTINED).select_related("task")
    for attempt in rows.filter(round=F("task__round")):
        _end(attempt.task, attempt, Step(planning.QUARANTINE, QUARANTINED, attempt.trouble))
