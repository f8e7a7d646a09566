"""Executions: started, carried by the runner, ended under their lease; retried and canceled."""

import asyncio
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac

from whoosh_site.core import audit, leases, tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, WhooshError
from whoosh_site.core.leases import QUARANTINED, Lease
from whoosh_site.core.permissions import demand
from workflows.allowed import commands_for, environment, python_for, variables_of
from workflows.binary import Binaries
from workflows.engine.driver import Saved
from workflows.engine.errors import NodeError
from workflows.engine.items import Items
from workflows.engine.run import Ready, Step
from workflows.engine.values import dumps
from workflows.execute import TOO_DEEP, Outcome
from workflows.live import tell_execution
from workflows.models import Execution, KeptSteps, Workflow, WorkflowVersion
from workflows.models.executions import CANCELED, OPEN, PRODUCTION, SUCCESS, TEST
from workflows.n8n.findings import storable
from workflows.reach import DEEPEST, trigger_of
from workflows.services.answers import respond_to_call
from workflows.services.approvals import withdraw_approvals
from workflows.services.checkpoints import LARGEST_DATA, Checkpoints, LeaseLost
from workflows.services.figures import add_figures, all_figures, figures_of
from workflows.services.following import follow, start_error_workflow
from workflows.services.lending import lender
from workflows.services.looking import looked, looks
from workflows.services.memories import WorkflowMemory
from workflows.services.parking import park_execution
from workflows.services.resume_links import resume_addresses
from workflows.services.running import TEAM, Given, find_of_team, run_document
from workflows.services.statics import static_of
from workflows.services.tables import TeamTables

TELL_EVERY = 0.5
"""Seconds between two writes of how far a run is."""
LONGEST_NAME = 200
LARGEST_INPUT = 8 * 1024 * 1024


# -- asked for -----------------------------------------------------------------------------------


@transaction.atomic
def start_execution(
    workflow: Workflow,
    *,
    by: Actor,
    source: str,
    version: WorkflowVersion | None = None,
    items: Items | None = None,
    start: str = "",
    until: str = "",
    pins: bool = False,
    retry_of: Execution | None = None,
    anew: str = "",
    mode: str = TEST,
) -> Execution:
    """Queue a run of a workflow: of its current version, unless another is named.

    Raises:
        Forbidden: the caller may not run workflows of the team.
        BadInput: a node that is not there, or too much input.
    """
    demand(by, "execution.start", [workflow.team_id])
    version = version or workflow.current
    if version is None:
        raise BadInput(f"{workflow} has no version to run. Import a document first.")
    for name, node in (("start", start), ("until", until), ("node", anew)):
        if len(node) > LONGEST_NAME:
            raise BadInput(f"{name}: a node's name of at most {LONGEST_NAME} characters.")
        if node and node not in version.document.nodes:
            there = ", ".join(list(version.document.nodes)[:20])
            raise BadInput(f"{name}: {workflow} has no node {node!r}. There are: {there}.")
    text = dumps(items).decode() if items else ""
    if len(text) > LARGEST_INPUT:
        raise BadInput(f"input: {len(text)} characters; {LARGEST_INPUT} are allowed.")
    return _queue(
        workflow,
        version,
        by=by,
        source=source,
        started_by=by.user,
        retry_of=retry_of,
        input_text=text,
        start_node=start,
        until_node=until,
        from_node=anew,
        pins=pins,
        mode=mode,
    )


def _queue(workflow: Workflow, version: WorkflowVersion, *, by: Actor, **fields: Any) -> Execution:
    execution = Execution.objects.create(
        team_id=workflow.team_id, workflow=workflow, version=version, **fields
    )
    audit.record(by, "started", execution, {"version": version.number})
    tell_execution(execution)
    leases.wake()
    return execution


