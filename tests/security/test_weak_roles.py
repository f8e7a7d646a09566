"""F03: a role or key too weak does nothing, and nobody lifts themselves up."""

import pytest
from django.core.cache import cache

from agents.models import Call
from tests.security.routes import (
    JOIN,
    MUTATING,
    administration,
    pages,
    resources,
    routes,
    send,
)
from tests.security.world import rows
from whoosh_site.core.models import Membership, User
from whoosh_site.core.permissions import table

# What every signed-in person may send: about themselves.
OWN = {
    "/login/", "/logout/", "/welcome/{token}/", "/account/", "/account/password/",
    "/account/keys/", "/api/v1/keys/",
    JOIN,
}  # fmt: skip
BODIES = {
    "/api/v1/calls/": {"prompt": "hello"},
    "/api/v1/teams/": {"name": "Mine"},
    "/api/v1/users/": {"username": "puppet", "is_superuser": True},
    "/api/v1/capabilities/": {"name": "mine"},
    "/api/v1/agents/": {"name": "mine", "endpoint": "http://10.9.9.9:1"},
    "/api/v1/agents/examine/": {"endpoint": "http://10.9.9.9:1"},
    "/agents/discover/": {"targets": "10.9.9.9"},
    "/agents/discover/{pk}/register/": {"endpoint": "http://10.7.7.7:11434"},
    "/api/v1/discoveries/": {"targets": ["10.9.9.9"]},
    "/api/v1/discoveries/{pk}/register/": {"hosts": [{"endpoint": "http://10.7.7.7:11434"}]},
    "/api/v1/join-tokens/": {"name": "mine"},
    "/api/v1/settings/{key}/": {"value": 60},
    "/api/v1/teams/{pk}/": {"name": "Mine"},
    "/api/v1/teams/{pk}/members/": {"user": "viewer", "role": "owner"},
    "/api/v1/users/{pk}/": {"is_superuser": True},
    "/ask/": {"prompt": "hello"},
}


def post(client, url, body):
    return client.post(url, body, content_type="application/json")


def sent(client, world, found):
    """Return every change that was not refused."""
    return [
        f"{method} {url}: {answer.status_code}"
        for route in found
        for url in route.urls(world)
        for method in MUTATING
        for answer in [send(client, method, url, BODIES.get(route.path))]
        if answer.status_code not in (403, 404, 405)
    ]


def others(found):
    """Leave out what is one's own, and the doors of the administration."""
    return [route for route in found if route.path not in OWN]


@pytest.mark.sweep
def test_a_viewer_changes_nothing_by_pages(world, sign_in):
    """F03: generated from the URL conf."""
    client, before = sign_in(world.people.viewer), rows()
    assert sent(client, world, others(set(pages()) - set(administration()))) == []
    assert rows() == before


@pytest.mark.sweep
def test_a_viewer_changes_nothing_by_the_api(world, sign_in, with_key):
    """F03: by session or by a key with every scope."""
    for client in (sign_in(world.people.viewer), with_key(world.people.viewer)):
        before = rows()
        assert sent(client, world, others(resources())) == []
        assert rows() == before


def test_a_viewer_gets_no_403_for_a_thing_of_their_own_team_that_they_may_see(world, with_key):
    """F03, F01: 404 is for what is not theirs; what is refused says so."""
    client = with_key(world.people.viewer)
    for path in (f"agents/{world.agent.pk}/check/", f"calls/{world.call.pk}/cancel/"):
        answer = client.post(f"/api/v1/{path}")
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "forbidden"


@pytest.mark.sweep
def test_staff_who_are_no_administrators_change_nothing_in_the_administration(world, sign_in):
    """F03: staff may look at what their teams own; people, keys, settings stay shut."""
    world.people.viewer.is_staff = True
    world.people.viewer.save(update_fields=["is_staff"])
    client = sign_in(world.people.viewer, raise_request_exception=False)
    before = rows("admin.LogEntry")
    found = [r for r in administration() if r.path not in ("/admin/login/", "/admin/logout/")]
    changed = [
        f"{method} {url}: {answer.status_code}"
        for route in found
        for url in route.urls(world)
        for method in MUTATING
        for answer in [send(client, method, url, {"name": "Mine", "session_timeout": "60"})]
        if answer.status_code >= 500
    ]
    assert changed == []
    assert rows("admin.LogEntry") == before


