"""Who may do what with projects and tasks."""

from whoosh_site.core.models.access import Scope
from whoosh_site.core.models.people import Role
from whoosh_site.core.permissions import ANYBODY, Rule, declare

declare(
    {
        "project.view": Rule(Scope.READ, ANYBODY),
        "project.change": Rule(Scope.WRITE, Role.EDITOR),
        "project.delete": Rule(Scope.WRITE, Role.OWNER),
        "task.view": Rule(Scope.READ, ANYBODY),
        "task.submit": Rule(Scope.RUN, Role.EDITOR),
        "task.change": Rule(Scope.RUN, Role.EDITOR),
    }
)