@transaction.atomic
def start_from(parent: Execution, workflow: int, items: Items, *, key: str) -> None:
    """Queue a run that another run starts and does not wait for; the same key starts it once.

    It acts for whoever started the parent, in the parent's team.

    Raises:
        BadInput: too much input, or too many runs that started one another.
    """
    if parent.depth >= DEEPEST:
        raise BadInput(
            f"Workflows started one another {DEEPEST} times: probably one starts itself."
        )
    if parent.children.filter(parent_key=key).exists():
        return
    rows = Workflow.objects.select_related("current")
    row = rows.get(pk=workflow, team=parent.team_id, current__isnull=False)
    given = [{name: one[name] for name in ("json", "binary") if name in one} for one in items]
    text = dumps(given).decode()
    if len(text) > LARGEST_INPUT:
        raise BadInput(
            f"The items for {row} are {len(text)} characters; {LARGEST_INPUT} are allowed for a "
            "workflow that is not waited for. Hand it less, or wait for it."
        )
    _queue(
        row,
        row.current,
        by=SYSTEM,
        source=Execution.Source.WORKFLOW,
        mode=PRODUCTION,
        started_by=parent.started_by,
        parent=parent,
        parent_key=key,
        depth=parent.depth + 1,
        input_text=text,
        start_node=trigger_of(row.current.document),
    )
    tell_execution(parent)


def retry_execution(
    execution: Execution, *, by: Actor, newest: bool = False, node: str = ""
) -> Execution:
    """Run a failed execution again from the node that failed, with what the others gave.

    `node` runs any that has ended again from this node: it and all its data reaches run anew.
    `newest` runs the workflow's current version; the steps of nodes it no longer has are left out.

    Raises:
        Conflict: it has not ended, or it succeeded and no node is named.
        BadInput: there is no such node.
    """
    demand(by, "execution.start", [execution.team_id])
    if not execution.ended or (execution.state == SUCCESS and not node):
        raise Conflict(f"{execution} is {execution.get_state_display().lower()}: nothing to retry.")
    workflow = Workflow.objects.select_related("current").get(pk=execution.workflow_id)
    return start_execution(
        workflow,
        by=by,
        source=Execution.Source.RETRY,
        version=workflow.current if newest else execution.version,
        items=execution.items,
        start=execution.start_node,
        until=execution.until_node,
        pins=execution.pins,
        retry_of=execution,
        anew=node,
        mode=execution.mode,
    )


def run_again(execution: Execution, *, by: Actor) -> Execution:
    """Run the workflow's current version from the start, with the same input and wishes."""
    workflow = Workflow.objects.select_related("current").get(pk=execution.workflow_id)
    return start_execution(
        workflow,
        by=by,
        source=Execution.Source.PAGE,
        items=execution.items,
        start=execution.start_node,
        until=execution.until_node,
        pins=execution.pins,
    )


@transaction.atomic
def cancel_execution(execution: Execution, *, by: Actor) -> bool:
    """Ask a run to stop; False when it has ended. One that did not begin ends at once."""
    demand(by, "execution.start", [execution.team_id])
    mine = Execution.objects.filter(pk=execution.pk)
    now = timezone.now()
    never = mine.filter(state__in=(Execution.State.QUEUED, Execution.State.WAITING))
    if never.update(state=CANCELED, finished_at=now, **leases.FINISHED):
        withdraw_approvals(execution)
        ended = True
    else:
        ended = bool(mine.filter(state=leases.RUNNING).update(cancel_asked=True))
    if ended:
        audit.record(by, "canceled", execution)
        tell_execution(execution)
    return ended


# -- carried -------------------------------------------------------------------------------------


class Progress:
    """Keeps what a run gives, and tells now and then how far it is: `async with` it around the run.

    `own` are the steps that stand in the execution's own data.
    """

    def __init__(
        self, lease: Lease[Execution], execution: Execution, own: Collection[tuple[str, int]]
    ) -> None:
        self.lease = lease
        self.execution = execution
        self.figures: dict[str, dict[str, Any]] = {}
        self.checkpoints = Checkpoints(lease, execution.version.document, own, self._now)
        self.told: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self.telling = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.telling.cancel()

    def on_taken(self, step: Step) -> None:
        """Count a step that had been saved."""
        add_figures(self.figures, step)
        self.checkpoints.taken(step)

    async def on_start(self, ready: Ready) -> None:
        """Note what runs now; what has to stand before it does is written."""
        await self.checkpoints.before(ready)
        figures = figures_of(self.figures, ready.node)
        figures["running"] = True
        figures["given"] += sum(len(items) for items in ready.inputs if items)

    async def on_step(self, step: Step) -> None:
        """Count a step, and keep it."""
        add_figures(self.figures, step)
        await self.checkpoints.after(step)

    async def on_look(self, step: Step) -> None:
        """Count the step of a look: it is kept with how far the look has seen, and not before."""
        add_figures(self.figures, step)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            now = self._now()
            if now != self.told:
                self.told = now
                await sync_to_async(self._write)(now)

    def _now(self) -> list[dict[str, Any]]:
        return [dict(one) for one in self.figures.values()]

    @transaction.atomic
    def _write(self, figures: list[dict[str, Any]]) -> None:
        if self.lease.write(nodes=figures):
            tell_execution(self.execution)