@pytest.mark.parametrize("model", ["user", "apikey", "process", "lockout", "setting"])
def test_staff_who_are_no_administrators_do_not_enter(model, world, sign_in):
    """F03: not even to look."""
    world.people.owner.is_staff = True
    world.people.owner.save(update_fields=["is_staff"])
    client = sign_in(world.people.owner)
    assert client.get(f"/admin/core/{model}/").status_code == 403
    assert client.post(f"/admin/core/{model}/", {"session_timeout": 60}).status_code == 403
    assert client.get("/admin/").content.decode().count(f"/admin/core/{model}/") == 0


def test_staff_look_at_what_their_team_owns(world, sign_in):
    """F03: the other side: the administration works for them, read-only."""
    world.people.viewer.is_staff = True
    world.people.viewer.save(update_fields=["is_staff"])
    client = sign_in(world.people.viewer)
    for url in (
        "/admin/agents/agent/",
        f"/admin/agents/agent/{world.agent.pk}/change/",
        f"/admin/agents/agent/{world.agent.pk}/history/",
        f"/admin/agents/call/{world.call.pk}/change/",
    ):
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("action", ["drain", "disable", "check_now", "refresh_models"])
def test_actions_of_the_administration_ask_the_same_table(action, world, sign_in):
    """F03: staff without the role see the list, and its actions refuse each row."""
    world.people.viewer.is_staff = True
    world.people.viewer.save(update_fields=["is_staff"])
    before = rows()
    body = {"action": action, "_selected_action": world.agent.pk, "index": 0}
    answer = sign_in(world.people.viewer).post("/admin/agents/agent/", body, follow=True)
    assert rows() == before
    assert "needs a team member" in answer.content.decode()


@pytest.mark.parametrize("action", ["make_password_link", "switch_off", "delete_selected"])
def test_actions_on_people_are_for_administrators(action, world, sign_in):
    """F03: a staff member takes over nobody's account."""
    world.people.owner.is_staff = True
    world.people.owner.save(update_fields=["is_staff"])
    before = rows()
    body = {"action": action, "_selected_action": world.people.admin.pk, "index": 0}
    answer = sign_in(world.people.owner).post("/admin/core/user/", body)
    assert answer.status_code == 403
    assert rows() == before


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_nobody_lifts_themselves_up_by_the_api(who, world, with_key):
    """F03: flags of a user are an administrator's to set."""
    person = getattr(world.people, who)
    client = with_key(person)
    for url in (f"/api/v1/users/{person.pk}/", "/api/v1/users/me/"):
        body = {"is_superuser": True, "is_staff": True, "is_active": True, "password": "x" * 12}
        answer = client.patch(url, body, content_type="application/json")
        assert answer.status_code in (403, 405)
    found = User.objects.get(pk=person.pk)
    assert (found.is_superuser, found.is_staff) == (False, False)
    assert found.check_password("pass-word-1")


@pytest.mark.parametrize("who", ["owner", "member", "viewer"])
def test_the_account_page_takes_only_its_own_fields(who, world, sign_in):
    """F03: mass assignment by a form."""
    person = getattr(world.people, who)
    body = {
        "first_name": "A", "theme": "dark", "is_superuser": "on", "is_staff": "on", "pk": 1,
        "username": "admin", "memberships": "1", "roles": "owner", "role": "owner",
    }  # fmt: skip
    assert sign_in(person).post("/account/", body).status_code == 302
    found = User.objects.get(pk=person.pk)
    assert (found.is_superuser, found.is_staff, found.username) == (False, False, who)
    assert set(found.roles.values()) == {Membership.objects.get(user=person).role}


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_only_owners_give_roles(who, world, with_key):
    """F03: self-promotion by the list of members."""
    url = f"/api/v1/teams/{world.people.ours.pk}/members/"
    body = {"user": who, "role": "owner"}
    answer = with_key(getattr(world.people, who)).post(url, body, content_type="application/json")
    assert answer.status_code == (404 if who == "stranger" else 403)
    kept = Membership.objects.filter(user=getattr(world.people, who), role="owner")
    assert {m.team_id for m in kept} <= {world.people.theirs.pk}


