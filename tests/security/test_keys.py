"""F04, F05: what a key may do, how it is sent, how it is kept, when it dies."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.security.routes import JOIN, MUTATING, resources, send
from tests.security.world import dump, rows
from whoosh_site.core import services
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.models import ApiKey, AuditEntry, User

SPELLINGS = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "token": lambda key: {"authorization": f"Token {key}"},
    "api-key": lambda key: {"authorization": f"Api-Key {key}"},
    "upper case": lambda key: {"authorization": f"BEARER {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
}


def a_key(user, *scopes, **more):
    """Return a fresh key and its text."""
    return services.create_api_key(user=user, name="k", scopes=scopes, by=SYSTEM, **more)


def post(client, url, body):
    return client.post(url, body, content_type="application/json")


@pytest.mark.sweep
def test_every_spelling_of_a_key_decides_alike(world):
    """F04: the same requests, the same answers, however the key is sent."""
    _, text = a_key(world.people.admin, "read", "run")
    asked = [
        (method, url)
        for route in resources()
        if "schema" not in route.path and "examine" not in route.path
        for url in route.urls(world, missing=True)
        for method in ("get", *MUTATING)
    ]
    decided = {}
    for name, headers in SPELLINGS.items():
        client = Client(headers=headers(text))
        decided[name] = [send(client, method, url).status_code for method, url in asked]
    assert set(map(tuple, decided.values())) == {tuple(decided["bearer"])}


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "token", "access_token", "bearer",
                                  "authorization", "Authorization", "x-api-key"])  # fmt: skip
def test_a_key_in_the_query_string_opens_nothing(name, world):
    """F04."""
    _, text = a_key(world.people.admin, "read")
    for value in (text, f"Bearer {text}"):
        assert Client().get("/api/v1/users/me/", {name: value}).status_code == 401


@pytest.mark.parametrize("name", ["sessionid", "api_key", "token", "Authorization"])
def test_a_key_in_a_cookie_or_body_opens_nothing(name, world):
    """F04."""
    _, text = a_key(world.people.admin, "read", "run")
    client = Client()
    client.cookies[name] = text
    assert client.get("/api/v1/users/me/").status_code == 401
    assert post(client, "/api/v1/calls/", {name: text, "prompt": "x"}).status_code == 401


@pytest.mark.parametrize(
    "header", ["Basic {}", "Digest {}", "{}", "Bearer", "Bearer ", "Bearer  x"]
)
def test_other_schemes_are_refused_with_the_way_to_do_it(header, world):
    """F04: 401 with the scheme that works, and no fall-back to a session beside it."""
    _, text = a_key(world.people.admin, "read")
    client = Client(headers={"authorization": header.format(text)})
    client.force_login(world.people.admin)
    answer = client.get("/api/v1/users/me/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_key_opens_no_page_and_no_administration(world):
    """F04: keys are for the API; pages want a session."""
    _, text = a_key(world.people.admin, "read", "run", "write", "admin")
    for headers in SPELLINGS.values():
        for url in ("/", "/account/", "/agents/", "/admin/"):
            assert Client(headers=headers(text)).get(url).status_code == 302


def test_a_key_that_may_read_changes_nothing(world):
    """F04: generated from the URL conf, by an administrator's own key."""
    _, text = a_key(world.people.admin, "read")
    client, before = Client(headers={"x-api-key": text}), rows()
    changed = [
        f"{method} {url}: {answer.status_code}"
        for route in resources()
        for url in route.urls(world)
        for method in MUTATING
        for answer in [send(client, method, url)]
        if answer.status_code not in (403, 405) and route.path != JOIN
    ]
    assert changed == []
    assert rows() == before


@pytest.mark.parametrize("scopes", [["run"], ["write"], ["admin"], ["run", "write", "admin"]])
def test_a_key_without_the_scope_to_read_sees_nothing(scopes, world):
    """F04: scopes are no ladder."""
    _, text = a_key(world.people.admin, *scopes)
    client = Client(headers={"x-api-key": text})
    not_by_scope = ("/api/v1/schema/", JOIN)
    by_scope_admin = ("settings", "discoveries", "join-tokens", "join-requests")
    seen = [
        url
        for route in resources()
        if route.path not in not_by_scope and not any(word in route.path for word in by_scope_admin)
        for url in route.urls(world)
        if client.get(url).status_code not in (403, 405)
    ]
    assert seen == []


@pytest.mark.parametrize(
    "wanted",
    [
        ["*"],
        ["all"],
        ["read", "*"],
        ["root"],
        ["READ"],
        [],
        ["read:admin"],
        "*",
        [["admin"]],
        [None],
        [{"admin": 1}],
    ],
)
def test_wildcards_and_made_up_scopes_are_refused(wanted, world, with_key):
    """F04."""
    body = {"name": "k", "scopes": wanted}
    answer = post(with_key(world.people.admin), "/api/v1/keys/", body)
    assert answer.status_code == 400
    assert not ApiKey.objects.filter(name="k").exists()


