"""C12, F03, F06, F08: credentials of workflows are sent only where they belong, and never shown."""

import json

import pytest
from django.core.management import call_command

from tests.security.routes import routes, send
from tests.security.world import CANARY, dump
from whoosh_site.core import secrets
from whoosh_site.core.models import AuditEntry
from workflows.models import Credential
from workflows.services.lending import lender

HERE = "/api/v1/credentials/"


def patched(client, world, **fields):
    url = f"{HERE}{world.credential.pk}/"
    return client.patch(url, fields, content_type="application/json")


@pytest.mark.parametrize(
    "hosts", [["evil.example"], ["ours.example", "evil.example"], ["*.evil.example"]]
)
def test_an_editor_cannot_send_it_elsewhere_without_its_secret(hosts, world, with_key):
    """C12: a wider list asks for the secret again."""
    answer = patched(with_key(world.people.member), world, hosts=hosts)
    assert answer.status_code == 400
    assert Credential.objects.get(pk=world.credential.pk).hosts == ["ours.example"]


def test_only_owners_open_it_to_the_world(world, with_key):
    """C12, F03: an editor may not, whatever is entered."""
    values = {"value": "mine"}
    for hosts in (["*"], ["*.example"]):
        answer = patched(with_key(world.people.member), world, hosts=hosts, values=values)
        assert answer.status_code == 403
    assert patched(with_key(world.people.owner), world, hosts=["*"]).status_code == 400
    assert patched(with_key(world.people.owner), world, hosts=["*"], values=values).json()[
        "hosts"
    ] == ["*"]


def test_a_test_is_sent_to_no_other_host(world, with_key):
    """C12: trying it is no way round its list."""
    url = f"{HERE}{world.credential.pk}/test/"
    body = {"url": "http://evil.example/"}
    answer = with_key(world.people.member).post(url, body, content_type="application/json")
    assert answer.json()["works"] is False
    assert "may not be sent to evil.example:80" in answer.json()["words"]


def test_a_viewer_changes_nothing_of_it(world, with_key):
    """F03: nor does a field nobody may set."""
    viewer, editor = with_key(world.people.viewer), with_key(world.people.member)
    for body in ({"name": "mine"}, {"hosts": ["evil.example"]}, {"values": {"value": "x"}}):
        assert patched(viewer, world, **body).status_code == 403
    for body in ({"ref": "x"}, {"team": "Others"}, {"works": True}, {"values_text": "x"}):
        assert patched(editor, world, **body).status_code == 400


def test_no_page_answer_or_error_shows_it(world, sign_in, with_key):
    """F06: to those who may change it, on its own addresses, with good and bad bodies."""
    browser, program = sign_in(world.people.owner), with_key(world.people.owner)
    shown = []
    for route in routes():
        if "credential" not in route.path or route.path.endswith("/delete/"):
            continue
        for url in route.urls(world):
            client = program if url.startswith("/api/") else browser
            bodies = ({}, {"values": {"value": 1}}, {"name": "x" * 300}, {"hosts": ["a b"]})
            answers = [client.get(url), *(send(client, "post", url, body) for body in bodies)]
            answers.append(send(client, "patch", url, {"values": {"nothing": "x"}}))
            shown += [url for one in answers if CANARY in one.content.decode()]
    assert shown == []


def test_exports_and_trails_hold_none_of_it(world, with_key, capsys):
    """F06: nor does Django's own export."""
    patched(with_key(world.people.owner), world, values={"value": f"{CANARY}-2"})
    call_command("dumpdata", "workflows")
    call_command("dump_config")
    assert CANARY not in capsys.readouterr().out
    lines = list(AuditEntry.objects.values_list("details", flat=True))
    assert CANARY not in json.dumps(lines) + dump()


def test_the_column_is_ciphertext_and_another_key_a_clear_error(world, settings, tmp_path, run):
    """F08: nothing is lost, and rotation keeps it readable."""
    stored = Credential.objects.get(pk=world.credential.pk).values_text
    assert stored.stored.partition(":")[0] in secrets.keyring()
    assert CANARY not in stored.stored
    secrets.rotate()
    again = Credential.objects.get(pk=world.credential.pk)
    assert (again.values_text == stored, again.entered["value"]) == (False, CANARY)
    settings.FIELD_KEYS_FILE = tmp_path / "other.keys"
    with pytest.raises(secrets.SecretKeyError, match="Put that key file back"):
        Credential.objects.get(pk=world.credential.pk).entered  # noqa: B018


def test_a_run_with_another_key_is_told_so(world, settings, tmp_path, inside):
    """F08: as an error of the node."""
    settings.FIELD_KEYS_FILE = tmp_path / "other.keys"
    lend = lender(world.people.ours.pk)
    with pytest.raises(Exception, match="Put that key file back"):
        inside(lend("httpHeaderAuth", {"id": "our-ref"}))
