"""Check the audit trail."""

from typing import Any

from whoosh_site.core import audit
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """Walk the chain of audit entries; exit 1 at the first one missing or changed."""

    help = "Verify that no audit entry is missing or was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify."""
        count, broken = audit.verify()
        if broken is not None:
            raise WhooshError(f"Entry {broken.number} {broken.why}; {count} before it hold.")
        self.stdout.write(f"{count} entries, the chain holds")