async def run_execution(lease: Lease[Execution], *, timezone: str = "", limit: float = 0.0) -> None:
    """Carry a claimed execution to its end. `limit` is in seconds; see `Given`."""
    execution = await sync_to_async(_begun)(lease)
    if execution is None:
        return
    if execution.cancel_asked:
        await sync_to_async(execution_canceled)(lease)
        return
    own, saved = await sync_to_async(_saved)(execution)
    look = await sync_to_async(looks)(execution, saved)
    files = await sync_to_async(files_of)(execution)
    given = await sync_to_async(_given)(execution, saved, look, timezone=timezone, limit=limit)
    try:
        async with Progress(lease, execution, own) as progress:
            outcome = await run_document(
                execution.version.document,
                given,
                files=files,
                memories=WorkflowMemory(execution.workflow_id),
                find=partial(find_of_team, execution.team_id),
                begin=partial(_begin, execution),
                respond=partial(respond_to_call, execution),
                on_taken=progress.on_taken,
                on_start=progress.on_start,
                on_step=progress.on_look if look else progress.on_step,
            )
    except LeaseLost:
        return
    checkpoints = progress.checkpoints
    if look:  # its step stands in the write that says how far it has seen, and in no other
        checkpoints.pending = list(outcome.steps)
    try:
        await leases.persist(_ended, lease, execution, outcome, checkpoints, look)
    except (RecursionError, ValueError):
        checkpoints.pending.clear()
        checkpoints.rest = None
        refused = Outcome.refused(TOO_DEEP)
        await leases.persist(_ended, lease, execution, refused, checkpoints, look)
    finally:
        outcome.close()


def _given(execution: Execution, saved: Saved, look: bool, **how: Any) -> Given:
    return Given(
        items=execution.items,
        start=execution.start_node,
        until=execution.start_node if look else execution.until_node,
        pins=execution.pins,
        **how,
        mode=execution.mode,
        depth=execution.depth,
        saved=saved,
        static=static_of(execution),
        **_allowed(execution),
    )


async def _begin(parent: Execution, workflow: int, items: Items, *, key: str) -> None:
    """`workflows.reach.Begin` for the runs an execution starts."""
    try:
        await sync_to_async(start_from)(parent, workflow, items, key=key)
    except WhooshError as error:
        raise NodeError(error.message) from error
    except Workflow.DoesNotExist:
        raise NodeError("The workflow to start has just been deleted.") from None


def key_of(pk: int, created_at: datetime) -> str:
    """Return what tells an execution from every other, here and elsewhere, try after try."""
    which = f"{pk} {created_at.isoformat()}"
    return salted_hmac("workflows.execution", which, algorithm="sha256").hexdigest()[:32]


def files_of(execution: Execution) -> Binaries:
    """Return the files a run made, or has from the runs it goes on from."""
    run, *also = map(str, execution.lineage)
    owner = f"{TEAM}{execution.team_id}"
    quota = tunables.value("team_files_megabytes") << 20
    return Binaries(settings.VAR / "binary", owner=owner, run=run, also=also, quota=quota)


def _stored(execution: Execution) -> int:
    return KeptSteps(execution.pk).length + files_of(execution).size()


def _allowed(execution: Execution) -> dict[str, Any]:
    """Return what a run knows of itself, and what an administrator lets its team use."""
    return {
        "run_key": key_of(execution.pk, execution.created_at),
        "owner": f"{TEAM}{execution.team_id}",
        "execution": {"id": str(execution.pk), **resume_addresses(execution)},
        "workflow": {
            "id": str(execution.workflow_id),
            "name": execution.workflow.name,
            "active": execution.mode == PRODUCTION,
        },
        "vars": variables_of(execution.team_id),
        "env": environment(),
        "python": python_for(execution.team.name),
        "commands": commands_for(execution.team.name),
        "credentials": lender(execution.team_id),
        "tables": TeamTables(execution.team_id),
    }


