"""What the search box finds in this room."""

from collections.abc import Iterable

from django.db.models import Q

from whoosh_site.core.models.people import User
from whoosh_site.core.search import MOST, Finder, Hit, finders
from workflows.models import Credential, Execution, Workflow


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


@finders.add
class Executions(Finder):
    """Executions by number, or by what went wrong."""

    key = "executions"
    title = "Executions"
    order = 5

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match the number exactly, or any part of the error."""
        match = Q(error__icontains=text)
        if text.isdecimal() and len(text) < 18:
            match |= Q(pk=int(text))
        rows = Execution.objects.visible_to(user).filter(match).brief()[:MOST]
        return [
            Hit(
                f"{row.workflow}, execution {row.pk}",
                row.get_absolute_url(),
                f"{row.get_state_display()}. {row.error}"[:200].strip(),
            )
            for row in rows
        ]


@finders.add
class Credentials(Finder):
    """Credentials by name."""

    key = "credentials"
    title = "Credentials"
    order = 6

    def find(self, user: User, text: str) -> Iterable[Hit]:
        """Match any part."""
        rows = Credential.objects.visible_to(user).filter(name__icontains=text).brief()[:MOST]
        return [Hit(row.name, row.get_absolute_url(), row.label) for row in rows]
