"""Webhooks: calls start runs, and are answered as their nodes say."""

import json

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution, Trigger
from workflows.tests.calls import hook, line, newest, node, sets

LAST = {"responseMode": "lastNode"}
BY_NODE = {"responseMode": "responseNode"}


def respond(**more):
    return node("Respond", "respondToWebhook", **more)


# -- what a call is answered -----------------------------------------------------------------------


def test_a_call_starts_a_run_and_is_answered_at_once(active, call, work):
    active(line("Tides", hook(), sets(seen="={{ $json.body.height }}")))
    answer = call("POST", "/webhook/tides?when=now&when=later", json={"height": "3 m"})
    assert answer.status_code == 200
    assert answer.json() == {"message": "Workflow was started"}
    run = newest()
    assert (run.source, run.mode, run.started_by, run.state) == (
        "webhook", "production", None, "queued",
    )  # fmt: skip
    done = work(run)
    assert done.state == "success"
    (first, second) = done.steps()
    got = first.outputs[0][0]["json"]
    assert got["body"] == {"height": "3 m"}
    assert got["query"] == {"when": ["now", "later"]}
    assert got["params"] == {}
    assert got["headers"]["content-type"] == "application/json"
    assert got["webhookUrl"] == "http://127.0.0.1/webhook/tides"
    assert got["executionMode"] == "production"
    assert second.outputs[0][0]["json"] == {"seen": "3 m"}


def test_the_last_node_answers(active, call):
    active(line("Tides", hook(**LAST), sets(seen="={{ $json.body.height }}")))
    answer = call("POST", "/webhook/tides", json={"height": "3 m"})
    assert (answer.status_code, answer.json()) == (200, {"seen": "3 m"})
    run = newest()
    assert (run.state, run.source, run.attempt) == ("success", "webhook", 1)
    assert [one["name"] for one in run.nodes] == ["Webhook", "Set"]
    assert [step.node for step in run.steps()] == ["Webhook", "Set"]


def test_a_node_of_the_run_answers_and_the_flow_goes_on(active, call):
    body = '={"height": "{{ $json.body.height }}"}'
    active(line("Tides", hook(**BY_NODE),
                respond(respondWith="json", responseBody=body, options={
                    "responseCode": 201,
                    "responseHeaders": {"entries": [{"name": "X-Tide", "value": "high"}]},
                }), sets(after="yes")))  # fmt: skip
    answer = call("POST", "/webhook/tides", json={"height": "3 m"})
    assert (answer.status_code, answer.json()) == (201, {"height": "3 m"})
    assert answer.headers["x-tide"] == "high"
    assert [step.node for step in newest().steps()] == ["Webhook", "Respond", "Set"]


def test_a_runner_does_what_reaches_outside(active, calls):
    pause = node("Pause", "wait", amount=0, unit="seconds")
    active(line("Tides", hook(**LAST), pause, sets(seen="={{ $execution.mode }}")))
    (answer,) = calls([("POST", "/webhook/tides", {"json": {}})])
    assert (answer.status_code, answer.json()) == (200, {"seen": "production"})


def test_a_runner_answers_by_the_respond_node(active, calls):
    pause = node("Pause", "wait", amount=0, unit="seconds")
    active(line("Tides", hook(**BY_NODE), pause, respond(respondWith="text", responseBody="<b>x")))
    (answer,) = calls([("POST", "/webhook/tides", {"json": {}})])
    assert (answer.status_code, answer.text) == (200, "<b>x")
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("data", "expected"), [
    ("allEntries", [{"n": 1}, {"n": 2}]), ("firstEntryJson", {"n": 1}), ("noData", None),
])  # fmt: skip
def test_the_last_node_answers_as_much_as_is_wished(data, expected, active, call):
    code = node("Code", "code", jsCode="return [{json: {n: 1}}, {json: {n: 2}}]")
    active(line("Tides", hook(**LAST, responseData=data), code))
    answer = call("POST", "/webhook/tides", json={})
    assert answer.status_code == 200
    assert (answer.json() if answer.content else None) == expected


def test_a_property_of_the_first_entry_in_a_type_of_its_own(active, call):
    options = {"responsePropertyName": "deep.word", "responseContentType": "text/csv"}
    code = node("Code", "code", jsCode="return [{json: {deep: {word: 'a,b'}}}]")
    active(line("Tides", hook(**LAST, options=options), code))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.text, answer.headers["content-type"]) == ("a,b", "text/csv")


def test_a_file_of_the_last_node_is_answered(active, calls):
    wish = {"responseData": "firstEntryBinary", "responseBinaryPropertyName": "file"}
    active(line("Tides", hook(**LAST, **wish)))
    image = b"\x89PNG\r\n\x1a\n123"
    how = {"files": {"file": ("tide.png", image, "image/png")}}
    (answer,) = calls([("POST", "/webhook/tides", how)])
    assert (answer.content, answer.headers["content-type"]) == (image, "image/png")
    assert "content-disposition" not in answer.headers


