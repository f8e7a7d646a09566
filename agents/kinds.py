"""What the runner does for this room."""

import time
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async

from agents import services
from agents.live import tell_call
from agents.models import Call, Discovery, Health, ModelJob
from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from whoosh_site.core.runner import APART, Kind, kinds


@kinds.add
class AskedCalls(Kind):
    """Prompts from pages and the API."""

    key = "call"
    model = Call
    PAUSE = 0.05

    def __init__(self) -> None:
        self.look_again_at = 0.0

    def claim(self, owner: str, limit: int) -> list[Lease[Any]]:
        """Place what waits and fits. While nothing does, commits elsewhere wake in vain: pause."""
        if time.monotonic() < self.look_again_at:
            return []
        placed = services.dispatch(owner, limit)
        if not placed and leases.due([Call]):
            self.look_again_at = time.monotonic() + self.PAUSE
        return placed

    def set_apart(self, lease: Lease[Any], until: datetime) -> None:
        """Put a call back, and free the slot it was given."""
        services.put_off(lease, lease.call, APART, until)

    async def run(self, lease: Lease[Any]) -> None:
        """Hear the answer of a call that has its slot."""
        try:
            await services.run_call(lease)
        finally:
            self.look_again_at = 0.0  # its slot is free

    def look(self, owner: str) -> None:
        """Find out which of the calls in hand somebody watches by now."""
        mine = Call.objects.filter(state=leases.RUNNING, owner=owner, streams=True)
        services.listen_to(mine.values_list("pk", flat=True))

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end, if the call did not get that far itself."""
        services.canceled(lease)

    def returned(self, found: leases.Returned) -> None:
        """Show what became of calls whose process died."""
        services.end_quarantined(found.quarantined)
        services.end_canceled(Call.objects.filter(pk__in=found.queued))
        for call in Call.objects.filter(pk__in=found.queued):
            tell_call(call, call.agent)


@kinds.add
class HealthChecks(Kind):
    """The recurring look at every agent."""

    key = "health"
    model = Health
    limit = 200

    async def run(self, lease: Lease[Any]) -> None:
        """Look once; the row is due again afterwards. Then see to what is to stay in memory."""
        await services.check_agent(lease)
        await sync_to_async(services.hold_pinned)(lease.pk)

    def returned(self, found: leases.Returned) -> None:
        """Go on: a host whose checks fail is shown as degraded, not forgotten."""
        services.keep_checking(found.quarantined)


@kinds.add
class Discoveries(Kind):
    """Searches for hosts, one after the other."""

    key = "discovery"
    model = Discovery
    limit = 1

    async def run(self, lease: Lease[Any]) -> None:
        """Ask every place that was named."""
        await services.discover(lease)

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end; what was found stays."""
        services.discovery_canceled(lease)

    def returned(self, found: leases.Returned) -> None:
        """Show what became of searches whose process died."""
        services.discoveries_returned(found)


@kinds.add
class ModelJobs(Kind):
    """Models to be fetched, loaded, unloaded and deleted at the hosts."""

    key = "job"
    model = ModelJob

    def claim(self, owner: str, limit: int) -> list[Lease[Any]]:
        """Take what is due, of each host no more pulls than it does at a time."""
        return services.claim_jobs(owner, limit)

    async def run(self, lease: Lease[Any]) -> None:
        """Do it, or try again later."""
        await services.run_job(lease)

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end."""
        services.canceled_job(lease)

    def returned(self, found: leases.Returned) -> None:
        """Show what became of jobs whose process died."""
        services.jobs_returned(found)