def test_owners_manage_their_own_team_and_no_other(world, with_key):
    """F03: the other side."""
    client, post = with_key(world.people.owner), {"content_type": "application/json"}
    ours, theirs = world.people.ours.pk, world.people.theirs.pk
    body = {"user": "viewer", "role": "editor"}
    assert client.post(f"/api/v1/teams/{ours}/members/", body, **post).status_code == 200
    assert client.patch(f"/api/v1/teams/{ours}/", {"name": "New"}, **post).status_code == 200
    assert client.post(f"/api/v1/teams/{theirs}/members/", body, **post).status_code == 404
    assert client.delete(f"/api/v1/teams/{ours}/").status_code == 403


@pytest.mark.parametrize("name", ["stranger", "stranger@example.org", "ADMIN", "nobody"])
def test_owners_enlist_nobody_they_do_not_see(name, world, with_key):
    """F03: else they would read the address and the flags of anybody whose name they know."""
    client = with_key(world.people.owner)
    before, url = rows(), f"/api/v1/teams/{world.people.ours.pk}/members/"
    unknown = post(client, url, {"user": "no-such-name", "role": "viewer"})
    answer = post(client, url, {"user": name, "role": "viewer"})
    assert (answer.status_code, answer.content) == (404, unknown.content)
    taken = [client.delete(f"{url}{who}/") for who in ("no-such-name", name)]
    assert (taken[1].status_code, taken[1].content) == (404, taken[0].content)
    assert rows() == before


def test_a_mail_address_does_not_stand_for_the_name_of_somebody_unseen(world, with_key):
    """F03: who enters another's name as their address gets no role that was meant for them."""
    User.objects.create_user("boss@example.org", "", "boss-word-1")
    User.objects.filter(pk=world.people.viewer.pk).update(email="boss@example.org")
    url = f"/api/v1/teams/{world.people.ours.pk}/members/"
    body = {"user": "boss@example.org", "role": "owner"}
    assert post(with_key(world.people.owner), url, body).status_code == 404
    assert Membership.objects.get(user=world.people.viewer).role == "viewer"


def test_owners_add_people_of_another_team_of_theirs_and_administrators_anybody(world, with_key):
    """F03: the other side."""
    url = f"/api/v1/teams/{world.people.ours.pk}/members/"
    body = {"user": "stranger@example.org", "role": "viewer"}
    Membership.objects.create(team=world.people.theirs, user=world.people.owner, role="viewer")
    assert post(with_key(world.people.owner), url, body).status_code == 200
    Membership.objects.filter(team=world.people.ours, user=world.people.stranger).delete()
    assert post(with_key(world.people.admin), url, body).status_code == 200


def test_staff_who_own_a_team_enlist_nobody_in_the_administration(world, sign_in):
    """F03: its page of a team takes a new name from them, but no members."""
    world.people.owner.is_staff = True
    world.people.owner.save(update_fields=["is_staff"])
    client, team = sign_in(world.people.owner), world.people.ours
    body = {
        "name": "Renamed", "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0,
        "memberships-0-team": team.pk, "memberships-0-user": world.people.admin.pk,
        "memberships-0-role": "viewer",
    }  # fmt: skip
    url = f"/admin/core/team/{team.pk}/change/"
    assert "memberships" not in client.get(url).content.decode()
    assert client.post(url, body).status_code == 302
    assert not Membership.objects.filter(user=world.people.admin).exists()
    offered = {"app_label": "core", "model_name": "membership", "field_name": "user", "term": "a"}
    assert client.get("/admin/autocomplete/", offered).status_code == 403


def test_an_administrator_in_a_team_still_works_for_the_first_one(world):
    """F03: what administrators make is not given to whoever enlists them."""
    Membership.objects.create(team=world.people.theirs, user=world.people.admin, role="viewer")
    assert world.people.admin.home_team == world.people.ours
    assert world.people.stranger.home_team == world.people.theirs


