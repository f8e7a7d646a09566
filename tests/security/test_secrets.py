"""F06, F08: a stored secret never comes back, and lies encrypted."""

import json
import logging

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from agents import services
from agents.models import Agent, Call, Health
from tests.fake_agent import FakeHost, running
from tests.security.hosts import echo, listening
from tests.security.routes import administration, routes, send
from tests.security.world import CANARY, dump
from whoosh_site.core import config, leases, secrets
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import AuditEntry

CHANGES = {"title": "New", "api_key": f"{CANARY}-2"}


@pytest.fixture
def key_file(settings, tmp_path):
    """Keys of this test alone."""
    settings.FIELD_KEYS_FILE = tmp_path / "field.keys"
    return settings.FIELD_KEYS_FILE


def patched(client, agent, **fields):
    return client.patch(f"/api/v1/agents/{agent.pk}/", fields, content_type="application/json")


def moved_to(agent, host):
    """Let a stored agent be one of our own hosts, its key included."""
    rows = Agent.objects.filter(pk=agent.pk)
    rows.update(endpoint=host.url, allow_local=True, protocol="ollama")
    Health.objects.filter(agent=agent).update(status="online", models_at=None)


def asked(agent):
    """Run one call there as the runner does; return the row it left."""
    call = Call.objects.create(
        team=agent.team, source="api", messages=[{"role": "user", "content": "hello"}],
        wanted_agent=agent.name, state="running", owner="me:1:1", attempt=1,
    )  # fmt: skip
    lease = leases.Lease(Call, call.pk, "me:1:1", 1)

    async def carry():
        await services.run_call(lease)
        await services.close_doors()

    async_to_sync(carry)()
    return Call.objects.get(pk=call.pk)


def checked(agent):
    """Look at the agent once as the runner does; return what was written down."""
    Health.objects.filter(agent=agent).update(state="running", owner="me:1:1", attempt=1)
    lease = leases.Lease(Health, agent.health.pk, "me:1:1", 1)

    async def look():
        await services.check_agent(lease)
        await services.close_doors()

    async_to_sync(look)()
    return Health.objects.get(agent=agent)


def test_no_page_or_answer_shows_a_secret(world, sign_in, with_key, caplog):
    """F06: generated from the URL conf, as the administrator, by session and by key."""
    caplog.set_level(logging.DEBUG)
    browser, program = sign_in(world.people.admin), with_key(world.people.admin)
    shown = []
    for route in routes():
        for url in route.urls(world):
            for client in (browser, program) if url.startswith("/api/") else (browser,):
                answer = client.get(url, follow=True)
                shown += [url] * (CANARY in answer.content.decode())
    assert shown == []
    assert CANARY not in caplog.text


def test_no_answer_to_a_change_shows_a_secret(world, with_key):
    """F06: registering and changing tell everything but the key."""
    client, url = with_key(world.people.admin), "/api/v1/agents/"
    body = {"name": "elm", "endpoint": "http://10.8.8.8:1"} | CHANGES
    made = client.post(url, body, content_type="application/json")
    changed = patched(client, world.agent, **CHANGES)
    wrong = client.post(url, body | {"slots": "x"}, content_type="application/json")
    assert (made.status_code, changed.status_code, wrong.status_code) == (201, 200, 400)
    for answer in (made, changed, wrong, client.options(url)):
        assert CANARY not in answer.content.decode()
        assert "api_key" not in json.loads(answer.content)


def test_the_form_of_an_agent_does_not_hold_its_key(world, sign_in):
    """F06: neither when opened nor when sent back with an error."""
    client = sign_in(world.people.admin)
    url = f"/admin/agents/agent/{world.agent.pk}/change/"
    for answer in (client.get(url), client.post(url, {"name": "", "api_key": CANARY})):
        assert answer.status_code == 200
        assert CANARY not in answer.content.decode()


def test_the_trail_of_changes_names_a_key_but_not_its_value(world, with_key):
    """F06."""
    patched(with_key(world.people.admin), world.agent, api_key=f"{CANARY}-2")
    line = AuditEntry.objects.filter(action="changed").latest("number")
    assert line.details == {"api_key": "changed"}
    assert CANARY not in dump()


def test_dumps_hold_no_secret(world, capsys):
    """F06: neither the configuration, nor Django's own export, nor a search."""
    call_command("dump_config")
    call_command("dumpdata", "agents")
    assert CANARY not in capsys.readouterr().out
    assert CANARY not in config.dump()
    assert CANARY not in serializers.serialize("xml", Agent.objects.all())


