"""F15: what is typed into filters, searches, orders, cursors and bodies is only ever data."""

import base64
import json
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.test import Client

from tests.security.routes import JOIN, administration, resources, routes, send
from tests.security.world import rows

STRINGS = (
    "'",
    '"',
    "%",
    "\x00",
    "\\",
    "' OR '1'='1",
    "%s{0.__class__}{{7*7}}",
    "a__b__c",
    "-pk",
    "9" * 5000,
    "-1",
    "1e999",
    "٣",
    "[]",
    "",
)
CHAINS = (
    "team__name",
    "created_by__password",
    "created_by__password__startswith",
    "user__password",
    "agent__api_key__startswith",
    "memberships__user__password__regex",
    "team__memberships__user",
    "digest__startswith",
    "pk__in",
    "id__gt",
    "__all__",
    "a.b",
    "agents_agent.api_key",
    "_connector",
    "order_by",
    "ordering",
    "o",
    "sort",
    "fields",
    "extra",
    "select",
    "where",
    "annotate",
    "using",
)
PAGES_KNOW = ("q", "page", "state", "agent", "model", "capability", "fragment", "tick", "next")
LEAKS = (
    "SELECT",
    "FieldError",
    "psycopg",
    "sqlite3",
    "OperationalError",
    "Traceback",
    "ProgrammingError",
    "DataError",
    "syntax error",
    "core_user",
    "agents_agent",
)


@pytest.fixture
def client(world, sign_in):
    """The administrator's browser: what they may ask, nothing hides from."""
    return sign_in(world.people.admin, raise_request_exception=False)


def names_of(route):
    """Return every query parameter the resource knows."""
    view = getattr(route.view, "cls", None)
    filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
    return {*getattr(view, "filterset_fields", ()), *filters, "limit", "cursor", "format"}


def answers(client, url, asked):
    """Ask with each of these queries; return what went wrong."""
    return [
        wrong
        for name, value in asked
        for wrong in problems(client.get(url, {name: value}), f"{url}?{name}={value[:20]!r}")
    ]


def problems(answer, asked):
    """Return what is wrong with an answer: it failed, or tells of the database."""
    text = answer.content.decode()
    wrong = [f"{asked} says {leak}" for leak in LEAKS if leak in text]
    if answer.status_code not in (200, 302, 400, 403, 404, 405):
        wrong.append(f"{asked}: {answer.status_code}")
    return wrong


def test_no_parameter_of_the_api_is_code(world, client):
    """F15: every parameter of every list, with every string."""
    wrong = []
    for route in resources():
        if "schema" in route.path or route.of_a_team or route.path == JOIN:
            continue
        asked = [(name, value) for name in sorted(names_of(route)) for value in STRINGS]
        wrong += [w for url in route.urls(world) for w in answers(client, url, asked)]
    assert wrong == []


def test_no_parameter_of_a_page_is_code(world, client):
    """F15: pages take what they know and ignore the rest."""
    wrong = []
    for route in set(routes()) - set(resources()) - set(administration()):
        url = route.urls(world)[0]
        if url == "/readyz":  # no worker is alive here
            continue
        for value in STRINGS:
            asked = dict.fromkeys(PAGES_KNOW, value)
            for query in (asked, asked | {"fragment": next(iter(route.fragments), "x")}):
                wrong += problems(client.get(url, query), f"{url} {value[:20]!r}")
    assert wrong == []


def test_no_parameter_of_the_administration_is_code(world, client):
    """F15: its lists, filters, dates and orders."""
    wrong = []
    for model, its in admin.site._registry.items():
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        own = [found.parameter_name for found in its.list_filter if isinstance(found, type)]
        fields = [found for found in its.list_filter if not isinstance(found, type)]
        filters = [name if isinstance(name, str) else name[0] for name in fields]
        names = (
            own
            + [f"{name}__exact" for name in filters]
            + [f"{name}__id__exact" for name in filters]
        )
        names += ["q", "p", "o", "_to_field", f"{its.date_hierarchy}__year"]
        for name in names:
            asked = [(name, value) for value in ("'", "\x00", "9" * 30, "a__b")]
            wrong += answers(client, url, asked)
    assert wrong == []


