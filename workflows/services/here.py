"""Runs of stored workflows in this process, without a runner, and kept like any other."""

import asyncio

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from whoosh_site.core import leases, owner
from whoosh_site.core.actor import Actor
from whoosh_site.core.leases import Lease
from workflows.execute import Outcome
from workflows.models import Execution, Workflow
from workflows.models.executions import CANCELED, WAITING
from workflows.services.executing import run_execution, start_execution
from workflows.services.running import Given


async def run_here(workflow: Workflow, given: Given, *, by: Actor) -> Outcome:
    """Run a stored workflow here, and keep the run; returns what came of it.

    One that waits is left to a runner. So is one whose process dies before its end.

    Raises:
        BadInput: as `start_execution`.
    """
    lease = await sync_to_async(_begun_here)(workflow, given, by)
    keeper = asyncio.create_task(_keep(lease))
    try:
        await run_execution(lease, timezone=given.timezone, limit=given.limit)
    except asyncio.CancelledError:  # Ctrl-C: nobody waits for it any more
        end = {"state": CANCELED, "finished_at": timezone.now()}
        await asyncio.shield(sync_to_async(lease.finish)(**end))
        raise
    finally:
        keeper.cancel()
    return await sync_to_async(_outcome)(lease.pk)


@transaction.atomic
def _begun_here(workflow: Workflow, given: Given, by: Actor) -> Lease[Execution]:
    """Queue a run and take it, before any runner sees it."""
    execution = start_execution(
        workflow, by=by, source=Execution.Source.COMMAND, items=given.items, start=given.start,
        until=given.until, pins=given.pins,
    )  # fmt: skip
    lease = leases.claim_one(Execution, execution.pk, owner.me())
    if lease is None:
        raise AssertionError("a row of this transaction is nobody else's")
    return lease


async def _keep(lease: Lease[Execution]) -> None:
    while True:
        await asyncio.sleep(leases.LEASE.total_seconds() / 3)
        await sync_to_async(leases.renew)(Execution, lease.owner, [lease.pk])


def _outcome(pk: int) -> Outcome:
    execution = Execution.objects.get(pk=pk)
    steps = list(execution.steps())
    woken = steps.pop() if execution.state == WAITING and steps else None
    return Outcome(
        status=execution.state,
        error=execution.failure,
        ms=execution.ms or 0.0,
        steps=steps,
        warnings=execution.warnings,
        static={},
        woken=woken,
    )