def test_a_secret_prints_as_a_mask(world):
    """F06: in templates, log lines, tracebacks and debug output."""
    secret = Agent.objects.get(pk=world.agent.pk).api_key
    for text in (str(secret), repr(secret), f"{secret}", f"{vars(secret)}", f"{secret!r:>40}"):
        assert CANARY not in text
    assert secret.reveal() == CANARY


def test_a_search_finds_nothing_by_a_secret(world, sign_in):
    """F06: no filter or search reaches the column."""
    client = sign_in(world.people.admin)
    stored = Agent.objects.get(pk=world.agent.pk).api_key.stored
    for wanted in (CANARY, stored, stored[:12]):
        assert "Our oak" not in client.get("/search/", {"q": wanted}).content.decode()
        answer = client.get("/admin/agents/agent/", {"q": wanted})
        assert "Our oak" not in answer.content.decode()
    for name in ("api_key", "api_key__startswith", "api_key__regex"):
        assert client.get("/api/v1/agents/", {name: "x"}).status_code == 400
        assert client.get("/admin/agents/agent/", {name: "x"}).status_code == 400, name
        assert client.get("/admin/agents/call/", {f"agent__{name}": "x"}).status_code == 400


@pytest.mark.parametrize("shape", ["text", "ollama", "openai", "page", "dump"])
def test_a_host_that_repeats_headers_does_not_give_the_key_away(shape, world, with_key, caplog):
    """F06: its error is shown to the whole team, so the key is taken out of it."""
    caplog.set_level(logging.DEBUG)
    client, texts = with_key(world.people.admin), []
    for status in (200, 302, 400, 401, 404, 429, 500):
        with listening(echo(status, shape)) as host:
            moved_to(world.agent, host)
            agent = Agent.objects.get(pk=world.agent.pk)
            call = asked(agent)
            texts += [call.error or call.trouble, checked(agent).reason]
            body = {"endpoint": host.url, "allow_local": True, "api_key": CANARY}
            seen = client.post("/api/v1/agents/examine/", body, content_type="application/json")
            texts.append(seen.content.decode())
        assert all(CANARY in heard["authorization"] for _, _, heard in host.heard)
    assert all(texts)
    assert CANARY not in dump() + caplog.text + "".join(texts)


def test_an_error_inside_a_stream_does_not_give_the_key_away(world):
    """F06: hosts also fail in the middle of an answer."""
    with running(FakeHost("ollama", pace=0, models=("ours-model:8b",))) as host:
        host.faults.add(kind="error", text=f"bad header Bearer {CANARY}")
        moved_to(world.agent, host)
        call = asked(Agent.objects.get(pk=world.agent.pk))
    assert call.state == "error"
    assert "bad header" in call.error
    assert CANARY not in call.error


def test_a_host_that_repeats_the_key_where_it_should_not_shows_it_to_nobody(world):
    """F06: in its version, its models' names and its answers, also bit by bit."""
    row = {"name": f"m-{CANARY}", "capabilities": ["completion"]}
    with running(FakeHost("ollama", pace=0)) as host:
        host.faults.add("status", status=200, body={"version": CANARY}, paths=("/api/version",))
        host.faults.add("status", status=200, body={"models": [row]}, paths=("/api/tags",))
        moved_to(world.agent, host)
        agent = Agent.objects.get(pk=world.agent.pk)
        assert CANARY not in checked(agent).version
        host.faults.clear()
        host.faults.add(
            "status", status=200, paths=("/api/chat",),
            body={"message": {"content": f"it is {CANARY}"}, "done": True},
        )  # fmt: skip
        call = asked(agent)
    assert (call.state, call.answer) == ("success", "it is •••")
    assert CANARY not in dump()


@pytest.mark.parametrize(
    "endpoint", ["http://10.66.6.6:11434", "https://10.0.0.1:1", "http://evil.example:11434"]
)
def test_a_stored_key_is_sent_to_no_other_place(endpoint, world, with_key, sign_in):
    """F06, C12: moving an endpoint asks for its key again; else it would be handed out."""
    client = with_key(world.people.admin)
    refused = patched(client, world.agent, endpoint=endpoint)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("api_key: ")
    for key in ("", "another-key"):
        assert patched(client, world.agent, endpoint=endpoint, api_key=key).status_code == 200
        assert Agent.objects.get(pk=world.agent.pk).api_key.reveal() == key


