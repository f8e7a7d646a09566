"""Who may do what with workflows."""

from whoosh_site.core.models.access import Scope
from whoosh_site.core.models.people import Role
from whoosh_site.core.permissions import ANYBODY, Rule, declare

declare(
    {
        "approval.decide": Rule(Scope.WRITE, Role.VIEWER),
        "approval.view": Rule(Scope.READ, ANYBODY),
        "credential.change": Rule(Scope.WRITE, Role.EDITOR),
        "credential.delete": Rule(Scope.WRITE, Role.EDITOR),
        "credential.details.view": Rule(Scope.READ, Role.EDITOR),
        "credential.open": Rule(Scope.WRITE, Role.OWNER),
        "credential.share": Rule(Scope.WRITE, Role.OWNER),
        "credential.view": Rule(Scope.READ, ANYBODY),
        "data_table.change": Rule(Scope.WRITE, Role.EDITOR),
        "data_table.delete": Rule(Scope.WRITE, Role.EDITOR),
        "data_table.view": Rule(Scope.READ, ANYBODY),
        "execution.delete": Rule(Scope.WRITE, Role.EDITOR),
        "execution.keep": Rule(Scope.WRITE, Role.EDITOR),
        "execution.start": Rule(Scope.RUN, Role.EDITOR),
        "execution.view": Rule(Scope.READ, ANYBODY),
        "workflow.view": Rule(Scope.READ, ANYBODY),
        "variable.change": Rule(Scope.WRITE, Role.EDITOR),
        "variable.delete": Rule(Scope.WRITE, Role.EDITOR),
        "variable.view": Rule(Scope.READ, ANYBODY),
        "workflow.change": Rule(Scope.WRITE, Role.EDITOR),
        "workflow.delete": Rule(Scope.WRITE, Role.EDITOR),
    }
)