def test_an_unknown_parameter_of_the_api_is_an_error(world, client):
    """F15: chains over relations and words of the ORM are no filters."""
    for route in resources():
        if "settings" in route.path or "schema" in route.path or route.kinds:
            continue
        if "get" not in getattr(route.view, "actions", {}) or route.path.endswith("/me/"):
            continue
        for name in CHAINS:
            answer = client.get(route.path, {name: "x"})
            assert answer.status_code == 400, f"{route.path}?{name}"
            assert answer.json()["error"]["code"] == "bad_input"


def test_the_administration_filters_by_what_it_offers_only(world, client):
    """F15, F06: no column is asked for by its name."""
    asked = {
        "/admin/core/user/": ("password__startswith", "api_keys__digest__startswith", "email"),
        "/admin/core/apikey/": ("digest__startswith", "user__password__startswith"),
        "/admin/agents/agent/": (
            "api_key__startswith",
            "team__memberships__user__password",
            "kept",
        ),
        "/admin/agents/call/": ("answer__contains", "agent__api_key__gt", "created_by__password"),
        "/admin/core/auditentry/": ("digest", "details__contains"),
    }
    for url, names in asked.items():
        for name in names:
            assert client.get(url, {name: "x"}).status_code == 400, f"{url}?{name}"


@pytest.mark.parametrize(
    "position",
    [
        "abc",
        "1 OR 1=1",
        "'",
        "\x00",
        "-1",
        "1e5",
        "",
        "٣",
        "9" * 40,
        "2020-01-01",
        "None",
        "[]",
        "%s",
    ],
)
def test_a_forged_cursor_is_refused_or_empty(position, world, client):
    """F15: cursors are not signed, so they are read with care."""
    for extra in ("", "&r=1", "&o=1", "&o=-1", "&o=999999999", "&o=x", "&r=x"):
        cursor = base64.b64encode(f"p={quote(position)}{extra}".encode()).decode()
        for url in ("/api/v1/calls/", "/api/v1/agents/", "/api/v1/audit/"):
            answer = client.get(url, {"cursor": cursor})
            assert answer.status_code in (200, 400, 404)


@pytest.mark.parametrize("cursor", ["", "x", "=", "////", "cD0x", "\x00", "é", "A" * 9000])
def test_a_broken_cursor_is_refused(cursor, world, client):
    """F15."""
    for url in ("/api/v1/calls/", "/api/v1/audit/"):
        assert client.get(url, {"cursor": cursor}).status_code in (200, 400, 404)


def test_a_cursor_of_one_person_shows_another_nothing_more(world, sign_in):
    """F15, F01: it only says where to go on in one's own list."""
    cursor = base64.b64encode(b"p=999999").decode()
    answer = sign_in(world.people.stranger).get("/api/v1/calls/", {"cursor": cursor})
    assert answer.json()["results"] == []


@pytest.mark.parametrize(
    "since",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "-1",
        "now()",
        "2026-02-30",
        "'",
    ],
)
def test_a_date_from_the_end_of_time_is_refused_or_empty(since, world, client):
    """F15: what no time zone or database can hold."""
    assert client.get("/api/v1/calls/", {"since": since}).status_code in (200, 400)


@pytest.mark.parametrize(
    "pk", ["'", "%00", "1%00", "-1", "9" * 30, "9" * 5000, "abc", "٣٣٣", "%27"]
)
def test_an_id_is_a_number_or_nothing(pk, world, client):
    """F15: in every address that takes one."""
    wrong = []
    for route in routes():
        parts = [kind.split("/")[1] for kind in route.kinds]
        slow = route.path.endswith(("/history/", "/delete/"))
        if not route.of_a_team or "{username}" in parts or slow:
            continue
        url = route.path.replace(parts[0], pk, 1).replace("{action}", "check")
        for method in ("get", "post"):
            wrong += problems(send(client, method, url), f"{method} {url[:80]}")
    assert wrong == []