def test_the_form_moves_no_key_to_another_place(world, sign_in):
    """F06, C12: the same in the administration."""
    client = sign_in(world.people.admin)
    url = f"/admin/agents/agent/{world.agent.pk}/change/"
    shown = client.get(url).context["adminform"].form
    body = {name: value for name, value in shown.initial.items() if value not in (None, [], False)}
    forms = {f"{kind}-{name}": 0 for kind in ("gpus", "capabilities", "models")
             for name in ("TOTAL_FORMS", "INITIAL_FORMS")}  # fmt: skip
    del body["api_key"]  # a browser is not given it
    body |= forms | {"endpoint": "http://10.66.6.6:1", "save_anyway": "on", "enabled": ""}
    answer = client.post(url, body)
    assert "Enter it again or forget it" in answer.content.decode()
    kept = Agent.objects.get(pk=world.agent.pk)
    assert (kept.endpoint, kept.api_key.reveal()) == (world.agent.endpoint, CANARY)


def test_the_test_button_sends_a_stored_key_only_where_it_belongs(world, sign_in):
    """F06, C12: a typed endpoint beside a stored agent does not get that agent's key."""
    client, url = sign_in(world.people.admin), "/admin/agents/agent/examine/"
    with listening(echo(404, "text")) as host:
        body = {"pk": world.agent.pk, "endpoint": host.url, "allow_local": "on"}
        client.post(url, body)
        assert host.heard
        assert CANARY not in str(host.heard)
        moved_to(world.agent, host)
        client.post(url, body)
        assert CANARY in str(host.heard)


@pytest.mark.parametrize("pk", ["abc", "", "-1", "1 OR 1=1", "999999999999999999999", "\x00"])
def test_the_test_button_takes_any_nonsense_for_an_agent(pk, world, sign_in):
    """F06, F15."""
    body = {"pk": pk, "endpoint": "http://127.0.0.1:1"}
    assert sign_in(world.people.admin).post("/admin/agents/agent/examine/", body).status_code == 200


# -- F08 -----------------------------------------------------------------------------------------


def column(agent):
    """Return what the database really holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM agents_agent WHERE id = %s", [agent.pk])
        return cursor.fetchone()[0]


def test_the_column_holds_ciphertext_with_the_id_of_its_key(key_file, world):
    """F08."""
    name, _, token = column(world.agent).partition(":")
    assert name in secrets.keyring()
    assert token.startswith("gAAAA")
    assert CANARY not in dump()
    assert key_file.stat().st_mode & 0o077 == 0


def test_equal_secrets_look_different(key_file, world, make_agent):
    """F08: the table does not tell which agents share a key."""
    twin = make_agent("elm", api_key=CANARY)
    assert column(twin) != column(world.agent)


def test_another_key_file_gives_a_clear_error_and_loses_nothing(key_file, world, with_key, capsys):
    """F08: the file is named, the row stays, and the right file opens it again."""
    before, right = column(world.agent), key_file.read_text()
    key_file.unlink()
    secrets.keyring()
    with pytest.raises(secrets.SecretKeyError, match=r"field\.keys"):
        Agent.objects.get(pk=world.agent.pk).api_key.reveal()
    answer = patched(with_key(world.people.admin), world.agent, title="Other")
    assert answer.status_code == 200
    assert column(world.agent) == before
    key_file.write_text(right)
    assert Agent.objects.get(pk=world.agent.pk).api_key.reveal() == CANARY


def test_a_check_with_the_wrong_key_file_does_not_stop_the_runner(key_file, world, sign_in):
    """F08: the agent's state says what is wrong, without the ciphertext."""
    ciphertext = column(world.agent)
    key_file.unlink()
    secrets.keyring()
    client = sign_in(world.people.admin, raise_request_exception=False)
    body = {"pk": world.agent.pk, "endpoint": world.agent.endpoint}
    answer = client.post("/admin/agents/agent/examine/", body)
    assert answer.status_code == 200
    assert "Put that key file back" in answer.content.decode()
    assert ciphertext not in answer.content.decode()


def test_a_damaged_ciphertext_gives_a_clear_error(key_file, world):
    """F08."""
    stored = column(world.agent)
    for damaged in (stored[:-4] + "AAAA", stored.split(":")[0] + ":", "nonsense", ":", "a:b"):
        with pytest.raises(secrets.SecretKeyError):
            secrets.decrypt(damaged)


