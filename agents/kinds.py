"""What the runner does for this room."""

import time
from typing import Any

from agents import services
from agents.live import tell_call
from agents.models import Call, Health
from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from whoosh_site.core.runner import Kind, kinds


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
        if not placed and leases.due(Call):
            self.look_again_at = time.monotonic() + self.PAUSE
        return placed

    async def run(self, lease: Lease[Any]) -> None:
        """Hear the answer of a call that has its slot."""
        try:
            await services.run_call(lease)
        finally:
            self.look_again_at = 0.0  # its slot is free

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end, if the call did not get that far itself."""
        services.canceled(lease)

    def returned(self, found: leases.Returned) -> None:
        """Show what became of calls whose process died."""
        services.end_quarantined(found.quarantined)
        for call in Call.objects.filter(pk__in=[*found.queued, *found.quarantined]):
            tell_call(call, call.agent)


@kinds.add
class HealthChecks(Kind):
    """The recurring look at every agent."""

    key = "health"
    model = Health
    limit = 200

    async def run(self, lease: Lease[Any]) -> None:
        """Look once; the row is due again afterwards."""
        await services.check_agent(lease)

    def returned(self, found: leases.Returned) -> None:
        """Go on: a host whose checks fail is shown as degraded, not forgotten."""
        services.keep_checking(found.quarantined)
