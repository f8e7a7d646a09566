"""The dashboard is made of panels; each room puts its own on the shelf."""

from collections.abc import Mapping
from typing import Any, ClassVar

from whoosh_site.core import health
from whoosh_site.core.models.people import User
from whoosh_site.core.shelf import Shelf


class Panel:
    """One part of the dashboard, drawn anew when one of its topics changes."""

    key: ClassVar[str]
    order: ClassVar[int] = 100
    template: ClassVar[str]
    topics: ClassVar[tuple[str, ...]] = ()
    every: ClassVar[int] = 0
    """Seconds after which the panel is fetched again by itself; 0 for never."""

    def context(self, user: User) -> Mapping[str, Any]:
        """Return what the template shows, of what this user may see."""
        raise NotImplementedError


panels: Shelf[Panel] = Shelf("dashboard panel")


@panels.add
class Problems(Panel):
    """Everything that is wrong right now."""

    key = "problems"
    order = 5
    template = "core/panels/problems.html"
    topics = ("agents", "calls")
    every = 15

    def context(self, user: User) -> dict[str, Any]:
        """Return findings that are no good news."""
        found = health.findings(user)
        rows = [f for group in found.values() for f in group if f.level != health.OK]
        return {"findings": sorted(rows, key=lambda f: f.level != health.ERROR)}
