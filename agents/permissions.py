"""Who may do what with agents, models and calls."""

from whoosh_site.core.models.access import Scope
from whoosh_site.core.models.people import Role
from whoosh_site.core.permissions import ADMIN, ANYBODY, Rule, declare

declare(
    {
        "agent.view": Rule(Scope.READ, ANYBODY),
        "agent.check": Rule(Scope.RUN, Role.EDITOR),
        "agent.drain": Rule(Scope.WRITE, Role.OWNER),
        "agent.register": Rule(Scope.ADMIN, ADMIN),
        "agent.change": Rule(Scope.ADMIN, ADMIN),
        "agent.delete": Rule(Scope.ADMIN, ADMIN),
        "discovery.view": Rule(Scope.ADMIN, ADMIN),
        "joining.view": Rule(Scope.ADMIN, ADMIN),
        "joining.change": Rule(Scope.ADMIN, ADMIN),
        "model.view": Rule(Scope.READ, ANYBODY),
        "model.manage": Rule(Scope.WRITE, Role.OWNER),
        "capability.view": Rule(Scope.READ, ANYBODY),
        "capability.change": Rule(Scope.ADMIN, ADMIN),
        "call.view": Rule(Scope.READ, ANYBODY),
        "call.create": Rule(Scope.RUN, Role.EDITOR),
        "call.cancel": Rule(Scope.RUN, Role.EDITOR),
    }
)
