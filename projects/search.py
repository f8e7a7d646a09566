"""What the search box finds in this room."""

from collections.abc import Iterable

from django.db.models import Q

from projects.models import Project, Task
from whoosh_site.core.models.people import User
from whoosh_site.core.search import MOST, Finder, Hit, finders


@finders.add
class Tasks(Finder):
    """Tasks by number, title or description."""

    key = "tasks"
    title = "Tasks"
    order = 6

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match the number exactly, or any part of the texts."""
        match = Q(title__icontains=text) | Q(description__icontains=text)
        if text.isdecimal() and len(text) < 18:
            match |= Q(pk=int(text))
        rows = Task.objects.visible_to(user).filter(match).brief()[:MOST]
        return [Hit(row.title, row.get_absolute_url(), f"Task {row.pk}") for row in rows]


@finders.add
class Projects(Finder):
    """Projects by name or description."""

    key = "projects"
    title = "Projects"
    order = 7

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match any part."""
        match = Q(name__icontains=text) | Q(description__icontains=text)
        rows = Project.objects.visible_to(user).filter(match)[:MOST]
        return [Hit(row.name, row.get_absolute_url(), row.description[:80]) for row in rows]
