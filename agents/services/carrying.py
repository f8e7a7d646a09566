"""From a claimed call to its end: placed, heard, and written down under its lease."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.errors import AgentBusy, AgentOffline, NoAgent
from agents.live import tell_call
from agents.models import Agent, AgentModel, Call
from agents.models.calls import CANCELED, ERROR, SUCCESS
from agents.services import breaker
from agents.services.answers import Answer, Tell
from agents.services.endings import ended
from agents.services.health import check_soon
from agents.services.needs import key_of
from agents.services.placement import Placement, place, placed
from whoosh_site.core import leases
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.leases import QUARANTINED, Lease

LOOK_AGAIN = 1.0
SMOOTH = 0.3
LOADED_IN = 500.0
"""Milliseconds below which nothing was loaded: the host only looked for the model."""
RETRIES = 2
NOWHERE = {"agent": None, "agent_name": "", "model_name": "", "reason": ""}
BUSY_PAUSE = timedelta(seconds=2)


async def run_call(lease: Lease[Call], tell: Tell | None = None, *, own: bool = False) -> bool:
    """Carry a claimed call to its end, placing it first if nobody has; False when it has to wait.

    `tell` hears every piece of the answer in this process. With `own` the process carries this one
    call for the person before it: canceling the coroutine cancels the call.
    """
    rows = Call.objects.select_related("team", "agent__health")
    call = await sync_to_async(rows.get)(pk=lease.pk)
    if (call.state, call.owner, call.attempt) != (leases.RUNNING, lease.owner, lease.attempt):
        return True  # somebody else carries it by now, or it has ended
    if call.cancel_asked:  # between two looks, or before its process died
        await sync_to_async(canceled)(lease)
        return True
    try:
        placement = placed(call) or await sync_to_async(place)(lease, call)
    except NoAgent as error:
        await sync_to_async(_wait)(lease, call, error.message)
        return False
    except WhooshError as error:
        await sync_to_async(_failed)(lease, call, error)
        return True
    answer = Answer(call, lease.attempt, tell)
    try:
        async with contextlib.aclosing(answer):
            await answer.listen(placement)
        await sync_to_async(_succeeded)(lease, call, placement, answer)
    except NoAgent as error:
        await sync_to_async(_wait)(lease, call, error.message)
        return False
    except WhooshError as error:
        silent = isinstance(error, AgentOffline | AgentBusy) and answer.first_at is None
        if silent and len(call.failed_agents) < RETRIES:
            await sync_to_async(_elsewhere)(lease, call, placement.agent, error)
            return False
        await sync_to_async(_failed)(lease, call, error, answer, placement.agent)
    except asyncio.CancelledError:
        await asyncio.shield(sync_to_async(canceled)(lease, answer, own=own))
        raise
    return True


@transaction.atomic
def _wait(lease: Lease[Call], call: Call, why: str) -> None:
    later = timezone.now() + timedelta(seconds=LOOK_AGAIN)
    mine = lease.put_back(later, trouble=why, **NOWHERE, attempt=max(lease.attempt - 1, 0))
    if mine and call.trouble != why:
        tell_call(call)


@transaction.atomic
def _elsewhere(lease: Lease[Call], call: Call, agent: Agent, error: WhooshError) -> None:
    """Queue a call again that its host did not take: not a byte of an answer had come."""
    check_soon(agent)
    breaker.failed(agent, error)
    call.failed_agents = [*call.failed_agents, agent.name]
    changed = {"failed_agents": call.failed_agents, "need_key": key_of(call)}
    later = timezone.now() + (BUSY_PAUSE if isinstance(error, AgentBusy) else timedelta())
    if lease.put_back(later, trouble=error.message, **NOWHERE, **changed):
        tell_call(call, agent)
        leases.wake()


# -- endings: one transaction each, fenced by the lease ----------------------------------------


@transaction.atomic
def _succeeded(lease: Lease[Call], call: Call, placement: Placement, answer: Answer) -> None:
    fields = answer.fields
    if lease.finish(SUCCESS, **fields):
        _learn_speed(placement, fields)
        breaker.worked(placement.agent)
        ended(call, placement.agent)


@transaction.atomic
def _failed(
    lease: Lease[Call],
    call: Call,
    error: WhooshError,
    answer: Answer | None = None,
    agent: Agent | None = None,
) -> None:
    fields = answer.fields if answer else {"finished_at": timezone.now()}
    if not lease.finish(ERROR, **fields, error=error.message, error_code=error.code):
        return
    if agent is not None:
        breaker.failed(agent, error)
    if agent is not None and isinstance(error, AgentOffline | AgentBusy):
        check_soon(agent)
    ended(call, agent)


@transaction.atomic
def canceled(lease: Lease[Call], answer: Answer | None = None, *, own: bool = False) -> None:
    """End a call whose coroutine was canceled because somebody asked for it.

    Without that wish the runner itself is stopping, and the row goes back to the queue; unless the
    process carried nothing but this call of its `own`.
    """
    if not own and not Call.objects.filter(pk=lease.pk, cancel_asked=True).exists():
        return
    fields = answer.fields if answer else {"finished_at": timezone.now()}
    call = Call.objects.select_related("agent").get(pk=lease.pk)
    if lease.finish(CANCELED, **fields):
        ended(call, call.agent)


@transaction.atomic
def end_quarantined(pks: Sequence[int]) -> None:
    """Write why calls in quarantine ended, and when."""
    calls = Call.objects.filter(pk__in=pks, state=QUARANTINED, finished_at=None)
    found = list(calls.select_related("agent"))
    calls.update(finished_at=timezone.now(), error=F("trouble"), error_code=QUARANTINED)
    for call in found:
        ended(call, call.agent)


def _learn_speed(placement: Placement, fields: dict[str, Any]) -> None:
    rows = AgentModel.objects.filter(agent=placement.agent, model__name=placement.model)
    row = rows.first()
    if row is None:
        return
    news: dict[str, Any] = {} if row.resident else {"resident": True}
    if (fields["load_ms"] or 0) > LOADED_IN:
        check_soon(placement.agent)  # another model may have had to make room
    for name in ("tps", "prompt_tps", "load_ms"):
        if fields[name] and (name != "load_ms" or fields[name] > LOADED_IN):
            old = getattr(row, name)
            news[name] = fields[name] if old is None else old + SMOOTH * (fields[name] - old)
    if news:
        rows.update(**news)
