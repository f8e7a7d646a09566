"""Executions: started, carried by the runner, ended under their lease; retried and canceled."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac

from whoosh_site.core import audit, leases
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.leases import QUARANTINED, Lease
from whoosh_site.core.permissions import demand
from workflows.allowed import environment, python_for, variables_of
from workflows.binary import Binaries
from workflows.engine.items import Items
from workflows.engine.run import Ready, Step
from workflows.engine.values import dumps
from workflows.execute import TOO_DEEP, Outcome
from workflows.live import tell_execution
from workflows.models import Execution, ExecutionData, Workflow, WorkflowVersion
from workflows.models.executions import CANCELED, NEVER, OPEN, SUCCESS, TEST, WAITING
from workflows.n8n.findings import storable
from workflows.services.following import follow, start_error_workflow
from workflows.services.looking import looked
from workflows.services.memories import WorkflowMemory
from workflows.services.running import TEAM, Given, find_of_team, run_document
from workflows.services.statics import static_of

TELL_EVERY = 0.5
"""Seconds between two writes of how far a run is."""
LONGEST_NAME = 200
LARGEST_INPUT = 8 * 1024 * 1024
LARGEST_DATA = 256 * 1024 * 1024
"""Bytes, compressed, of what one execution keeps."""


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
    execution = Execution.objects.create(
        team_id=workflow.team_id,
        workflow=workflow,
        version=version,
        source=source,
        started_by=by.user,
        retry_of=retry_of,
        input_text=text,
        start_node=start, until_node=until, from_node=anew, pins=pins, mode=mode,
    )  # fmt: skip
    audit.record(by, "started", execution, {"version": version.number})
    tell_execution(execution)
    leases.wake()
    return execution


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
        ended = True
    else:
        ended = bool(mine.filter(state=leases.RUNNING).update(cancel_asked=True))
    if ended:
        audit.record(by, "canceled", execution)
        tell_execution(execution)
    return ended


# -- carried -------------------------------------------------------------------------------------


class Progress:
    """Tells, now and then, how far a run is: `async with` it around the run."""

    def __init__(self, lease: Lease[Execution], execution: Execution) -> None:
        self.lease = lease
        self.execution = execution
        self.figures: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self.telling = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.telling.cancel()

    async def on_start(self, ready: Ready) -> None:
        """Note what runs now."""
        figures = figures_of(self.figures, ready.node)
        figures["running"] = True
        figures["given"] += sum(len(items) for items in ready.inputs if items)

    async def on_step(self, step: Step) -> None:
        """Count a step."""
        add_figures(self.figures, step)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            now = [dict(one) for one in self.figures.values()]
            if now != self.told:
                self.told = now
                await sync_to_async(self._write)(now)

    @transaction.atomic
    def _write(self, figures: list[dict[str, Any]]) -> None:
        if self.lease.write(nodes=figures):
            tell_execution(self.execution)


def figures_of(figures: dict[str, dict[str, Any]], node: str) -> dict[str, Any]:
    """Return the figures of a node, begun if need be."""
    begun = {"name": storable(node), "runs": 0, "given": 0, "items": 0, "ms": 0.0}
    return figures.setdefault(node, begun | {"failed": False, "running": False})


def all_figures(
    steps: Sequence[Step], first: int, waiting: Step | None = None
) -> list[dict[str, Any]]:
    """Return the figures of all nodes that ran, and of one that waits.

    `first` counts the items the run started with.
    """
    figures: dict[str, dict[str, Any]] = {}
    outputs = {(step.node, step.index): step.outputs for step in steps}
    for place, step in enumerate([*steps, *([waiting] if waiting else [])]):
        if step is waiting:
            figures_of(figures, step.node)["running"] = True
        else:
            add_figures(figures, step)
        for source in step.sources:
            if source is not None:
                given = outputs.get((source.node, source.run), [])
                count = len(given[source.output] or ()) if source.output < len(given) else 0
            else:
                count = 0 if place else first
            figures[step.node]["given"] += count
    return list(figures.values())


def add_figures(figures: dict[str, dict[str, Any]], step: Step) -> None:
    """Add a step to the figures of its node: runs, items it gave, milliseconds, failure."""
    found = figures_of(figures, step.node)
    found["runs"] += 1
    found["items"] += step.count
    found["ms"] = round(found["ms"] + step.ms, 2)
    found["failed"] = found["failed"] or step.failed
    found["running"] = False


async def run_execution(lease: Lease[Execution], *, timezone: str = "", limit: float = 0.0) -> None:
    """Carry a claimed execution to its end. `limit` is in seconds; see `Given`."""
    execution = await sync_to_async(_begun)(lease)
    if execution is None:
        return
    if execution.cancel_asked:
        await sync_to_async(execution_canceled)(lease)
        return
    saved = await sync_to_async(_saved)(execution)
    looks = execution.source == Execution.Source.POLL and not saved
    files = await sync_to_async(files_of)(execution)
    given = Given(
        items=execution.items,
        start=execution.start_node,
        until=execution.start_node if looks else execution.until_node,
        pins=execution.pins,
        timezone=timezone,
        limit=limit,
        execution={"id": str(execution.pk), "mode": execution.mode},
        workflow={"id": str(execution.workflow_id), "name": execution.workflow.name},
        saved=saved,
        static=static_of(execution),
        run_key=_key(execution),
        **await sync_to_async(_allowed)(execution),
    )
    async with Progress(lease, execution) as progress:
        outcome = await run_document(
            execution.version.document,
            given,
            files=files,
            memories=WorkflowMemory(execution.workflow_id),
            find=partial(find_of_team, execution.team_id),
            on_start=progress.on_start,
            on_step=progress.on_step,
        )
    try:
        await sync_to_async(_ended)(lease, execution, outcome, looks)
    except (RecursionError, ValueError):
        await sync_to_async(_ended)(lease, execution, Outcome.refused(TOO_DEEP), looks)
    finally:
        outcome.close()


def _key(execution: Execution) -> str:
    """Return what tells this execution from every other, here and elsewhere, try after try."""
    which = f"{execution.pk} {execution.created_at.isoformat()}"
    return salted_hmac("workflows.execution", which, algorithm="sha256").hexdigest()[:32]


def files_of(execution: Execution) -> Binaries:
    """Return the files a run made, or has from the runs it goes on from."""
    run, *also = map(str, execution.lineage)
    owner = f"{TEAM}{execution.team_id}"
    return Binaries(settings.VAR / "binary", owner=owner, run=run, also=also)


def _allowed(execution: Execution) -> dict[str, Any]:
    """Return what an administrator lets the workflows of this team use."""
    return {
        "vars": variables_of(execution.team_id),
        "env": environment(),
        "python": python_for(execution.team.name),
    }


def _begun(lease: Lease[Execution]) -> Execution | None:
    if not lease.write(started_at=Coalesce("started_at", timezone.now()), nodes=[]):
        return None
    rows = Execution.objects.select_related("workflow", "version", "retry_of", "team")
    execution = rows.get(pk=lease.pk)
    tell_execution(execution)
    return execution


def _saved(execution: Execution) -> Mapping[tuple[str, int], Step]:
    """Return its own steps so far, or those of the run it retries; what failed is left out."""
    steps, before = list(execution.steps()), execution.retry_of
    document = execution.version.document
    if not steps and before is not None:
        # A wait that was canceled stands in its data as if it were over: it waits again.
        ran = {one["name"]: one["runs"] for one in before.nodes}
        anew = execution.from_node
        steps = [
            one
            for one in before.steps()
            if one.index < ran.get(storable(one.node), 0)
            and not (anew and (one.node == anew or anew in document.parents(one.node)))
        ]
    there = document.nodes
    return {
        (step.node, step.index): step for step in steps if not step.failed and step.node in there
    }


@transaction.atomic
def _ended(
    lease: Lease[Execution], execution: Execution, outcome: Outcome, looks: bool = False
) -> None:
    """Write how a run ended, or what it waits for; its data is kept either way."""
    if looks and looked(lease, execution, outcome):
        return
    steps = [*outcome.steps, outcome.woken] if outcome.woken else list(outcome.steps)
    blob, size = ExecutionData.packed(steps)
    warnings = list(execution.warnings)  # of before it waited
    told = [{key: storable(text) for key, text in one.items()} for one in outcome.warnings]
    warnings += [one for one in told if one not in warnings]
    if len(blob) > LARGEST_DATA and outcome.woken is None:
        blob, size = b"", 0
        words = f"What its nodes gave is not kept: more than {LARGEST_DATA >> 20} MB."
        warnings.append({"node": "", "message": words})
    fields = {
        "nodes": all_figures(outcome.steps, len(execution.items), outcome.woken),
        "warnings": warnings,
        "ms": (execution.ms or 0) + outcome.ms,
    }
    if _let_go(lease, outcome, fields):
        data = {"blob": blob, "size": size}
        ExecutionData.objects.update_or_create(execution=execution, defaults=data)
        follow(execution, outcome, looking=looks)
        tell_execution(execution)


def _let_go(lease: Lease[Execution], outcome: Outcome, told: dict[str, Any]) -> bool:
    if outcome.parked is not None:
        until, node = outcome.parked.until, outcome.woken.node if outcome.woken else ""
        due_at = datetime.fromisoformat(until) if until else NEVER
        words = f"{node} waits for a call"
        if until:
            words = f"{node} waits until {due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return lease.put_back(due_at, state=WAITING, trouble=storable(words), **told)
    error = outcome.error or {}
    return lease.finish(
        outcome.status,
        finished_at=timezone.now(),
        error=storable(str(error.get("message", ""))),
        error_node=storable(str(error.get("node", "")))[:LONGEST_NAME],
        **told,
    )


@transaction.atomic
def execution_canceled(lease: Lease[Execution]) -> None:
    """End a run whose coroutine was canceled because somebody asked for it."""
    execution = Execution.objects.filter(pk=lease.pk, cancel_asked=True).first()
    if execution is not None and lease.finish(CANCELED, finished_at=timezone.now()):
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
