"""The one table of permissions."""

import pytest

from whoosh_site.core import permissions
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Forbidden
from whoosh_site.core.models import ApiKey, Role
from whoosh_site.core.models.access import Scope
from whoosh_site.core.permissions import ADMIN, ANYBODY, Rule, demand, may, table

LADDER = {"viewer": 0, "member": 1, "owner": 2}
PEOPLE = ["admin", "owner", "member", "viewer", "stranger"]
ACTIONS = sorted(table().items())


@pytest.fixture
def rules(monkeypatch):
    """A table of this test alone, with one action for each role."""
    monkeypatch.setattr(permissions, "_TABLE", {})
    permissions.declare(
        {
            "see": Rule(Scope.READ, Role.VIEWER),
            "start": Rule(Scope.RUN, Role.EDITOR),
            "own": Rule(Scope.WRITE, Role.OWNER),
            "rule": Rule(Scope.ADMIN, ADMIN),
            "knock": Rule(Scope.READ, ANYBODY),
        }
    )


def key_of(user, *scopes):
    return Actor(user, ApiKey(user=user, scopes=list(scopes)))


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("see", ["admin", "owner", "member", "viewer"]),
        ("start", ["admin", "owner", "member"]),
        ("own", ["admin", "owner"]),
        ("rule", ["admin"]),
        ("knock", PEOPLE),
    ],
)
def test_each_role_includes_the_ones_below(people, rules, action, who):
    allowed = [
        name for name in PEOPLE if may(Actor(getattr(people, name)), action, [people.ours.pk])
    ]
    assert allowed == who


def test_a_role_in_any_of_the_teams_is_enough(people, rules):
    assert may(Actor(people.stranger), "own", [people.ours.pk, people.theirs.pk])
    assert not may(Actor(people.stranger), "own", [people.ours.pk])


def test_without_a_team_only_admins_do_what_needs_a_role(people, rules):
    assert not may(Actor(people.owner), "see")
    assert may(Actor(people.admin), "see")


def test_the_system_may_do_everything(rules):
    assert all(may(SYSTEM, action) for action in table())


@pytest.mark.parametrize("name", ["admin", "owner"])
def test_somebody_switched_off_may_do_nothing(people, rules, name):
    user = getattr(people, name)
    user.is_active = False
    assert not any(may(Actor(user), action, [people.ours.pk]) for action in table())


def test_a_key_acts_within_its_scopes(people, rules):
    actor = key_of(people.owner, "read", "run")
    done = [action for action in table() if may(actor, action, [people.ours.pk])]
    assert done == ["knock", "see", "start"]


def test_a_key_never_widens_what_its_person_may(people, rules):
    actor = key_of(people.viewer, *Scope.values)
    done = [action for action in table() if may(actor, action, [people.ours.pk])]
    assert done == ["knock", "see"]


def test_even_an_admins_key_needs_the_scope(people, rules):
    assert not may(key_of(people.admin, "read"), "own", [people.ours.pk])
    assert may(key_of(people.admin, "admin"), "rule")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("own", "own needs a team member with role owner or more."),
        ("rule", "rule needs an administrator or more."),
    ],
)
def test_a_refusal_names_the_role_that_is_missing(people, rules, action, words):
    with pytest.raises(Forbidden, match=words):
        demand(Actor(people.member), action, [people.ours.pk])


def test_a_refusal_names_the_scope_that_is_missing(people, rules):
    with pytest.raises(Forbidden, match="This key lacks the scope 'run' that start needs"):
        demand(key_of(people.owner, "read"), "start", [people.ours.pk])


def test_what_is_allowed_is_not_refused(people, rules):
    demand(Actor(people.member), "start", [people.ours.pk])


def test_two_rules_for_one_action_stop_the_start(rules):
    permissions.declare({"see": Rule(Scope.READ, Role.VIEWER)})
    with pytest.raises(ValueError, match="two rules for 'see'"):
        permissions.declare({"see": Rule(Scope.READ, ANYBODY)})


def test_an_action_nobody_declared_is_an_error_not_a_yes(people):
    with pytest.raises(KeyError):
        may(Actor(people.admin), "no.such.action")


@pytest.mark.parametrize(("action", "rule"), ACTIONS)
def test_every_rule_of_the_product_is_sound(action, rule):
    room, _, verb = action.partition(".")
    assert room
    assert verb
    assert rule.role in (ADMIN, ANYBODY, *Role.values)
    assert (rule.scope == Scope.ADMIN) == (rule.role == ADMIN), "a scope as wide as the role"
    assert (verb.endswith("view")) == (rule.scope == Scope.READ) or rule.role == ADMIN
