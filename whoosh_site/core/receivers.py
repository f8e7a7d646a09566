"""What this room hears."""

from typing import Any

from whoosh_site.core.models.people import Team


def ensure_a_team(**_: Any) -> None:
    """A fresh installation has one team."""
    if not Team.objects.exists():
        Team.objects.create(name="Main")