def test_a_run_that_fails_says_no_more_than_that(active, call):
    code = node("Code", "code", jsCode="throw new Error('the secret is 42')")
    active(line("Tides", hook(**LAST), code))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.status_code, answer.json()) == (500, {"message": "Error in workflow"})
    run = newest()
    assert run.state == "error"
    assert "the secret is 42" in run.error


def test_a_run_without_an_answer_of_its_node(active, call):
    active(line("Tides", hook(**BY_NODE), sets(a="b")))
    answer = call("POST", "/webhook/tides", json={})
    assert answer.json() == {"message": "Workflow executed successfully"}


def test_answers_of_the_webhook_node_itself(active, call):
    options = {
        "responseData": "thank you", "responseCode": {"values": {"responseCode": 202}},
        "responseHeaders": {"entries": [{"name": "Content-Type", "value": "text/plain"}]},
    }  # fmt: skip
    active(line("Tides", hook(options=options)))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.status_code, answer.text) == (202, "thank you")
    assert answer.headers["content-type"] == "text/plain"


def test_no_body_where_none_is_wished(active, call):
    active(line("Tides", hook(options={"noResponseBody": True})))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.status_code, answer.content) == (200, b"")


# -- respond to webhook ----------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "status", "text"), [
    ({"respondWith": "firstIncomingItem"}, 200, '{"n":1}'),
    ({"respondWith": "allIncomingItems"}, 200, '[{"n":1},{"n":2}]'),
    ({"respondWith": "firstIncomingItem", "options": {"responseKey": "a.b"}}, 200,
     '{"a":{"b":{"n":1}}}'),
    ({"respondWith": "noData", "options": {"responseCode": 204}}, 204, ""),
    ({"respondWith": "text", "responseBody": "=n is {{ $json.n }}"}, 200, "n is 1"),
])  # fmt: skip
def test_all_a_respond_node_may_answer(how, status, text, active, call):
    code = node("Code", "code", jsCode="return [{json: {n: 1}}, {json: {n: 2}}]")
    active(line("Tides", hook(**BY_NODE), code, respond(**how)))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.status_code, answer.text) == (status, text)


def test_a_redirect(active, call):
    active(line("Tides", hook(**BY_NODE), respond(respondWith="redirect", redirectURL="/there")))
    answer = call("POST", "/webhook/tides", json={})
    assert (answer.status_code, answer.headers["location"]) == (307, "/there")


def test_json_that_is_none_ends_the_run(active, call):
    active(line("Tides", hook(**BY_NODE), respond(respondWith="json", responseBody="{no")))
    assert call("POST", "/webhook/tides", json={}).status_code == 500
    assert newest().error == "Invalid JSON in 'Response Body' field"


def test_what_was_answered_goes_on_where_it_is_wished(active, call):
    first = respond(respondWith="json", responseBody='{"a": 1}', enableResponseOutput=True)
    text = json.loads(line("Tides", hook(**BY_NODE), first))
    active(json.dumps(text))
    call("POST", "/webhook/tides", json={})
    *_, last = newest().steps()
    response = last.outputs[1][0]["json"]["response"]
    assert (response["body"], response["statusCode"]) == ({"a": 1}, 200)


# -- where it listens ------------------------------------------------------------------------------


def test_parameters_of_a_path(active, call):
    active(line("Tides", hook("harbours/:harbour/at/:time", webhookId="abc", **LAST),
                sets(where="={{ $json.params.harbour }} {{ $json.params.time }}")))  # fmt: skip
    answer = call("POST", "/webhook/abc/harbours/Porto%20Novo/at/noon", json={})
    assert answer.json() == {"where": "Porto Novo noon"}
    assert call("POST", "/webhook/abc/harbours/x/at", json={}).status_code == 404
    assert call("POST", "/webhook/harbours/x/at/noon", json={}).status_code == 404


def test_a_fixed_path_goes_before_one_with_parameters(active, call):
    active(line("One", hook("boats/:id", webhookId="abc", **LAST), sets(which="any")))
    active(line("Two", hook("abc/boats/mine", **LAST), sets(which="mine")))
    assert call("POST", "/webhook/abc/boats/mine").json() == {"which": "mine"}
    assert call("POST", "/webhook/abc/boats/7").json() == {"which": "any"}


def test_several_methods_have_outputs_of_their_own(active, call):
    first = hook(multipleMethods=True, httpMethod=["GET", "PUT"], **LAST)
    document = json.loads(line("Tides", first, sets(method="get")))
    other = sets(method="put") | {"name": "Put", "position": [0, 300]}
    document["nodes"].append(other)
    document["connections"]["Webhook"]["main"].append([{"node": "Put", "type": "main", "index": 0}])
    active(json.dumps(document))
    assert call("GET", "/webhook/tides").json() == {"method": "get"}
    assert call("PUT", "/webhook/tides").json() == {"method": "put"}
    assert call("POST", "/webhook/tides").status_code == 405


def test_an_address_nobody_listens_at(call, db):
    answer = call("POST", "/webhook/nowhere", json={})
    assert answer.status_code == 404
    assert answer.json()["message"] == 'The requested webhook "POST nowhere" is not registered.'
    assert "active" in answer.json()["hint"]


def test_another_method_than_the_one_it_listens_to(active, call):
    active(line("Tides", hook()))
    answer = call("GET", "/webhook/tides")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert not Execution.objects.exists()