def test_rotation_writes_every_secret_anew(key_file, world, capsys):
    """F08: no row uses the old key, which is gone after the next rotation; the secret stays."""
    before, old = column(world.agent), next(iter(secrets.keyring()))
    call_command("rotate_secrets")
    assert column(world.agent) != before
    assert not column(world.agent).startswith(old)
    assert list(secrets.keyring()).index(old) == 1
    call_command("rotate_secrets")
    assert old not in secrets.keyring()
    assert Agent.objects.get(pk=world.agent.pk).api_key.reveal() == CANARY
    assert CANARY not in capsys.readouterr().out


def test_rotation_without_the_right_key_changes_nothing(key_file, world):
    """F08."""
    before = column(world.agent)
    key_file.unlink()
    wrong = secrets.keyring() and key_file.read_text()
    with pytest.raises(secrets.SecretKeyError):
        secrets.rotate()
    assert column(world.agent) == before
    assert key_file.read_text() == wrong


def test_every_column_that_could_hold_a_credential_is_encrypted_or_hashed():
    """F08: a new column named like a secret is one, or says here why not."""
    known = {
        "core.User.password": "hashed by Django",
        "core.ApiKey.name": "what people call it",
        "core.Setting.key": "a name",
        "core.IdempotentRequest.key": "the caller's own word",
        "sessions.Session.session_key": "Django's",
        "agents.Call.api_key": "points to the row",
        "projects.Task.api_key": "points to the row",
        "agents.JoinRequest.token": "points to the row",
        "agents.Call.need_key": "a digest of what is wished for",
        "workflows.Execution.parent_key": "a digest of the step that started it",
        "agents.Call.thread_key": "a digest of how the conversation begins",
        "django_q.OrmQ.key": "a queue's name",
    }
    words = ("key", "secret", "token", "password", "credential")
    figures = {
        "prompt_tokens", "answer_tokens", "first_token_ms", "token_limit", "token_version",
        "token_ends_at",
    }  # fmt: skip
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if any(word in field.name for word in words)
        and not isinstance(field, secrets.SecretField)
        and field.name not in figures
    }
    assert found <= set(known) | {"core.ApiKey.digest"}


def test_a_configuration_names_the_place_of_a_wrong_secret_not_its_value(db):
    """F06: error messages of load_config."""
    for written in ("12345678901", "[canary]", "{a: canary}", "true"):
        oak = f"    oak:\n      endpoint: http://10.0.0.1\n      api_key: {written}\n"
        text = f"whoosh:\n  agents:\n{oak}"
        with pytest.raises(BadInput) as refused:
            config.load(text, by=SYSTEM)
        assert "line 5" in refused.value.message
        assert "12345678901" not in refused.value.message
        assert "canary" not in refused.value.message


def test_a_configuration_from_people_reads_no_file_and_no_environment(people, monkeypatch):
    """F06: references are resolved for the command line on the server only."""
    monkeypatch.setenv("SECRET_OF_THE_SERVER", CANARY)
    for written in (
        "${SECRET_OF_THE_SERVER}",
        "{env: SECRET_OF_THE_SERVER}",
        "{file: /etc/passwd}",
    ):
        oak = f"    oak:\n      endpoint: http://10.0.0.1\n      specialization: {written}\n"
        text = f"whoosh:\n  agents:\n{oak}"
        with pytest.raises(BadInput):
            config.load(text, by=Actor(people.admin))
    assert not Agent.objects.exists()


def test_an_error_page_shows_neither_source_nor_settings(world, sign_in, monkeypatch, settings):
    """F06: what Django's debug page would show."""
    from agents import views

    def broken(*_):
        raise RuntimeError(f"failed with {CANARY}")

    monkeypatch.setattr(views, "_models", broken)
    client = sign_in(world.people.admin, raise_request_exception=False)
    answer = client.get("/models/")
    assert answer.status_code == 500
    for word in (CANARY, "Traceback", "RuntimeError", settings.SECRET_KEY, "views.py"):
        assert word not in answer.content.decode()


def test_a_broken_resource_answers_no_more_than_that(world, with_key, monkeypatch):
    """F06: the same for programs."""
    from agents import api

    def broken(*_):
        raise RuntimeError(f"failed with {CANARY}")

    monkeypatch.setattr(api.ModelViewSet, "get_queryset", broken)
    client = with_key(world.people.admin)
    client.raise_request_exception = False
    answer = client.get("/api/v1/models/")
    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_the_administrations_sweep_is_not_empty(world):
    """F06: the sweep above opens what it means to open."""
    assert sum(len(route.urls(world)) for route in administration()) > 50
    assert callable(send)
