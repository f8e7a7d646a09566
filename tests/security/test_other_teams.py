"""F01: what belongs to another team does not exist."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests.security.routes import (
    METHODS,
    MUTATING,
    NOBODYS,
    OURS,
    administration,
    pages,
    resources,
    routes,
    send,
)
from tests.security.world import CANARY, rows

NAMES = (
    "oak", "Our oak", "our-skill", "ours-model", "Our question", "Our key", "Our card", "Our team",
    "Our rack", "our-elm", "10.7.7.7", "Our workflow", "our-path", "Our item", "Our error", CANARY,
)  # fmt: skip


@pytest.fixture
def stranger(world, sign_in):
    """A browser of the owner of another team."""
    return sign_in(world.people.stranger, raise_request_exception=False)


@pytest.fixture
def staff_stranger(world, sign_in):
    """The same person, let into the administration."""
    world.people.stranger.is_staff = True
    world.people.stranger.save(update_fields=["is_staff"])
    return sign_in(world.people.stranger, raise_request_exception=False)


def shut(answer):
    """Whether a request was turned away; the administration sends people by its own sign-in."""
    way = answer.headers.get("Location", "")
    says_methods_only = answer.status_code == 200 and "Allow" in answer and not answer.content
    turned_away = way == "/admin/" or way.startswith(("/login/", "/admin/login/"))
    return answer.status_code in (401, 403, 405) or turned_away or says_methods_only


def refused(client, world, found, allowed):
    """Return every request that another team's object answered differently from a missing one."""
    problems = []
    for route in found:
        there, missing = route.urls(world), route.urls(world, missing=True)
        for url, other in zip(there, missing, strict=True):
            for method in METHODS:
                answer, expected = send(client, method, url), send(client, method, other)
                same = answer.status_code == expected.status_code
                if not same or answer.status_code not in allowed:
                    problems.append(f"{method} {url}: {answer.status_code}")
                text = answer.content.decode()
                problems += [f"{method} {url} shows {name}" for name in NAMES if name in text]
    return problems


def test_every_address_with_an_id_is_in_the_table():
    """F01: a room that adds an address must say what its ids stand for."""
    unknown = {kind for route in routes() for kind in route.kinds} - set(OURS) - set(NOBODYS)
    assert not unknown, f"add {sorted(unknown)} to the tables in tests/security/routes.py"


@pytest.mark.sweep
def test_pages_of_another_teams_objects_do_not_exist(world, stranger):
    """F01."""
    before = rows()
    found = [route for route in pages() if route.of_a_team and route not in administration()]
    assert refused(stranger, world, found, {404, 405}) == []
    assert rows() == before


@pytest.mark.sweep
def test_resources_of_another_team_do_not_exist(world, stranger, with_key):
    """F01: the same by session and by a key with every scope."""
    before = rows()
    found = [route for route in resources() if route.of_a_team]
    for client in (stranger, with_key(world.people.stranger)):
        before = rows()
        client.raise_request_exception = False
        # OPTIONS describes the resource, never a row.
        assert refused(client, world, found, {200, 404, 405}) == []
        assert rows() == before


@pytest.mark.sweep
def test_no_method_but_options_succeeds_on_another_teams_resource(world, stranger):
    """F01."""
    succeeded = [
        f"{method} {url}"
        for route in resources()
        if route.of_a_team
        for url in route.urls(world)
        for method in ("get", "head", *MUTATING)
        if send(stranger, method, url).status_code not in (404, 405)
    ]
    assert succeeded == []


@pytest.mark.sweep
def test_the_administration_is_closed_to_people_who_are_no_staff(world, stranger):
    """F01, F03."""
    before = rows()
    entered = [
        f"{method} {url}"
        for route in administration()
        for url in route.urls(world)
        for method in METHODS
        if not shut(send(stranger, method, url))
    ]
    assert entered == []
    assert rows() == before


@pytest.mark.sweep
def test_staff_of_another_team_find_none_of_our_objects(world, staff_stranger):
    """F01: Django answers a row it may not show with a redirect to the first page."""
    before = rows()
    found = [route for route in administration() if route.of_a_team]
    assert refused(staff_stranger, world, found, {302, 403, 404, 405}) == []
    assert rows() == before


def test_no_list_of_the_administration_names_what_other_teams_have(world, staff_stranger):
    """F01: neither rows nor filters, searches and choices beside them."""
    shown = []
    for route in administration():
        for url in [] if route.of_a_team else route.urls(world):
            answer = staff_stranger.get(url, follow=True)
            text = answer.content.decode()
            shown += [f"{url}: {name}" for name in NAMES if name in text]
            shown += [f"{url}: {answer.status_code}"] * (answer.status_code >= 500)
    assert shown == []


def test_staff_choose_only_from_their_own_teams(world, staff_stranger):
    """F01: what the fields of a form offer is asked from another address."""
    fields = [
        ("agents", "agentcapability", "capability"),
        ("core", "membership", "team"),
        ("core", "membership", "user"),
        ("agents", "agent", "team"),
        ("core", "apikey", "user"),
    ]
    for app, model, name in fields:
        asked = {"app_label": app, "model_name": model, "field_name": name, "term": ""}
        answer = staff_stranger.get("/admin/autocomplete/", asked)
        assert answer.status_code in (200, 403)
        assert not [name for name in NAMES if name in answer.content.decode()]


