"""The dashboard is made of panels; each room puts its own on the shelf."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from django.template.loader import render_to_string

from whoosh_site.core import health
from whoosh_site.core.models.people import User
from whoosh_site.core.shelf import Shelf


class Panel:
    """One part of the dashboard, drawn anew when one of its topics changes."""

    key: ClassVar[str]
    label: ClassVar[str]
    order: ClassVar[int] = 100
    wide: ClassVar[bool] = False
    template: ClassVar[str]
    """What stands inside the frame of `core/panels/panel.html`."""
    topics: ClassVar[tuple[str, ...]] = ()
    every: ClassVar[int] = 0
    """Seconds after which the panel is fetched again by itself; 0 for never."""

    def context(self, user: User) -> Mapping[str, Any]:
        """Return what the template shows, of what this user may see."""
        raise NotImplementedError

    def draw(self, request: HttpRequest) -> str:
        """Return the panel as HTML, in the frame by which it is fetched again."""
        shown = {"panel": self} | dict(self.context(request.user))
        return render_to_string("core/panels/panel.html", shown, request)


panels: Shelf[Panel] = Shelf("dashboard panel")


@panels.add
class Problems(Panel):
    """Everything that is wrong right now."""

    key, label = "problems", "Problems"
    order = 5
    wide = True
    template = "core/panels/problems.html"
    topics = ("agents", "calls")
    every = 15

    def context(self, user: User) -> dict[str, Any]:
        """Return findings that are no good news."""
        found = health.findings(user)
        rows = [f for group in found.values() for f in group if f.level != health.OK]
        return {"findings": sorted(rows, key=lambda f: f.level != health.ERROR)}
