"""One search box: every room answers from its own rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from django.db.models import Q

from whoosh_site.core.models.people import Team, User
from whoosh_site.core.shelf import Shelf

MOST = 8


@dataclass(frozen=True)
class Hit:
    """One result: what it is called, where it is, a few words beside it."""

    title: str
    url: str
    note: str = ""


class Finder:
    """One kind of result. Put a subclass on the shelf `finders`."""

    key: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int] = 100

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Return up to MOST results this user may see."""
        raise NotImplementedError


finders: Shelf[Finder] = Shelf("finder")


def search(user: User, text: str) -> list[tuple[str, list[Hit]]]:
    """Return titles and results of every finder that found something."""
    text = text.replace("\x00", "").strip()
    if not text:
        return []
    ordered = sorted((finder() for finder in finders), key=lambda finder: finder.order)
    found = [(finder.title, list(finder.find(user, text))[:MOST]) for finder in ordered]
    return [(title, hits) for title, hits in found if hits]


@finders.add
class People(Finder):
    """Users, for those who administer them."""

    key = "people"
    title = "People"
    order = 90

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match names and addresses."""
        if not user.is_superuser:
            return []
        named = Q(username__icontains=text) | Q(email__icontains=text)
        rows = User.objects.filter(named)[:MOST]
        return [Hit(row.username, f"/admin/core/user/{row.pk}/change/", row.email) for row in rows]


@finders.add
class Teams(Finder):
    """Teams of the user."""

    key = "teams"
    title = "Teams"
    order = 91

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match names."""
        if not user.is_staff:
            return []
        rows = Team.objects.visible_to(user).filter(name__icontains=text)[:MOST]
        return [Hit(row.name, f"/admin/core/team/{row.pk}/change/") for row in rows]
