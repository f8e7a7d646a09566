"""What the search box finds in this room."""

from collections.abc import Iterable

from django.db.models import Q

from agents.models import Agent, Call, Model
from whoosh_site.core.models.people import User
from whoosh_site.core.search import MOST, Finder, Hit, finders


@finders.add
class Agents(Finder):
    """Agents by name, title, endpoint or specialisation."""

    key = "agents"
    title = "Agents"
    order = 1

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match any part."""
        match = Q(name__icontains=text) | Q(title__icontains=text) | Q(endpoint__icontains=text)
        match |= Q(specialization__icontains=text)
        rows = Agent.objects.visible_to(user).filter(match)[:MOST]
        return [Hit(str(row), row.get_absolute_url(), row.endpoint) for row in rows]


@finders.add
class Models(Finder):
    """Models by name."""

    key = "models"
    title = "Models"
    order = 2

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match any part."""
        rows = Model.objects.visible_to(user).filter(name__icontains=text)[:MOST]
        return [Hit(row.name, row.get_absolute_url(), row.parameters) for row in rows]


@finders.add
class Calls(Finder):
    """Calls by number, or by a word of prompt or answer."""

    key = "calls"
    title = "Calls"
    order = 3

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match the number exactly, or any part of the answer."""
        match = Q(answer__icontains=text) | Q(title__icontains=text)
        if text.isdecimal() and len(text) < 18:
            match |= Q(pk=int(text))
        rows = Call.objects.visible_to(user).filter(match).brief()[:MOST]
        return [Hit(f"Call {r.pk}", r.get_absolute_url(), r.title) for r in rows]