READ_ONLY = {
    "agents": ["id", "builtin", "created_at", "status", "status_reason", "since", "in_flight",
               "flavour", "version", "models", "checked_at", "latency_ms"],
    "teams": ["id", "created_at", "members"],
    "users": ["id", "last_login"],
    "capabilities": ["id"],
}  # fmt: skip


@pytest.mark.parametrize("kind", READ_ONLY)
def test_read_only_fields_stay_as_they_are_even_for_administrators(kind, world, with_key):
    """F03: fields nobody sets are ignored or refused."""
    pk = {
        "agents": world.agent.pk,
        "teams": world.people.ours.pk,
        "users": world.people.viewer.pk,
        "capabilities": world.capability.pk,
    }[kind]
    client, url = with_key(world.people.admin), f"/api/v1/{kind}/{pk}/"
    before = client.get(url).json()
    body = {name: 7 if name in ("id", "in_flight") else "forged" for name in READ_ONLY[kind]}
    answer = client.patch(url, body, content_type="application/json")
    assert answer.status_code in (200, 400)
    after = client.get(url).json()
    assert {n: after[n] for n in READ_ONLY[kind]} == {n: before[n] for n in READ_ONLY[kind]}


def test_a_call_takes_nothing_but_the_wish(world, with_key):
    """F03: state, team by id, author, agent and answer are not the caller's to write."""
    forged = {
        "state": "success", "answer": "forged", "created_by": "admin",
        "team_id": world.people.theirs.pk, "api_key": 1, "owner": "me", "deaths": 99,
        "agent_name": "oak", "finished_at": "2020-01-01T00:00:00Z", "attempt": 9, "priority": 1,
        "source": "command", "reason": "because", "cancel_asked": True,
    }  # fmt: skip
    client = with_key(world.people.member)
    before = Call.objects.count()
    for name, value in forged.items():
        body = {"prompt": "hello", name: value}
        answer = client.post("/api/v1/calls/", body, content_type="application/json")
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [name])
    assert Call.objects.count() == before


def test_every_rule_of_the_table_names_who_and_with_which_scope():
    """F03: an action that changes something needs more than the scope to read."""
    looks = {action for action in table() if action.endswith(".view")}
    for action, rule in table().items():
        assert (rule.scope == "read") <= (action in looks), action
        own = action == "key.change"
        assert own or action in looks or rule.role != "anybody", action


def test_every_action_of_a_resource_has_a_rule(world):
    """F03: a view whose action is not in its table would ask nobody."""
    missing = []
    for route in resources():
        view = getattr(route.view, "cls", None)
        rules = getattr(view, "rules", None)
        if rules is not None:
            actions = {route.view.actions.get(method) for method in view.http_method_names}
            missing += [f"{view.__name__}.{action}" for action in actions - set(rules) - {None}]
    assert missing == []


def test_a_lost_role_acts_at_once(world, sign_in, with_key):
    """F03: roles are read with every request, for sessions and keys alike."""
    person, path = world.people.member, f"/api/v1/calls/{world.call.pk}/"
    clients = (sign_in(person), with_key(person))
    assert [client.get(path).status_code for client in clients] == [200, 200]
    Membership.objects.filter(user=person).delete()
    assert [client.get(path).status_code for client in clients] == [404, 404]


def test_a_demoted_administrator_loses_the_scope_of_old_keys(world, with_key):
    """F03, F04: the scope admin is no more than its owner is."""
    client = with_key(world.people.admin)
    assert client.get("/api/v1/settings/").status_code == 200
    User.objects.filter(pk=world.people.admin.pk).update(is_superuser=False)
    cache.clear()
    assert client.get("/api/v1/settings/").status_code == 403
    assert client.get(f"/api/v1/agents/{world.agent.pk}/").status_code == 404


def test_no_address_is_left_out_of_these_sweeps():
    """F03: pages, resources and the administration are all there is."""
    assert set(routes()) == set(pages()) | set(resources())
    assert len(administration()) > 50
    assert len(resources()) > 25
