"""The entries of the side bar; each room declares its own."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True)
class Entry:
    """One page of the side bar. `order` sorts; `staff` hides it from others."""

    order: int
    title: str
    url_name: str
    icon: str
    staff: bool = False


_ENTRIES: dict[str, Entry] = {}


def declare(*entries: Entry) -> None:
    """Add entries to the side bar."""
    for entry in entries:
        _ENTRIES[entry.url_name] = entry


def entries(request: HttpRequest) -> list[dict[str, object]]:
    """Return the entries this person sees, the current one marked."""
    shown = [e for e in _ENTRIES.values() if request.user.is_staff or not e.staff]
    shown.sort(key=lambda entry: entry.order)
    urls = [reverse(entry.url_name) for entry in shown]
    path = request.path
    around = [url for url in urls if path == url or (url != "/" and path.startswith(url))]
    current = max(around, key=len, default="")
    return [
        {"title": entry.title, "url": url, "icon": entry.icon, "active": url == current}
        for entry, url in zip(shown, urls, strict=True)
    ]


declare(
    Entry(0, "Dashboard", "dashboard", "gauge"),
    Entry(90, "API", "docs", "code"),
    Entry(99, "Administration", "admin:index", "settings", staff=True),
)