@pytest.mark.parametrize(
    "name", ["'", "%00", "%25", "a%00b", "' OR 1=1 --", "x" * 5000, "%ED%A0%80"]
)
def test_a_name_in_an_address_is_only_a_name(name, world, client):
    """F15: members are taken out by name."""
    url = f"/api/v1/teams/{world.people.ours.pk}/members/{name}/"
    assert client.delete(url).status_code in (400, 404)


BODIES = {
    "null character": '{"prompt": "a\\u0000b"}',
    "null in options": '{"prompt": "a", "options": {"stop": "\\u0000"}}',
    "null as a key": '{"prompt": "a", "options": {"\\u0000": 1}}',
    "null in schema": '{"prompt": "a", "schema": {"title": "\\u0000"}}',
    "null in model": '{"prompt": "a", "model": "\\u0000"}',
    "surrogate": '{"prompt": "\\ud800"}',
    "surrogate in options": '{"prompt": "a", "options": {"stop": ["\\udfff"]}}',
    "surrogate as a key": '{"prompt": "a", "options": {"\\ud800": 1}}',
    "infinite": '{"prompt": "a", "options": {"temperature": 1e999}}',
    "NaN": '{"prompt": "a", "options": {"temperature": NaN}}',
    "Infinity": '{"prompt": "a", "options": {"temperature": -Infinity}}',
    "many digits": '{"prompt": "a", "options": {"seed": ' + "9" * 5000 + "}}",
    "deep list": '{"prompt": "a", "options": {"x": ' + "[" * 5000 + "]" * 5000 + "}}",
    "deeper list": "[" * 200_000,
    "deep object": '{"options": ' * 5000 + "1" + "}" * 5000,
    "text": '"prompt"',
    "number": "7",
    "list": '[{"prompt": "a"}]',
    "nothing": "",
    "null": "null",
    "half": '{"prompt": "a',
    "not JSON": "<xml/>",
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "wrong types": '{"prompt": {"$ne": 1}, "messages": 7, "options": "x", "schema": []}',
    "messages of nothing": '{"messages": [null, 7, "x", []]}',
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_no_database_can_hold_is_refused(kind, world, client):
    """F15, D: 400 in the API's own form, nothing written."""
    before = rows()
    answer = client.post("/api/v1/calls/", BODIES[kind], content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]
    assert not [leak for leak in LEAKS if leak in answer.content.decode()]
    assert rows() == before


@pytest.mark.parametrize("value", ["\\u0000", "\\ud800"])
def test_settings_and_tags_refuse_what_no_database_can_hold(value, world, client):
    """F15: fields of free JSON."""
    for url, body in (
        ("/api/v1/settings/cluster_name/", f'{{"value": "{value}"}}'),
        (f"/api/v1/agents/{world.agent.pk}/", f'{{"tags": ["{value}"]}}'),
        (f"/api/v1/agents/{world.agent.pk}/", f'{{"api_key": "{value}"}}'),
        (f"/api/v1/agents/{world.agent.pk}/", '{"ram_gb": 1e999}'),
    ):
        answer = client.patch(url, body, content_type="application/json")
        assert answer.status_code == 400, url


def test_a_body_that_is_too_large_is_refused(world, client, settings):
    """F15, D: the API reads no more than pages do."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    body = json.dumps({"prompt": "x" * 20_000})
    answer = client.post("/api/v1/calls/", body, content_type="application/json")
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["message"]
    page = client.post("/ask/", {"prompt": "x" * 20_000})
    assert page.status_code in (400, 413)


@pytest.mark.parametrize(
    "kind",
    [
        "text/xml",
        "application/yaml",
        "application/x-pickle",
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ],
)
def test_the_api_reads_json_only(kind, world, with_key):
    """F15, B10: no other parser is there to be asked."""
    client = with_key(world.people.admin)
    client.raise_request_exception = False
    answer = client.post("/api/v1/calls/", "prompt=a", content_type=kind)
    assert answer.status_code in (400, 415)
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "header",
    [
        "idempotency-key",
        "x-api-key",
        "authorization",
        "accept",
        "hx-current-url",
        "hx-request",
        "if-modified-since",
        "range",
    ],
)
def test_strange_headers_are_refused_or_ignored(header, world, client):
    """F15."""
    for value in ("\x00", "a\x00b", "'", "é", "http://[", "x" * 9000, "%00", "{{7*7}}"):
        for url in ("/agents/", "/api/v1/agents/"):
            assert client.get(url, headers={header: value}).status_code < 500, (url, value[:9])
        post = {"content_type": "application/json", "headers": {header: value}}
        answer = client.post("/api/v1/calls/", {"prompt": "a"}, **post)
        assert answer.status_code < 500, value[:9]


@pytest.mark.parametrize("cookie", ["\\000" * 10, "'" * 10, "x" * 5000, "%00" * 9, "é" * 9])
def test_a_strange_session_cookie_is_no_session(cookie, db):
    """F15: neither page nor resource fails over it."""
    client = Client(raise_request_exception=False, headers={"cookie": f'sessionid="{cookie}"'})
    assert client.get("/").status_code in (302, 400)
    assert client.get("/api/v1/users/me/").status_code in (400, 401)


@pytest.mark.parametrize(
    "text", ["{{7919*7907}}", "{% debug %}", "${7919*7907}", "{{ settings.SECRET_KEY }}"]
)
def test_template_words_are_shown_as_they_are(text, world, client):
    """F15, B06: names are never templates."""
    world.agent.title = text
    world.agent.save(update_fields=["title"])
    for url in ("/agents/", f"/agents/{world.agent.pk}/", "/", "/admin/agents/agent/"):
        page = client.get(url).content.decode()
        assert text in page
        assert "62615533" not in page


@pytest.mark.parametrize("field", ["username", "email"])
def test_names_that_exist_are_a_conflict_not_an_error(field, world, client):
    """F15: what only the database can decide is answered like everything else."""
    body = {"username": "New", "email": "new@example.org"} | {
        field: {"username": "OWNER", "email": "OWNER@example.org"}[field]
    }
    answer = client.post("/api/v1/users/", body, content_type="application/json")
    assert answer.status_code in (400, 409)
    url = f"/api/v1/users/{world.people.viewer.pk}/"
    changed = client.patch(url, {field: body[field]}, content_type="application/json")
    assert changed.status_code in (400, 409)


def test_values_too_long_for_their_column_are_refused(world, client):
    """F15: by both databases alike, with the field named."""
    url = f"/api/v1/agents/{world.agent.pk}/"
    for body in (
        {"title": "x" * 500},
        {"preferred_model": "x" * 500},
        {"specialization": "x" * 500},
        {"capabilities": [{"name": "x" * 500}]},
        {"capabilities": [{"name": "a", "proficiency": 7}]},
        {"gpus": [{"name": "x" * 500}]},
        {"slots": 10**9},
        {"priority": 99},
        {"capabilities": [{"name": "<b>"}]},
        {"endpoint": "http://" + "x" * 500},
    ):
        answer = client.patch(url, body, content_type="application/json")
        assert answer.status_code == 400, body
    long = {"prompt": "a", "wanted": "x"} | {"model": "x" * 500}
    assert client.post("/api/v1/calls/", long, content_type="application/json").status_code in (
        400,
        404,
    )
    assert client.get("/calls/", {"agent": "x" * 5000}).status_code == 200