def _begun(lease: Lease[Execution]) -> Execution | None:
    if not lease.write(started_at=Coalesce("started_at", timezone.now()), nodes=[]):
        return None
    rows = Execution.objects.select_related("workflow", "version", "retry_of", "team")
    execution = rows.get(pk=lease.pk)
    tell_execution(execution)
    return execution


def _saved(
    execution: Execution,
) -> tuple[Collection[tuple[str, int]], Saved]:
    """Return which steps are its own so far, and all it goes on from; what failed is left out.

    A retry goes on from the steps of the run it retries, and from its own where it has them.
    """
    own = list(execution.steps())
    steps = [*_of_the_run_before(execution), *own]
    there = execution.version.document.nodes
    found = {(one.node, one.index): one for one in steps if not one.failed and one.node in there}
    return {(one.node, one.index) for one in own}, found


def _of_the_run_before(execution: Execution) -> Iterator[Step]:
    before, anew = execution.retry_of, execution.from_node
    if before is None:
        return
    document = execution.version.document
    # A wait that was canceled stands in its data as if it were over: it waits again.
    ran = {one["name"]: one["runs"] for one in before.nodes}
    for one in before.steps():
        again = anew and (one.node == anew or anew in document.parents(one.node))
        if one.index < ran.get(storable(one.node), 0) and not again:
            yield one


@transaction.atomic
def _ended(
    lease: Lease[Execution],
    execution: Execution,
    outcome: Outcome,
    checkpoints: Checkpoints,
    look: bool = False,
) -> None:
    """Write how a run ended, or what it waits for; its data is kept either way."""
    if look and looked(lease, execution, outcome):
        return
    fields = {
        "nodes": all_figures(outcome.steps, len(execution.items), outcome.woken),
        "ms": (execution.ms or 0) + outcome.ms,
    }
    if not lease.write(**fields):
        return
    part = checkpoints.add_last(outcome.woken)
    warnings = list(execution.warnings)  # of before it waited
    told = [{key: storable(text) for key, text in one.items()} for one in outcome.warnings]
    warnings += [one for one in told if one not in warnings]
    if checkpoints.too_much and outcome.woken is None:
        words = f"What its nodes gave is not kept: more than {LARGEST_DATA >> 20} MB."
        warnings.append({"node": "", "message": words})
    kept = {"warnings": warnings, "stored_bytes": _stored(execution)}
    if outcome.parked is not None and outcome.woken is not None:
        park_execution(lease, execution, outcome.parked, outcome.woken, part, **kept)
    else:
        error = outcome.error or {}
        lease.finish(
            outcome.status,
            finished_at=timezone.now(),
            error=storable(str(error.get("message", ""))),
            error_node=storable(str(error.get("node", "")))[:LONGEST_NAME],
            parked={},
            **kept,
        )
        follow(execution, outcome, looking=look)
    tell_execution(execution)


@transaction.atomic
def execution_canceled(lease: Lease[Execution]) -> None:
    """End a run whose coroutine was canceled because somebody asked for it."""
    execution = Execution.objects.filter(pk=lease.pk, cancel_asked=True).first()
    if execution is None:
        return
    end = {"finished_at": timezone.now(), "stored_bytes": _stored(execution)}
    if lease.finish(CANCELED, **end):
        tell_execution(execution)


@transaction.atomic
def executions_returned(found: leases.Returned) -> None:
    """Write why runs in quarantine ended, and show what became of those whose process died."""
    for execution in Execution.objects.filter(pk__in=[*found.queued, *found.quarantined]):
        if execution.state == QUARANTINED and _closed(execution):
            start_error_workflow(execution, {"message": execution.trouble})
        tell_execution(execution)


def _closed(execution: Execution) -> bool:
    rows = Execution.objects.filter(pk=execution.pk, finished_at=None)
    return bool(rows.update(finished_at=timezone.now(), error=execution.trouble))


def wait_for_execution(execution: Execution, seconds: float) -> Execution:
    """Return the execution as it is when it has ended, or after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        found = Execution.objects.select_related("workflow").get(pk=execution.pk)
        if found.state not in OPEN or time.monotonic() > until:
            return found
        time.sleep(0.05)
