"""From a claimed call to its end: placed, heard, and written down under its lease."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.errors import AgentBusy, AgentOffline, AgentSlow, NoAgent
from agents.live import tell_call
from agents.models import Agent, Call
from agents.models.calls import CANCELED, ERROR, SUCCESS
from agents.services import breaker
from agents.services.answers import Answer, Tell
from agents.services.endings import end_canceled, ended, tell_end
from agents.services.health import check_soon
from agents.services.learning import learn
from agents.services.needs import key_of
from agents.services.parcels import Parcel, send
from agents.services.placement import Placed, Placement, place, placed
from whoosh_site.core import leases, live
from whoosh_site.core.batch import Batch
from whoosh_site.core.bulk import update_each
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.leases import QUARANTINED, Lease

LOOK_AGAIN = 1.0
RETRIES = 2
NOWHERE = {
    "agent": None, "agent_name": "", "model_name": "", "context_length": None, "reason": "",
}  # fmt: skip
TOGETHER = 0.02
"""Seconds within which ends of calls are written together, after the first."""
BUSY_PAUSE = timedelta(seconds=2)


async def run_call(lease: Lease[Call], tell: Tell | None = None, *, own: bool = False) -> bool:
    """Carry a claimed call to its end, placing it first if nobody has; False when it has to wait.

    `tell` hears every piece of the answer in this process. With `own` the process carries this one
    call for the person before it: canceling the coroutine cancels the call.
    """
    known = lease if isinstance(lease, Placed) else None
    call = known.call if known else await sync_to_async(_read)(lease)
    if call is None:
        return True  # somebody else carries it by now, or it has ended
    if call.cancel_asked:  # between two looks, or before its process died
        await sync_to_async(canceled)(lease)
        return True
    try:
        placement = known.placement if known else await sync_to_async(_placement)(lease, call)
    except NoAgent as error:
        await sync_to_async(put_off)(lease, call, error.message)
        return False
    except WhooshError as error:
        await sync_to_async(_failed)(lease, call, error)
        return True
    return await _carry(lease, call, placement, tell, own=own)


def _read(lease: Lease[Call]) -> Call | None:
    mine = Call.objects.filter(state=leases.RUNNING, owner=lease.owner, attempt=lease.attempt)
    return mine.select_related("agent__health").filter(pk=lease.pk).first()


def _placement(lease: Lease[Call], call: Call) -> Placement:
    return placed(call) or place(lease, call)


async def _carry(
    lease: Lease[Call], call: Call, placement: Placement, tell: Tell | None, *, own: bool
) -> bool:
    answer = Answer(call, lease.attempt, tell)
    try:
        async with contextlib.aclosing(answer):
            await answer.listen(placement, await _tried(placement))
            rest = answer.rest()
        await _successes.put(_Success(lease, call, placement, answer.fields, rest))
    except NoAgent as error:
        await sync_to_async(put_off)(lease, call, error.message)
        return False
    except WhooshError as error:
        if answer.first_at is None and _elsewhere_helps(error, placement.agent, call):
            await sync_to_async(_elsewhere)(lease, call, placement.agent, error)
            return False
        await sync_to_async(_failed)(lease, call, error, answer, placement.agent)
    except asyncio.CancelledError:
        await asyncio.shield(sync_to_async(canceled)(lease, answer, own=own))
        raise
    return True


async def _tried(placement: Placement) -> float | None:
    """Ask a host on trial a cheap question first; returns the limit of its first byte."""
    if not breaker.on_trial(placement.agent):
        return None
    await placement.host().probe()
    return await sync_to_async(breaker.first_byte)(placement.agent, placement.model)


def _elsewhere_helps(error: WhooshError, agent: Agent, call: Call) -> bool:
    """Whether a call of which nothing has been answered is tried again, another host first."""
    slow = isinstance(error, AgentSlow) and breaker.on_trial(agent)
    again = slow or isinstance(error, AgentOffline | AgentBusy)
    return again and len(call.failed_agents) < RETRIES


@transaction.atomic
def put_off(lease: Lease[Call], call: Call, why: str, until: datetime | None = None) -> None:
    """Queue a call again that goes to nobody yet, as if it had not been claimed."""
    later = until or timezone.now() + timedelta(seconds=LOOK_AGAIN)
    mine = lease.put_back(later, trouble=why, **NOWHERE, attempt=max(lease.attempt - 1, 0))
    if mine and call.trouble != why:
        tell_call(call)
    end_canceled(Call.objects.filter(pk=call.pk))


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
        end_canceled(Call.objects.filter(pk=call.pk))
        leases.wake()


# -- endings: one transaction each, fenced by the lease ----------------------------------------


@dataclass(frozen=True)
class _Success:
    """A call whose answer was heard to its end."""

    lease: Lease[Call]
    call: Call
    placement: Placement
    fields: dict[str, Any]
    rest: Parcel | None
    """The last of its pieces."""


@transaction.atomic
def _succeeded(found: Sequence[_Success]) -> list[None]:
    """Write calls that ended well, and what they have shown of their hosts."""
    well = leases.FINISHED | {"state": SUCCESS}
    written = update_each(Call, [(one.lease.fence, well | one.fields) for one in found])
    done = [one for one, mine in zip(found, written, strict=True) if mine]
    with live.together():
        send([one.rest for one in done if one.rest])
        for one in done:
            tell_end(one.call, one.placement.agent)
        hosts: dict[tuple[int, str], list[_Success]] = {}
        for one in done:
            hosts.setdefault((one.placement.agent.pk, one.placement.model), []).append(one)
        for _, calls in sorted(hosts.items()):  # in one order everywhere: no deadlock
            learn(calls[-1].placement, [one.fields for one in calls])
    leases.wake()
    return [None] * len(found)


_successes = Batch(_succeeded, pause=TOGETHER)


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
