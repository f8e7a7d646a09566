"""People, teams, keys and links: the verbs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from whoosh_site.core import services
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, NotFound
from whoosh_site.core.models import ApiKey, AuditEntry, Membership, OneTimeLink, Role, Team, User

pytestmark = pytest.mark.django_db


def key_of(user, *scopes, **more) -> ApiKey:
    return services.create_api_key(user=user, name="k", scopes=scopes, by=SYSTEM, **more)[0]


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


# -- keys --------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_kept_as_a_hash(people):
    key, text = services.create_api_key(
        user=people.member, name="  cli ", scopes=["read", "read"], by=Actor(people.member)
    )
    assert text not in str(vars(key))
    assert (key.name, key.scopes) == ("cli", ["read"])
    assert actions() == ["created"]


@pytest.mark.parametrize("scopes", [[], ["fly"], ["read", "fly"]])
def test_a_key_without_a_known_scope_is_refused(people, scopes):
    with pytest.raises(BadInput, match="There are:"):
        key_of(people.member, *scopes)


def test_a_key_cannot_make_a_wider_one(people):
    by = Actor(people.member, key_of(people.member, "read"))
    with pytest.raises(Forbidden, match="write"):
        services.create_api_key(user=people.member, name="k", scopes=["write"], by=by)


def test_a_key_made_by_a_key_ends_with_it(people):
    maker = key_of(people.member, "read", expires_in=timedelta(days=1))
    made, _ = services.create_api_key(
        user=people.member,
        name="k",
        scopes=["read"],
        by=Actor(people.member, maker),
        expires_in=timedelta(days=9),
    )
    assert made.expires_at == maker.expires_at


def test_only_an_administrator_makes_or_revokes_keys_of_others(people):
    with pytest.raises(Forbidden):
        services.create_api_key(
            user=people.member, name="k", scopes=["read"], by=Actor(people.owner)
        )
    key = key_of(people.member, "read")
    with pytest.raises(Forbidden):
        services.revoke_api_key(key, by=Actor(people.owner))
    services.revoke_api_key(key, by=Actor(people.admin))
    assert not ApiKey.objects.exists()
    assert actions()[-1] == "revoked"


def test_a_person_has_fifty_keys_at_most(people):
    for _ in range(services.MOST_KEYS):
        key_of(people.member, "read")
    with pytest.raises(BadInput, match="revoke one"):
        key_of(people.member, "read")


# -- the first administrator -------------------------------------------------------------------


def set_up(token, password="a-long-pass-word-1"):
    return services.set_up(token, username="ada", email="ada@example.org", password=password)


def token_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def test_the_set_up_link_makes_one_administrator_who_owns_the_team():
    token = token_of(OneTimeLink.make(OneTimeLink.Purpose.SETUP))
    user = set_up(token)
    assert (user.is_superuser, user.is_staff) == (True, True)
    assert Membership.objects.get(user=user).role == Role.OWNER
    with pytest.raises(NotFound, match="again"):
        set_up(token)
    assert User.objects.count() == 1


def test_a_weak_password_does_not_use_the_link_up():
    token = token_of(OneTimeLink.make(OneTimeLink.Purpose.SETUP))
    with pytest.raises(BadInput):
        set_up(token, "1234")
    assert not User.objects.exists()
    assert set_up(token).check_password("a-long-pass-word-1")


def test_a_password_link_is_no_set_up_link(people):
    token = token_of(services.password_link(people.member, by=Actor(people.admin)))
    with pytest.raises(NotFound):
        set_up(token)
    user = services.set_password(token, password="a-long-pass-word-2")
    assert user == people.member
    with pytest.raises(NotFound):
        services.set_password(token, password="a-long-pass-word-3")


def test_an_old_link_is_no_link(people):
    token = token_of(services.password_link(people.member, by=Actor(people.admin)))
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        services.set_password(token, password="a-long-pass-word-2")


def test_only_administrators_make_password_links(people):
    with pytest.raises(Forbidden):
        services.password_link(people.member, by=Actor(people.owner))


# -- members -----------------------------------------------------------------------------------


def role_of(user, team) -> str | None:
    found = Membership.objects.filter(user=user, team=team).first()
    return found and found.role


def test_an_owner_adds_changes_and_removes_members(people):
    by = Actor(people.owner)
    services.set_member(people.ours, people.stranger, Role.VIEWER, by=by)
    assert role_of(people.stranger, people.ours) == Role.VIEWER
    services.set_member(people.ours, people.stranger, Role.EDITOR, by=by)
    assert role_of(people.stranger, people.ours) == Role.EDITOR
    services.set_member(people.ours, people.stranger, None, by=by)
    assert role_of(people.stranger, people.ours) is None
    assert actions() == ["set member"] * 3


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_others_change_no_membership(people, who):
    with pytest.raises(Forbidden):
        services.set_member(people.ours, people.viewer, Role.OWNER, by=Actor(getattr(people, who)))
    assert role_of(people.viewer, people.ours) == Role.VIEWER


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_the_last_owner_stays(people, role):
    with pytest.raises(Conflict, match="last owner"):
        services.set_member(people.ours, people.owner, role, by=Actor(people.admin))
    assert role_of(people.owner, people.ours) == Role.OWNER


def test_an_unknown_role_names_the_known_ones(people):
    with pytest.raises(BadInput, match="owner"):
        services.set_member(people.ours, people.viewer, "king", by=Actor(people.owner))


def test_who_is_no_member_cannot_be_removed(people):
    with pytest.raises(NotFound, match="no member"):
        services.set_member(people.ours, people.stranger, None, by=Actor(people.owner))


def test_a_fresh_installation_has_one_team():
    assert Team.objects.count() == 1
