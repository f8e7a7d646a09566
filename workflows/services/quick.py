"""Runs in the web process: quick ones, whose caller waits. Kept before they are answered.

Such a run reaches nothing outside, so it may be begun again: what takes too long here, or gives too
many items, is left to a runner from its start.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from whoosh_site.core import bulk, live
from whoosh_site.core.batch import Batch
from whoosh_site.core.numbers import Numbers
from workflows.binary import Binaries
from workflows.engine.run import Step
from workflows.engine.triggers import LAST_NODE, RESPONSE_NODE, Reply
from workflows.engine.values import dumps
from workflows.execute import TOO_DEEP, Order, Outcome, execute, static_of
from workflows.models import Execution, ExecutionPart, Pieces
from workflows.models.executions import PRODUCTION, SUCCESS
from workflows.n8n.findings import storable
from workflows.reach import Reach
from workflows.scripts.session import Session
from workflows.services.calling import (
    DONE,
    FAILED,
    Call,
    announce,
    begin,
    last_reply,
    note_calls,
    waited_for,
)
from workflows.services.executing import LONGEST_NAME, all_figures, key_of
from workflows.services.following import start_error_workflow
from workflows.services.memories import WorkflowMemory
from workflows.services.running import TEAM, find_of_team

LONGEST = 2.0
"""Seconds a run may take here."""
MOST_ITEMS = 1000
"""Items one node may give here."""
LARGEST = 256 * 1024
"""Bytes of the item a run starts with."""
AT_ONCE = 4
"""Runs that are under way in one process: more would only want more script processes."""
MOST_WAITING = 64
"""Runs that wait for their turn; more calls than that go to the runners."""

numbers = Numbers(Execution)


class TooMuch(Exception):
    """A run is too large for the web process."""


@dataclass
class Ran:
    """A run in the web process: under way, then over and to be kept."""

    pk: int
    call: Call
    created_at: datetime
    files: Binaries
    started_at: datetime = field(default_factory=timezone.now)
    given: Reply | None = None  # what a node of it answered
    error: Mapping[str, Any] = field(default_factory=dict)
    last: str = ""  # the node that ran last
    fields: dict[str, Any] = field(default_factory=dict)
    pieces: Pieces = field(default_factory=lambda: Pieces([]))


class Gate:
    """Counts the calls that are here: under way, or waiting for their turn."""

    def __init__(self) -> None:
        self.inside = 0

    @property
    def open(self) -> bool:
        """Whether one more may come in."""
        return self.inside < AT_ONCE + MOST_WAITING


gate = Gate()
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def answer_of(call: Call, seconds: float) -> Reply:
    """Return what the run of a call answers, done here or by a runner.

    Raises:
        Refusal: as `begin`.
    """
    if may_run_here(call):
        reply = await run_call_here(call)
        if reply is not None:
            return reply
    return await waited_for(await begin(call), seconds)


def may_run_here(call: Call) -> bool:
    """Whether the web process may run it: quick, small, and nobody needs it kept beforehand."""
    caught = call.caught
    if caught.plan is None or not caught.plan.quick or call.files or call.key or caught.test:
        return False
    call.text = dumps([call.item]).decode()
    return len(call.text) <= LARGEST and gate.open


async def run_call_here(call: Call) -> Reply | None:
    """Run it, keep it, and return what is answered; None when a runner has to do it."""
    gate.inside += 1
    try:
        # Whoever goes away meanwhile does not take the run along.
        return await asyncio.shield(asyncio.ensure_future(_run(call)))
    finally:
        gate.inside -= 1


async def _run(call: Call) -> Reply | None:
    created_at, turn = timezone.now(), _turn()
    try:
        await asyncio.wait_for(turn.acquire(), LONGEST)
    except TimeoutError:
        return None
    try:
        pk = await numbers.next()
        ran = Ran(pk, call, created_at, _files(pk, call))
        outcome = await _outcome(ran)
    finally:
        turn.release()
    if outcome is None:
        ran.files.forget()
        return None
    try:
        _pack(ran, outcome)
        reply = await _reply(ran, outcome)
    finally:
        outcome.close()
    await _keeper.put(ran)
    return reply


def _files(pk: int, call: Call) -> Binaries:
    folder, owner = settings.VAR / "binary", f"{TEAM}{call.caught.team}"
    return Binaries(folder, owner=owner, run=str(pk), quota=call.caught.quota)


def _turn() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        _turns.clear()
        _turns[loop] = asyncio.Semaphore(AT_ONCE)
    return _turns[loop]


async def _outcome(ran: Ran) -> Outcome | None:
    caught, mode = ran.call.caught, ran.call.caught.wish.get("mode")

    async def respond(reply: Reply) -> bool:
        wanted = mode == RESPONSE_NODE and ran.given is None
        if wanted:
            ran.given = reply
        return wanted

    scripts = Session(owner=f"{TEAM}{caught.team}")
    reach = Reach(
        scripts=scripts.inner,
        find=partial(find_of_team, caught.team),
        blobs=ran.files,
        memories=WorkflowMemory(caught.workflow),
        timezone=settings.TIME_ZONE,
        run_key=key_of(ran.pk, ran.created_at),
        respond=respond,
    )
    document = caught.plan.document
    order = Order(
        document=document,
        items=[ran.call.item],
        start=caught.node,
        timezone=settings.TIME_ZONE,
        mode="production",
        static=static_of(document),
        execution={"id": str(ran.pk)},
        workflow={"id": str(caught.workflow), "name": caught.name, "active": True},
        vars=caught.vars,
        env=caught.env,
    )
    try:
        async with asyncio.timeout(LONGEST):
            outcome = await execute(order, scripts, reach, on_step=_small)
    except (TimeoutError, TooMuch):
        return None
    finally:
        await scripts.close()
        await reach.close()
    return None if outcome.parked is not None else outcome


async def _small(step: Step) -> None:
    if step.count > MOST_ITEMS:
        raise TooMuch


async def _reply(ran: Ran, outcome: Outcome) -> Reply:
    if ran.given is not None:
        return ran.given
    if outcome.status != SUCCESS:
        return FAILED
    wish = ran.call.caught.wish
    if wish.get("mode") != LAST_NODE:
        return DONE
    return await last_reply(wish, outcome.steps, ran.files)


# -- kept ----------------------------------------------------------------------------------------


def _pack(ran: Ran, outcome: Outcome) -> None:
    """Make the rows of a run."""
    try:
        ran.pieces = Pieces(outcome.steps)
    except (RecursionError, ValueError):
        outcome = Outcome.refused(TOO_DEEP)
    caught = ran.call.caught
    error = ran.error = outcome.error or {}
    ran.last = outcome.steps[-1].node if outcome.steps else ""
    ran.fields = {
        "id": ran.pk,
        "team": caught.team,
        "workflow": caught.workflow,
        "version": caught.version,
        "state": outcome.status,
        "source": caught.kind,
        "started_by": caught.started_by,
        "input_text": ran.call.text,
        "start_node": caught.node,
        "mode": PRODUCTION,
        "attempt": 1,
        "created_at": ran.created_at,
        "due_at": ran.created_at,
        "started_at": ran.started_at,
        "finished_at": timezone.now(),
        "stored_bytes": ran.pieces.length,
        "ms": outcome.ms,
        "nodes": all_figures(outcome.steps, 1),
        "warnings": [
            {key: storable(text) for key, text in one.items()} for one in outcome.warnings
        ],
        "error": storable(str(error.get("message", ""))),
        "error_node": storable(str(error.get("node", "")))[:LONGEST_NAME],
    }


def _keep(found: Sequence[Ran]) -> list[None]:
    with transaction.atomic(), live.together():
        bulk.insert(Execution, [ran.fields for ran in found])
        parts = [
            {
                "execution": ran.pk,
                "number": number,
                "blob": blob,
                "size": 0 if number else ran.pieces.size,
            }
            for ran in found
            for number, blob in enumerate(ran.pieces.blobs)
        ]
        bulk.insert(ExecutionPart, parts)
        for ran in found:
            announce(ran.pk, ran.call.caught.team)
        note_calls({ran.call.caught.pk for ran in found})
        for ran in found:
            if ran.error:
                _tell_of(ran)
    return [None] * len(found)


def _tell_of(ran: Ran) -> None:
    """Start the workflow that is to hear of a failed run, if there is one."""
    execution = Execution.objects.select_related("workflow", "version").get(pk=ran.pk)
    start_error_workflow(execution, ran.error, last=ran.last)


_keeper: Batch[Ran, None] = Batch(_keep, pause=0.004)
