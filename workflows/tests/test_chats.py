"""Chats: a page to talk on, and messages that start runs."""

import pytest

from workflows.models import Execution, Trigger
from workflows.tests.calls import line, newest, node

KIND = "@n8n/n8n-nodes-langchain.chatTrigger"
PATH = "/webhook/harbour/chat"


def talk(**more):
    given = {"public": True, "initialMessages": "Ahoy!"} | more
    return node("Chat", KIND, 1.1, webhookId="harbour", **given)


def echo(script="return [{json: {output: 'You said: ' + $json.chatInput}}]"):
    return node("Code", "code", jsCode=script)


def say(call, **body):
    return call("POST", PATH, json={"sessionId": "s1", "chatInput": "hello"} | body)


def test_a_message_is_answered_by_the_last_node(active, call):
    active(line("Harbour", talk(), echo()))
    answer = say(call)
    assert (answer.status_code, answer.json()) == (200, {"output": "You said: hello"})
    run = newest()
    assert run.source == "chat"
    json = next(run.steps()).outputs[0][0]["json"]
    assert json == {"action": "sendMessage", "sessionId": "s1", "chatInput": "hello"}


def test_the_page_greets_and_is_shut_in(active, call):
    active(line("Harbour", talk(options={"title": "Harbour <office>"}), echo()))
    answer = call("GET", PATH)
    assert "Ahoy!" in answer.text
    assert "Harbour &lt;office&gt;" in answer.text
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    assert not Execution.objects.exists()


def test_a_chat_that_is_part_of_another_page_has_none(active, call):
    active(line("Harbour", talk(mode="webhook"), echo()))
    assert call("GET", PATH).status_code == 404
    assert say(call).status_code == 200


def test_a_chat_that_is_not_public_listens_nowhere(active, call):
    active(line("Harbour", talk(public=False), echo()))
    assert not Trigger.objects.exists()
    assert say(call).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"sessionId": ""}, {"sessionId": 7}, {"chatInput": ["x"]}, {"action": "explode"}],
)
def test_messages_that_are_none(body, active, call):
    active(line("Harbour", talk(), echo()))
    assert say(call, **body).status_code == 400
    assert not Execution.objects.exists()


def test_an_earlier_talk_is_not_kept(active, call):
    active(line("Harbour", talk(), echo()))
    assert say(call, action="loadPreviousSession").json() == {"data": []}


def test_other_sites_may_embed_it(active, call):
    active(line("Harbour", talk(), echo()))
    answer = call("OPTIONS", PATH, headers={"origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
