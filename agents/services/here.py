"""A call in this process, without a runner."""

import asyncio
import time

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents.errors import NoAgent
from agents.models import Agent, Call, Health
from agents.models.calls import CANCELED
from agents.services.answers import Tell
from agents.services.carrying import run_call
from agents.services.endings import ended
from agents.services.endpoints import close_doors
from agents.services.health import check_agent
from whoosh_site.core import leases, tunables
from whoosh_site.core.leases import Lease


async def ask_here(call: Call, *, patience: float, tell: Tell | None = None) -> Call:
    """Run a call that `ask` recorded for this process, without a runner; returns it ended.

    Raises:
        NoAgent: nothing fitted within `patience` seconds; the call is canceled.
    """
    me = call.owner
    await _meet_strangers(call.team_id, me)
    lease: Lease[Call] | None = Lease(Call, call.pk, me, call.attempt)
    until = time.monotonic() + patience
    keeper = asyncio.create_task(_keep(call.pk, me))
    try:
        while True:
            if lease is not None and await run_call(lease, tell, own=True):
                return await Call.objects.aget(pk=call.pk)
            call = await Call.objects.aget(pk=call.pk)
            if call.ended:  # a runner was first
                return call
            if call.state == leases.QUEUED and time.monotonic() > until:
                await sync_to_async(_give_up)(call.pk, me)
                raise NoAgent(call.trouble or "waits for an agent")
            await asyncio.sleep(0.1)
            lease = await sync_to_async(leases.claim_one)(Call, call.pk, me)
    except BaseException:  # also when `tell` fails: nobody is left to hear the answer
        await asyncio.shield(sync_to_async(_give_up)(call.pk, me))
        raise
    finally:
        keeper.cancel()
        await close_doors()


async def _meet_strangers(team: int, me: str) -> None:
    """Look at the team's hosts that nobody has looked at lately: no server need be running."""
    found = await sync_to_async(_strangers)(team, me)
    await asyncio.gather(*map(check_agent, found))


def _strangers(team: int, me: str) -> list[Lease[Health]]:
    now, interval = timezone.now(), tunables.value("health_check_interval")
    agents = Agent.objects.of_team(team).filter(enabled=True)
    rows = Health.objects.filter(agent__in=agents.values("pk"), state=leases.QUEUED)
    pks = [health.pk for health in rows if health.stale(now, interval)]
    claimed = [leases.claim_one(Health, pk, me) for pk in pks]
    return [lease for lease in claimed if lease is not None]


@transaction.atomic
def _give_up(pk: int, me: str) -> None:
    """Cancel a call that is queued or in this process's hands."""
    mine = Call.objects.filter(Q(state=leases.QUEUED) | Q(state=leases.RUNNING, owner=me), pk=pk)
    moment = timezone.now()
    if mine.update(state=CANCELED, owner="", lease_until=None, finished_at=moment):
        ended(Call.objects.select_related("agent").get(pk=pk), None)


async def _keep(pk: int, me: str) -> None:
    while True:
        await asyncio.sleep(leases.LEASE.total_seconds() / 3)
        await sync_to_async(leases.renew)(Call, me, [pk])
