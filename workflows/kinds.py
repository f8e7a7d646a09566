"""What the runner does for this room."""

from typing import Any

from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from whoosh_site.core.runner import Kind, kinds
from workflows import services
from workflows.models import Execution


@kinds.add
class Executions(Kind):
    """Runs of workflows."""

    key = "execution"
    model = Execution
    limit = 50

    def __init__(self) -> None:
        self.listens = False

    def claim(self, owner: str, limit: int) -> list[Lease[Any]]:
        """Take due runs, of each team no more than may run at once."""
        return services.claim_executions(owner, limit)

    def keep_time(self) -> float:
        """Start the runs whose schedules say so; first make triggers that are missing."""
        if not self.listens:
            self.listens = True
            services.listen_again()
        return services.keep_time()

    async def run(self, lease: Lease[Any]) -> None:
        """Carry it to its end."""
        await services.run_execution(lease)

    def canceled(self, lease: Lease[Any]) -> None:
        """Write the end."""
        services.execution_canceled(lease)

    def returned(self, found: leases.Returned) -> None:
        """Show what became of runs whose process died."""
        services.executions_returned(found)
