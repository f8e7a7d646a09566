"""What would happen: the decision of a call that is not made."""

import json

import pytest
from django.core.management import call_command

from agents import services
from agents.models import Call
from whoosh_site.core.actor import SYSTEM


@pytest.fixture
def oak(settle, host):
    return settle("oak", host)


def test_the_api_says_where_a_call_would_go_and_records_nothing(oak, host, people, with_key):
    host.record.requests.clear()
    body = {"prompt": "hello", "model": "tiny:1b"}
    client = with_key(people.member)
    found = client.post("/api/v1/calls/foresee/", body, content_type="application/json").json()
    assert (found["agent"], found["model"], found["waits_for"]) == ("oak", "tiny:1b", "")
    assert found["reason"].startswith("oak: the only one that fits; loads tiny:1b")
    assert [score["agent"] for score in found["scores"]] == ["oak"]
    assert (Call.objects.count(), host.requests) == (0, [])


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 404)])
def test_who_may_not_ask_may_not_foresee(oak, people, with_key, who, status):
    client = with_key(getattr(people, who))
    body = {"prompt": "hello", "agent": "oak"}
    answer = client.post("/api/v1/calls/foresee/", body, content_type="application/json")
    assert answer.status_code == status


def test_a_call_that_would_wait_says_for_what(oak, people, with_key):
    services.drain(oak, by=SYSTEM)
    client = with_key(people.member)
    body = {"prompt": "hello"}
    found = client.post("/api/v1/calls/foresee/", body, content_type="application/json").json()
    assert (found["agent"], found["scores"][0]["refused"]) == ("", "draining: Takes no new calls.")


def test_the_page_shows_it_below_the_form(oak, people, sign_in):
    form = {"prompt": "hello", "agent": "", "model": "", "capability": "", "foresee": "1"}
    text = sign_in(people.member).post("/ask/", form).content.decode()
    assert "oak: the only one that fits" in text
    assert ">hello</textarea>" in text
    assert not Call.objects.exists()


def test_the_command_explains_every_part(oak, capsys):
    call_command("ask", "hello", "--explain", "--model", "tiny:1b")
    said = capsys.readouterr().out
    assert said.startswith("oak: the only one that fits")
    assert "s  loads tiny:1b" in said
    call_command("ask", "hello", "--explain", "--json")
    assert json.loads(capsys.readouterr().out)["agent"] == "oak"
    assert not Call.objects.exists()


# -- fallbacks ---------------------------------------------------------------------------------


def test_a_fallback_answers_when_nobody_has_the_model_any_more(settle, host, answered, make_agent):
    settle("oak", host)
    gone = make_agent("elm", models={"big:70b": {}})
    services.drain(gone, by=SYSTEM)
    call = answered(model="big:70b", fallbacks=["tiny:1b"])
    assert (call.state, call.agent_name, call.model_name) == ("success", "oak", "tiny:1b")


def test_a_fallback_that_does_not_exist_is_refused(oak, people, with_key):
    body = {"prompt": "hello", "model": "tiny:1b", "fallbacks": ["nope"]}
    client = with_key(people.member)
    answer = client.post("/api/v1/calls/", body, content_type="application/json")
    assert answer.status_code == 404
    assert "no model is called 'nope'" in answer.json()["error"]["message"]
