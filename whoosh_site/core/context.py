"""What every page of the shell needs."""

from typing import Any

from django.http import HttpRequest

from whoosh_site.core import tunables
from whoosh_site.core.navigation import entries


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return navigation, titles, theme and up to which notice the page has seen everything."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "nav": entries(request) if signed_in else [],
        "cluster_name": tunables.value("cluster_name"),
        "cluster_region": tunables.value("cluster_region"),
        "theme": user.preferences.get("theme", "auto") if signed_in else "auto",
        "live_seq": getattr(request, "live_seq", 0),
    }
