"""What the search box finds in this room."""

from collections.abc import Iterable

from django.db.models import Q

from whoosh_site.core.models.people import User
from whoosh_site.core.search import MOST, Finder, Hit, finders
from workflows.models import Workflow


@finders.add
class Workflows(Finder):
    """Workflows by name or tag."""

    key = "workflows"
    title = "Workflows"
    order = 4

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match any part."""
        match = Q(name__icontains=text) | Q(tags__name__icontains=text)
        rows = Workflow.objects.visible_to(user).filter(match).distinct().brief()[:MOST]
        return [Hit(row.name, row.get_absolute_url(), _note(row)) for row in rows]


def _note(workflow: Workflow) -> str:
    state = "archived" if workflow.archived else "active" if workflow.active else "not active"
    return ", ".join([state, *(tag.name for tag in workflow.tags.all())])