@pytest.mark.parametrize("wanted", ["read", "run", "admin"])
def test_a_key_hands_on_no_scope_it_lacks(wanted, world):
    """F04: a new key's scopes are a subset of its maker's."""
    _, text = a_key(world.people.admin, "write")
    client = Client(headers={"x-api-key": text})
    answer = post(client, "/api/v1/keys/", {"name": "child", "scopes": ["write", wanted]})
    assert answer.status_code == 403
    assert not ApiKey.objects.filter(name="child").exists()


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_only_administrators_make_keys_with_the_scope_admin(who, world, sign_in, with_key):
    """F04: neither by API, nor by session, nor by the page."""
    person = getattr(world.people, who)
    body = {"name": "lifted", "scopes": ["admin"]}
    assert post(with_key(person), "/api/v1/keys/", body).status_code == 403
    assert post(sign_in(person), "/api/v1/keys/", body).status_code == 403
    assert sign_in(person).post("/account/keys/", body).status_code == 422
    assert not ApiKey.objects.filter(name="lifted").exists()


def test_a_key_outlives_none_that_made_it(world):
    """F04: a key that expires cannot make one that does not."""
    _, text = a_key(world.people.owner, "read", "write", expires_in=timedelta(hours=1))
    client = Client(headers={"x-api-key": text})
    for days in (None, 3650):
        body = {"name": "child", "scopes": ["read"]} | ({"expires_in_days": days} if days else {})
        answer = post(client, "/api/v1/keys/", body)
        assert answer.status_code == 201
        made = ApiKey.objects.get(pk=answer.json()["id"])
        assert made.expires_at <= timezone.now() + timedelta(hours=1)


def test_a_revoked_key_takes_the_keys_it_made_with_it(world, sign_in):
    """F04: who used a leaked key keeps none; the trail names each."""
    top, text = a_key(world.people.owner, "read", "write")
    texts = []
    for _ in range(3):
        client = Client(headers={"x-api-key": text})
        made = post(client, "/api/v1/keys/", {"name": "child", "scopes": ["read", "write"]})
        text = made.json()["key"]
        texts.append(text)
    other, _ = a_key(world.people.owner, "read")
    assert sign_in(world.people.owner).post(f"/account/keys/{top.pk}/revoke/").status_code == 302
    assert [ApiKey.find(text) for text in texts] == [None] * 3
    assert ApiKey.objects.filter(pk=other.pk).exists()
    assert AuditEntry.objects.filter(action="revoked").count() == 4


def test_revoking_in_the_administration_takes_them_along_too(world, sign_in):
    """F04: one or many, each revoked once in the trail."""
    client, by = sign_in(world.people.admin), world.people.owner
    for way in ("page", "action"):
        top, _ = a_key(by, "read")
        child, _ = services.create_api_key(user=by, name="c", scopes=["read"], by=Actor(by, top))
        if way == "page":
            client.post(f"/admin/core/apikey/{top.pk}/delete/", {"post": "yes"})
        else:
            chosen = {"_selected_action": [top.pk, child.pk], "post": "yes"}
            client.post("/admin/core/apikey/", chosen | {"action": "delete_selected"})
        assert not ApiKey.objects.filter(pk__in=[top.pk, child.pk]).exists()
        told = AuditEntry.objects.filter(target_type="core.ApiKey", action="revoked")
        told = told.filter(target_id__in=[str(top.pk), str(child.pk)])
        assert sorted(told.values_list("target_id", flat=True)) == sorted(
            [str(top.pk), str(child.pk)]
        )