def test_a_look_starts_nothing(active, call):
    active(line("Tides", hook(httpMethod="GET")))
    answer = call("HEAD", "/webhook/tides")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not Execution.objects.exists()


def test_a_workflow_that_is_not_active_any_more(active, call):
    workflow = active(line("Tides", hook()))
    services.deactivate_workflow(workflow, by=SYSTEM)
    assert call("POST", "/webhook/tides").status_code == 404


def test_the_active_version_runs_and_no_newer_one(active, call):
    workflow = active(line("Tides", hook(**LAST), sets(version="one")))
    services.save_version(workflow, line("Tides", hook(**LAST), sets(version="two")), by=SYSTEM)
    assert call("POST", "/webhook/tides").json() == {"version": "one"}
    workflow.refresh_from_db()
    services.activate_workflow(workflow, by=SYSTEM)
    assert call("POST", "/webhook/tides").json() == {"version": "two"}


def test_the_trigger_tells_when_it_was_called(active, call):
    active(line("Tides", hook()))
    assert Trigger.objects.get().last_at is None
    call("POST", "/webhook/tides")
    assert Trigger.objects.get().last_at is not None


# -- keys ------------------------------------------------------------------------------------------


def test_a_hundred_calls_with_one_key_are_one_run(active, calls):
    """R23."""
    active(line("Tides", hook(**LAST), node("Code", "code",
                jsCode="return [{json: {drawn: Math.random()}}]")))  # fmt: skip
    how = {"json": {"a": 1}, "headers": {"Idempotency-Key": "one"}}
    answers = calls([("POST", "/webhook/tides", how)] * 100)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert Execution.objects.count() == 1


def test_a_key_starts_no_second_run_of_a_call_that_does_not_wait(active, call):
    active(line("Tides", hook()))
    for _ in range(2):
        answer = call("POST", "/webhook/tides", json={}, headers={"Idempotency-Key": "one"})
        assert answer.json() == {"message": "Workflow was started"}
    assert Execution.objects.count() == 1


def test_a_key_that_was_used_for_something_else(active, call):
    active(line("Tides", hook()))
    head = {"Idempotency-Key": "one"}
    call("POST", "/webhook/tides", json={"a": 1}, headers=head)
    assert call("POST", "/webhook/tides", json={"a": 2}, headers=head).status_code == 409


# -- too slow --------------------------------------------------------------------------------------


def test_a_run_that_does_not_answer_in_time_goes_on(active, call, settings):
    from whoosh_site.core import tunables

    tunables.change("webhook_wait", 1, by=SYSTEM)
    pause = node("Pause", "wait", amount=0, unit="seconds")
    active(line("Tides", hook(**LAST), pause))
    answer = call("POST", "/webhook/tides", json={})
    assert answer.status_code == 504
    assert answer.json()["executionId"] == str(newest().pk)
    assert newest().state == "queued"


def test_what_is_too_slow_for_the_web_process_is_left_to_a_runner(active, calls, monkeypatch):
    monkeypatch.setattr("workflows.services.quick.LONGEST", 0.0)
    active(line("Tides", hook(**LAST), sets(a="b")))
    (answer,) = calls([("POST", "/webhook/tides", {})])
    assert answer.json() == {"a": "b"}
    assert Execution.objects.count() == 1


def test_what_gives_many_items_is_left_to_a_runner(active, calls, monkeypatch):
    monkeypatch.setattr("workflows.services.quick.MOST_ITEMS", 3)
    many = node("Code", "code", jsCode="return Array.from({length: 9}, () => ({json: {}}))")
    active(line("Tides", hook(**LAST), many, sets(a="b")))
    (answer,) = calls([("POST", "/webhook/tides", {})])
    assert answer.json() == {"a": "b"}
    assert Execution.objects.count() == 1


def test_answers_and_keys_of_calls_are_forgotten_after_a_day(active, calls):
    from datetime import timedelta

    from workflows.models import Answer, CallKey

    active(line("Tides", hook(**LAST), sets(a="b")))
    calls([("POST", "/webhook/tides", {"headers": {"Idempotency-Key": "one"}})])
    services.forget_calls()
    assert (Answer.objects.count(), CallKey.objects.count()) == (1, 1)
    long_ago = newest().created_at - timedelta(days=2)
    Answer.objects.update(created_at=long_ago)
    CallKey.objects.update(created_at=long_ago)
    services.forget_calls()
    assert (Answer.objects.count(), CallKey.objects.count()) == (0, 0)


def test_a_failed_run_is_told_to_the_workflow_that_wants_to_hear(active, call, work):
    broken = node("Code", "code", jsCode="throw new Error('leak')")
    document = json.loads(line("Tides", hook(**LAST), broken))
    document["nodes"].append(node("On error", "errorTrigger"))
    active(json.dumps(document))
    assert call("POST", "/webhook/tides").status_code == 500
    heard = newest()
    assert (heard.source, heard.about.source) == ("error", "webhook")
    (first,) = work(heard).steps()
    assert "leak" in json.dumps(first.outputs[0][0]["json"])
