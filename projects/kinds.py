"""What the runner does for this room."""

import asyncio
from typing import Any

from asgiref.sync import sync_to_async

from projects import services
from projects.models import Attempt
from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from whoosh_site.core.runner import Kind, kinds


@kinds.add
class Judgements(Kind):
    """Attempts whose call has ended."""

    key = "attempt"
    model = Attempt

    async def run(self, lease: Lease[Any]) -> None:
        """Say what follows."""
        found = await sync_to_async(services.to_be_checked)(lease)
        missed = await asyncio.to_thread(services.misfit, *found) if found else ""
        await sync_to_async(services.judge)(lease, missed)

    def returned(self, found: leases.Returned) -> None:
        """End the tasks whose attempts cannot be judged."""
        services.end_quarantined(found.quarantined)