def test_a_key_is_made_for_nobody_else(world, with_key):
    """F04: mass assignment of user, prefix, digest and dates."""
    body = {
        "name": "k2", "scopes": ["read"], "user": "owner", "prefix": "00000000",
        "last_used_at": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    client = with_key(world.people.viewer)
    for more in ({"user_id": world.people.owner.pk}, {"digest": "0" * 64}):
        assert post(client, "/api/v1/keys/", body | more).status_code == 400
    answer = post(client, "/api/v1/keys/", body)
    assert answer.status_code == 201
    made = ApiKey.objects.get(pk=answer.json()["id"])
    assert (made.user, made.last_used_at) == (world.people.viewer, None)
    assert made.prefix != "00000000"


def test_other_peoples_keys_are_revoked_with_the_scope_admin_only(world):
    """F04: an administrator's key for writing does not cut off colleagues."""
    _, writes = a_key(world.people.admin, "write")
    _, rules = a_key(world.people.admin, "write", "admin")
    url = f"/api/v1/keys/{world.key.pk}/"
    assert Client(headers={"x-api-key": writes}).delete(url).status_code == 403
    assert ApiKey.objects.filter(pk=world.key.pk).exists()
    assert Client(headers={"x-api-key": rules}).delete(url).status_code == 204


def test_a_session_beside_a_weak_key_adds_nothing(world):
    """F04: one request, one identity: the key's."""
    _, text = a_key(world.people.admin, "read")
    client = Client(headers={"authorization": f"Bearer {text}"})
    client.force_login(world.people.admin)
    assert post(client, "/api/v1/calls/", {"prompt": "x"}).status_code == 403


# -- F05 -----------------------------------------------------------------------------------------


def test_the_database_holds_a_hash_and_a_prefix(world, sign_in):
    """F05: neither the text nor its secret part is in any table, audit and sessions included."""
    sign_in(world.people.owner).post("/account/keys/", {"name": "page", "scopes": ["read"]})
    _, text = a_key(world.people.owner, "read")
    everything = dump()
    for found in (text, world.key_text):
        _, prefix, secret = found.split("_", 2)
        assert found not in everything
        assert secret not in everything
        assert prefix in everything


def test_a_key_is_shown_once(world, sign_in, with_key):
    """F05: in the answer that made it, and nowhere after."""
    client = with_key(world.people.owner)
    text = post(client, "/api/v1/keys/", {"name": "k", "scopes": ["read"]}).json()["key"]
    browser, secret = sign_in(world.people.owner), text.split("_", 2)[2]
    for found in (client.get("/api/v1/keys/"), browser.get("/account/"), browser.get("/")):
        assert secret not in found.content.decode()
    assert all(row["key"] is None for row in client.get("/api/v1/keys/").json()["results"])


def test_the_page_shows_a_key_once(world, sign_in):
    """F05: reloading the account page does not bring it back."""
    browser = sign_in(world.people.owner)
    answer = browser.post("/account/keys/", {"name": "k", "scopes": ["read"]}, follow=True)
    text = answer.context["fresh_text"]
    assert text in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert text not in browser.get("/account/").content.decode()


@pytest.mark.parametrize("end", ["deleted", "switched off", "expired", "revoked"])
def test_a_key_dies_at_once(end, world):
    """F05: no memory of it survives in the process."""
    person = world.people.member
    key, text = a_key(person, "read")
    client = Client(headers={"x-api-key": text})
    assert client.get("/api/v1/users/me/").status_code == 200
    if end == "deleted":
        person.delete()
    elif end == "switched off":
        User.objects.filter(pk=person.pk).update(is_active=False)
    elif end == "expired":
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    else:
        services.revoke_api_key(key, by=SYSTEM)
    assert client.get("/api/v1/users/me/").status_code == 401


def test_dead_and_unknown_keys_get_one_answer(world):
    """F05: an answer does not tell an expired key from one that never was."""
    key, expired = a_key(world.people.member, "read", expires_in=timedelta(seconds=-1))
    wrong = f"whoosh_{key.prefix}_{'x' * 43}"
    answers = {
        Client(headers={"x-api-key": text}).get("/api/v1/users/me/").content
        for text in (expired, wrong, "whoosh_00000000_x", "nonsense", "sk-123", "whoosh__", "_")
    }
    assert len(answers) == 1


def test_keys_are_compared_in_constant_time(world, monkeypatch):
    """F05: known and unknown prefixes alike end in one comparison of digests."""
    import hmac

    compared, real = [], hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(len(a)) or real(a, b))
    key, _ = a_key(world.people.member, "read")
    for text in (f"whoosh_{key.prefix}_{'x' * 43}", f"whoosh_00000000_{'x' * 43}"):
        compared.clear()
        assert ApiKey.find(text) is None
        assert compared == [64]


@pytest.mark.parametrize(
    "text",
    [
        "whoosh_\x00_x",
        "whoosh_\x00\x00\x00\x00_\x00",
        "whoosh_%_%",
        "whoosh_' OR 1=1 --_x",
        "whoosh_é_x",
        "whoosh_" + "_" * 9000,
    ],
)
def test_strange_keys_are_wrong_keys(text, world):
    """F05, F15: what no database column holds, and what SQL would like."""
    client = Client(headers={"x-api-key": text}, raise_request_exception=False)
    assert client.get("/api/v1/users/me/").status_code in (400, 401)


def test_the_command_prints_the_key_alone_and_keeps_no_copy(world, capsys):
    """F05."""
    call_command("create_api_key", "owner", "--scope", "read")
    text = capsys.readouterr().out.splitlines()[-1]
    assert ApiKey.find(text).user == world.people.owner
    assert text.split("_", 2)[2] not in dump()


def test_the_trail_tells_of_keys_but_not_their_text(world, with_key):
    """F05, F06."""
    client = with_key(world.people.owner)
    made = post(client, "/api/v1/keys/", {"name": "k", "scopes": ["read"]}).json()
    client.delete(f"/api/v1/keys/{made['id']}/")
    cache.clear()
    lines = AuditEntry.objects.filter(target_type="core.ApiKey", target__startswith="k ")
    assert {line.action for line in lines} == {"created", "revoked"}
    assert all(made["key"][20:] not in f"{line.target}{line.details}" for line in lines)