def test_lists_and_search_show_nothing_of_another_team(world, stranger, with_key):
    """F01: every page and list without an id."""
    shown = []
    for client in (stranger, with_key(world.people.stranger)):
        for route in routes():
            for url in [] if route.of_a_team or route in administration() else route.urls(world):
                asked = {"q": "our"} if "search" in url else {}
                text = client.get(url, asked).content.decode()
                shown += [f"{url}: {name}" for name in NAMES if name in text]
    assert shown == []


def test_live_fragments_of_one_audience_never_reach_another(world, stranger, sign_in):
    """F01: fragments are kept for all who see the same; others do not share them."""
    world.people.owner.refresh_from_db()
    insider = sign_in(world.people.owner)
    from whoosh_site.core.live.hub import hub

    hub.tick = max(hub.tick, 1)
    for route in pages():
        for url in route.urls(world):
            for name in route.fragments:
                asked = {"fragment": name, "tick": str(hub.tick)}
                insider.get(url, asked)
                text = stranger.get(url, asked).content.decode()
                assert not [found for found in NAMES if found in text], url


def test_ids_inside_bodies_are_checked_like_those_in_addresses(world, with_key):
    """F01: a team of others is as unknown as one that does not exist."""
    client = with_key(world.people.stranger)
    body = {"prompt": "hello", "wait": 0}
    theirs, nowhere = (
        client.post("/api/v1/calls/", body | {"team": name}, content_type="application/json")
        for name in (world.people.ours.name, "No such team")
    )
    assert (theirs.status_code, nowhere.status_code) == (400, 400)
    same = theirs.content.decode().replace(world.people.ours.name, "No such team")
    assert same == nowhere.content.decode()


def test_names_in_bodies_reach_no_agent_of_another_team(world, with_key):
    """F01: agent, model and capability are looked up within the caller's team."""
    client = with_key(world.people.stranger)
    for field, name in (("agent", "oak"), ("model", "ours-model:8b"), ("capability", "our-skill")):
        body = {"prompt": "hello", field: name}
        answer = client.post("/api/v1/calls/", body, content_type="application/json")
        assert answer.status_code == 404
        assert answer.json()["error"]["details"] == {"existing": []}


def test_a_shared_agent_tells_its_guests_no_other_teams_names(world, make_agent, with_key):
    """F01: guests see the agent, not whom else it is shared with."""
    from whoosh_site.core.models import Team

    secret = Team.objects.create(name="Secret team")
    world.agent.shared_with.set([world.people.theirs, secret])
    answer = with_key(world.people.stranger).get(f"/api/v1/agents/{world.agent.pk}/")
    assert answer.status_code == 200
    assert "Secret team" not in answer.content.decode()


def test_an_idempotency_key_of_somebody_else_brings_nothing_back(world, with_key):
    """F01: answers are kept by person."""
    body = {"prompt": "hello"}
    headers = {"idempotency-key": "same"}
    for person in (world.people.member, world.people.stranger):
        answer = with_key(person).post(
            "/api/v1/calls/", body, content_type="application/json", headers=headers
        )
        assert answer.status_code == 202
        assert "Idempotent-Replay" not in answer.headers
        assert answer.json()["created_by"] == person.username


def test_a_kept_answer_is_gone_with_the_role_that_asked(world, with_key):
    """F01: repeating an old request shows no call of a team one has left."""
    from whoosh_site.core.models import Membership

    person, headers = world.people.member, {"idempotency-key": "once"}
    client, body = with_key(person), {"prompt": "hello"}
    post = {"content_type": "application/json", "headers": headers}
    assert client.post("/api/v1/calls/", body, **post).status_code == 202
    Membership.objects.filter(user=person).update(team=world.people.theirs)
    cache.clear()
    assert client.post("/api/v1/calls/", body, **post).status_code == 404


@pytest.mark.sweep
def test_the_anonymous_see_only_the_door(world, anonymous):
    """F01, F12: every address leads to the sign-in or answers 401, whatever the method."""
    from tests.security.routes import PUBLIC

    before, entered = rows(), []
    for route in routes():
        for url in [] if route.path in PUBLIC else route.urls(world):
            for method in METHODS:
                answer = send(anonymous, method, url)
                if not shut(answer) or answer.status_code == 403:
                    entered.append(f"{method} {url}: {answer.status_code}")
    assert entered == []
    assert rows() == before


@pytest.mark.parametrize(
    "path",
    [
        "/var/whoosh.sqlite3",
        "/static/../var/secret.key",
        "/static/%2e%2e/%2e%2e/manage.py",
        "/static/..%2fmanage.py",
        "/.git/config",
        "/.env",
        "/manage.py",
        "/media/",
        "/files/",
        "/static/",
        "/__debug__/",
        "/metrics",
    ],
)
def test_nothing_of_the_server_is_served(path, db):
    """F01: neither state, nor sources, nor folders."""
    assert Client().get(path).status_code in (404, 400)
