"""Addresses people see and test: the page, the API, listening for a test call."""

from datetime import timedelta

import pytest
from django.utils import timezone

from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict
from workflows import services
from workflows.models import Execution, Trigger
from workflows.tests.calls import hook, line, newest, node, sets

LAST = {"responseMode": "lastNode"}


def test_the_page_shows_addresses_with_a_line_to_try_them(active, people, sign_in):
    active(line("Tides", hook()))
    text = sign_in(people.viewer).get("/webhooks/").content.decode()
    assert "http://testserver/webhook/tides" in text
    assert "curl -X POST -H &#x27;Content-Type: application/json&#x27;" in text
    assert "Tides" in text


def test_a_guarded_address_says_how_to_sign_in(active, people):
    from workflows.shown_hooks import curl

    trigger = Trigger(kind="webhook", method="GET", options={"guard": {"kind": "basicAuth"}})
    assert curl(trigger, "http://a/webhook/x") == "curl -u USER:PASSWORD http://a/webhook/x"


def test_another_teams_addresses_are_not_shown(active, people, sign_in):
    active(line("Tides", hook()))
    assert "tides" not in sign_in(people.stranger).get("/webhooks/").content.decode()


def test_the_api_lists_addresses(active, api):
    workflow = active(line("Tides", hook()))
    status, body = api("viewer", "get", "/api/v1/webhooks/", {"name": "Tides"})
    (found,) = body["results"]
    assert status == 200
    assert (found["method"], found["path"], found["workflow"]) == ("POST", "tides", workflow.pk)
    assert found["url"] == "http://testserver/webhook/tides"
    assert (found["authentication"], found["test"]) == ("none", False)
    assert api("viewer", "get", f"/api/v1/webhooks/{found['id']}/")[1] == found
    assert api("stranger", "get", "/api/v1/webhooks/")[1]["results"] == []


def test_the_workflows_page_shows_its_addresses(active, people, sign_in):
    workflow = active(line("Tides", hook()))
    text = sign_in(people.member).get(workflow.get_absolute_url()).content.decode()
    assert "http://testserver/webhook/tides" in text
    assert "Listen for a test call" in text


def test_a_workflow_nobody_calls_shows_no_addresses(keep, people, sign_in):
    workflow = keep()
    text = sign_in(people.member).get(workflow.get_absolute_url()).content.decode()
    assert "Listen for a test call" not in text


# -- tests -----------------------------------------------------------------------------------------


def test_a_test_call_runs_the_current_version_once(active, call, calls, api):
    workflow = active(line("Tides", hook(**LAST), sets(version="active")))
    services.save_version(workflow, line("Tides", hook(**LAST), sets(version="new")), by=SYSTEM)
    status, (made,) = api("member", "post", f"/api/v1/workflows/{workflow.pk}/listen/")
    assert (status, made["test"]) == (200, True)
    assert made["url"] == "http://testserver/webhook-test/tides"
    (answer,) = calls([("POST", "/webhook-test/tides", {"json": {}})])
    assert answer.json() == {"version": "new"}
    run = newest()
    assert (run.mode, run.started_by.username) == ("test", "member")
    assert next(run.steps()).outputs[0][0]["json"]["executionMode"] == "test"
    again = call("POST", "/webhook-test/tides", json={})
    assert again.status_code == 404
    assert "Listen" in again.json()["hint"]
    assert Trigger.objects.get().test is False


def test_of_several_test_calls_at_once_one_is_let_in(keep, people, calls):
    workflow = keep(line("Tides", hook()))
    services.listen_for_test(workflow, by=Actor(people.member))
    answers = calls([("POST", "/webhook-test/tides", {})] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]
    assert Execution.objects.count() == 1


def test_a_test_is_over_after_two_minutes(keep, people, call):
    workflow = keep(line("Tides", hook()))
    services.listen_for_test(workflow, by=Actor(people.member))
    Trigger.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert call("POST", "/webhook-test/tides").status_code == 404


def test_a_test_is_stopped(keep, people, sign_in, call):
    workflow = keep(line("Tides", hook()))
    client, page = sign_in(people.member), workflow.get_absolute_url()
    client.post(f"{page}listen/")
    assert "Stop listening" in client.get(page).content.decode()
    client.post(f"{page}stop-listening/")
    assert call("POST", "/webhook-test/tides").status_code == 404


def test_a_test_is_stopped_by_the_api(keep, people, api):
    workflow = keep(line("Tides", hook()))
    path = f"/api/v1/workflows/{workflow.pk}/listen/"
    api("member", "post", path)
    assert api("member", "delete", path)[0] == 204
    assert not Trigger.objects.exists()


def test_only_editors_test(keep, api):
    workflow = keep(line("Tides", hook()))
    assert api("viewer", "post", f"/api/v1/workflows/{workflow.pk}/listen/")[0] == 403
    assert api("stranger", "post", f"/api/v1/workflows/{workflow.pk}/listen/")[0] == 404


def test_nothing_to_test(keep, people):
    with pytest.raises(BadInput, match="no webhook"):
        services.listen_for_test(keep(), by=Actor(people.member))


def test_two_workflows_at_one_test_address(keep, people):
    first, second = keep(line("One", hook())), keep(line("Two", hook()))
    services.listen_for_test(first, by=Actor(people.member))
    with pytest.raises(Conflict, match="Another workflow"):
        services.listen_for_test(second, by=Actor(people.member))
    Trigger.objects.update(until=timezone.now() - timedelta(seconds=1))
    services.listen_for_test(second, by=Actor(people.member))


def test_the_production_address_stays_while_it_is_tested(active, people, call):
    workflow = active(line("Tides", hook(**LAST), sets(a="b")))
    services.listen_for_test(workflow, by=Actor(people.member))
    assert call("POST", "/webhook/tides").json() == {"a": "b"}
    assert Trigger.objects.filter(test=True).exists()


def test_a_node_that_is_switched_off_listens_nowhere(keep, people):
    off = hook() | {"disabled": True}
    workflow = keep(line("Tides", off, node("Set", "set")))
    with pytest.raises(BadInput):
        services.listen_for_test(workflow, by=Actor(people.member))
