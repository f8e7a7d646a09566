"""Collect static files when they changed; `up` does this."""

from typing import Any

from whoosh_site.core import staticfiles
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """Bring var/static up to date."""

    help = "Collect static files if any of them changed."
    migrates = False

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect, and say whether anything was done."""
        self.stdout.write("collected" if staticfiles.collect() else "nothing to collect")
