"""One table of permissions, filled by each room, used by pages, API, WebSockets and MCP alike.

Seeing is decided by `.visible_to(user)`: another team's object does not exist (404). Doing is
decided here: a role or scope too weak is refused (403).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Forbidden
from whoosh_site.core.models.access import Scope
from whoosh_site.core.models.people import Role

ADMIN = "admin"
ANYBODY = "anybody"


@dataclass(frozen=True)
class Rule:
    """What one action needs: a key's scope, and a role in the object's team.

    ADMIN stands for administrators of the installation; ANYBODY for everyone signed in, where
    `.visible_to` alone decides: for looking, and for what is one's own.
    """

    scope: Scope
    role: str


_TABLE: dict[str, Rule] = {}


def declare(rules: Mapping[str, Rule]) -> None:
    """Add a room's actions to the table; a name twice stops the start."""
    for action, rule in rules.items():
        if _TABLE.get(action, rule) != rule:
            raise ValueError(f"two rules for {action!r}")
        _TABLE[action] = rule


def table() -> dict[str, Rule]:
    """Return all rules by action, for docs and tests."""
    return dict(sorted(_TABLE.items()))


def may(by: Actor, action: str, teams: Iterable[int] = ()) -> bool:
    """Say whether the actor may do this to an object of these teams. The system may."""
    rule = _TABLE[action]
    if by.user is None:
        return True
    if not by.user.is_active or not by.has_scope(rule.scope):
        return False
    if by.user.is_superuser or rule.role == ANYBODY:
        return True
    if rule.role == ADMIN:
        return False
    needed = Role(rule.role).rank
    roles = by.user.roles
    return any(team in roles and roles[team].rank >= needed for team in teams)


def demand(by: Actor, action: str, teams: Iterable[int] = ()) -> None:
    """Raise Forbidden, saying what is missing, unless `may`."""
    if may(by, action, teams):
        return
    rule = _TABLE[action]
    if not by.has_scope(rule.scope):
        raise Forbidden(f"This key lacks the scope {rule.scope.value!r} that {action} needs.")
    who = "an administrator" if rule.role == ADMIN else f"a team member with role {rule.role}"
    raise Forbidden(f"{action} needs {who} or more.")


declare(
    {
        "team.view": Rule(Scope.READ, ANYBODY),
        "team.create": Rule(Scope.ADMIN, ADMIN),
        "team.change": Rule(Scope.WRITE, Role.OWNER),
        "team.delete": Rule(Scope.ADMIN, ADMIN),
        "user.view": Rule(Scope.READ, ANYBODY),
        "user.change": Rule(Scope.ADMIN, ADMIN),
        "setting.view": Rule(Scope.ADMIN, ADMIN),
        "setting.change": Rule(Scope.ADMIN, ADMIN),
        "audit.view": Rule(Scope.READ, ANYBODY),
        "key.view": Rule(Scope.READ, ANYBODY),
        "key.change": Rule(Scope.WRITE, ANYBODY),
    }
)
