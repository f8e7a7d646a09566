"""F04, F05, F09, C01, C09: hosts that join, and looking for hosts, open nothing else."""

import pytest
from django.test import Client
from django.utils import timezone

from agents import services
from agents.models import Agent, JoinRequest
from tests.security.hosts import echo, listening
from tests.security.routes import JOIN, METHODS, resources, routes, send
from tests.security.world import dump, rows
from whoosh_site.core import services as core
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import Lockout

BODY = {"name": "ash", "endpoint": "http://10.8.8.8:11434"}


def knock(text, *, sender="10.3.3.3", **said):
    """Ask to join with this token from another machine."""
    client = Client(headers={"authorization": f"Bearer {text}"}, REMOTE_ADDR=sender)
    return client.post(JOIN, BODY | said, content_type="application/json")


@pytest.mark.sweep
def test_a_join_token_opens_no_other_door(world):
    """F04: neither as a key, nor in another header, nor on a page."""
    text, before, entered = world.join_text, rows("core.Lockout"), []
    spellings = ({"authorization": f"Bearer {text}"}, {"authorization": f"Token {text}"},
                 {"x-api-key": text})  # fmt: skip
    for headers in spellings:
        client = Client(headers=headers, raise_request_exception=False)
        for route in [route for route in resources() if route.path != JOIN]:
            Lockout.objects.all().delete()
            for url in route.urls(world):
                codes = {send(client, method, url).status_code for method in METHODS}
                entered += [f"{url}: {codes}"] * bool(codes - {401})
        for route in [route for route in routes() if route.path in ("/", "/agents/", "/admin/")]:
            entered += [route.path] * (client.get(route.path).status_code != 302)
    assert entered == []
    assert rows("core.Lockout") == before


def test_who_one_is_counts_nothing_at_the_door_of_hosts(world, sign_in, with_key):
    """F04: an administrator's session or key lets no host in."""
    for client in (sign_in(world.people.admin), with_key(world.people.admin)):
        assert client.post(JOIN, BODY, content_type="application/json").status_code == 401
    assert not JoinRequest.objects.filter(name="ash").exists()


def test_a_right_token_beside_a_session_asks_as_the_token(world, sign_in):
    """F04: the trail names the token, and the team is the token's."""
    client = sign_in(world.people.stranger)
    headers = {"authorization": f"Bearer {world.join_text}"}
    answer = client.post(JOIN, BODY, content_type="application/json", headers=headers)
    assert answer.status_code == 202
    assert JoinRequest.objects.get(name="ash").team == world.people.ours


def test_the_database_holds_no_join_token(world):
    """F05: only a digest and the beginning."""
    assert world.join_text not in dump()
    assert world.join_text.split("_", 2)[2] not in dump()


def test_guessed_join_tokens_are_slowed_down_and_right_ones_are_not(world, clock):
    """F09: counted by address together with wrong keys."""
    codes = [knock(f"whooshjoin_{n:08}_x").status_code for n in range(40)]
    assert codes[:20] == [401] * 20
    assert set(codes[21:]) == {429}
    assert knock(world.join_text).status_code == 202
    assert knock("whooshjoin_x_x", sender="10.4.4.4").status_code == 401


def test_no_host_that_asks_makes_this_machine_call_anything(world):
    """C09: whatever address is claimed, nothing is contacted and no agent made."""
    with listening(echo(200, "dump")) as host:
        for sender in ("127.0.0.1", "10.3.3.3"):
            knock(world.join_text, sender=sender, endpoint=host.url, name=f"n-{sender}")
        assert host.heard == []
    assert Agent.objects.count() == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://100.100.100.200",
        "http://[::ffff:169.254.169.254]", "http://127.0.0.1:8000", "http://127.1", "http://0/",
        "http://[::1]:8000", "http://localhost.:80", "http://2130706433:80", "file:///etc/passwd",
        "gopher://10.0.0.1", "http://10.0.0.1#@127.0.0.1",
    ],
)  # fmt: skip
def test_an_address_nobody_may_reach_is_never_called(endpoint, world, with_key):
    """C01, C02: refused when it is claimed; or, where only its lookup tells, when approved."""
    answer = knock(world.join_text, endpoint=endpoint)
    if answer.status_code == 202:
        url = f"/api/v1/join-requests/{answer.json()['id']}/approve/"
        answer = with_key(world.people.admin).post(url, {}, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("endpoint: ")
    assert Agent.objects.count() == 1


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_no_scan_starts_for_anybody_but_an_administrator(who, world, sign_in, with_key):
    """C09: by page and by API, by session and by key."""
    person = getattr(world.people, who)
    browser, program = sign_in(person), with_key(person)
    before = rows()
    body = {"targets": ["127.0.0.1:80"]}
    for client in (browser, program):
        answer = client.post("/api/v1/discoveries/", body, content_type="application/json")
        assert answer.status_code == 403
        assert client.get("/api/v1/discoveries/").status_code == 403
    assert browser.post("/agents/discover/", {"targets": "127.0.0.1:80"}).status_code == 403
    assert rows() == before


@pytest.mark.parametrize("scopes", [["read"], ["read", "run"], ["read", "run", "write"]])
def test_an_administrators_key_without_the_scope_starts_no_scan(scopes, world):
    """F04: and makes no join token, and lets nobody in."""
    _, text = core.create_api_key(user=world.people.admin, name="k", scopes=scopes, by=SYSTEM)
    client = Client(headers={"authorization": f"Bearer {text}"})
    bodies = {
        "discoveries/": {"targets": ["10.0.0.1"]},
        "join-tokens/": {"name": "mine"},
        f"join-requests/{world.join_request.pk}/approve/": {},
        f"join-requests/{world.join_request.pk}/reject/": {},
        f"discoveries/{world.discovery.pk}/cancel/": {},
    }
    for path, body in bodies.items():
        answer = client.post(f"/api/v1/{path}", body, content_type="application/json")
        assert answer.status_code == 403, path
    assert client.delete(f"/api/v1/join-tokens/{world.join_token.pk}/").status_code == 403


def test_a_token_makes_no_request_of_another_team_visible(world):
    """F01: the same name and endpoint asked by two teams are two requests."""
    token, text = services.make_join_token(by=SYSTEM, team=world.people.theirs, name="theirs")
    theirs = knock(text, name="our-elm", endpoint=world.join_request.endpoint)
    assert theirs.json()["id"] != world.join_request.pk
    assert JoinRequest.objects.filter(name="our-elm").count() == 2


def test_an_expired_token_is_dead_at_once(world, clock):
    """F05."""
    clock.pass_by((world.join_token.expires_at - timezone.now()).total_seconds() + 1)
    assert knock(world.join_text).status_code == 401
