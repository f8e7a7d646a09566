"""Executions by API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution, Variable
from workflows.tests.conftest import NUMBERS, chain, code, node

HERE = "/api/v1/executions/"
FAILS = "throw new Error('no tide')"


@pytest.fixture
def numbers(keep):
    """A workflow that gives sixty items."""
    return keep(chain("Numbers", code("Count", NUMBERS), node("End", "noOp")))


@pytest.fixture
def run(api):
    """Post to a workflow's run/ as somebody: status and body."""

    def posted(workflow, body=None, *, who="member", **headers):
        return api(who, "post", f"/api/v1/workflows/{workflow.pk}/run/", body, **headers)

    return posted


@pytest.fixture
def done(run, work):
    """Run a workflow by the API, and return its execution when it has ended."""

    def ended(workflow, body=None):
        return work(Execution.objects.get(pk=run(workflow, body)[1]["id"]))

    return ended


def test_a_run_is_queued_and_looked_at_until_it_has_ended(api, run, work, numbers):
    status, body = run(numbers, {"input": {"tide": "high"}})
    assert (status, list(body)) == (202, ["id"])
    path = f"{HERE}{body['id']}/"
    assert api("viewer", "get", path)[1]["status"] == "queued"
    work(Execution.objects.get())
    found = api("viewer", "get", path)[1]
    assert (found["status"], found["name"], found["version"]) == ("success", "Numbers", 1)
    assert (found["source"], found["started_by"], found["error"]) == ("api", "member", None)
    assert [(one["name"], one["items"]) for one in found["nodes"]] == [
        ("Start", 1),
        ("Count", 60),
        ("End", 60),
    ]


@pytest.mark.parametrize("given", [{"a": 1}, [{"a": 1}], [{"json": {"a": 1}}]])
def test_input_is_an_object_objects_or_items(done, numbers, given):
    execution = done(numbers, {"input": given, "until": "Start"})
    assert services.find_step(execution, "Start").outputs[0][0]["json"] == {"a": 1}
    assert len(execution.nodes) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"input": "text"}, "input: give an object or a list of objects; it is a text."),
        ({"input": [{}, 7]}, "input: give an object or a list of objects; entry 2 is a number."),
        ({"start": "Nope"}, "start: Numbers has no node 'Nope'"),
        ({"until": "Nope"}, "until: Numbers has no node 'Nope'"),
        ({"nodes": []}, "nodes: No such field"),
        ({"workflowData": {"nodes": []}}, "workflowData: No such field"),
        ({"pins": "perhaps"}, "pins"),
        ("{", "JSON parse error"),
    ],
)
def test_what_is_no_data_is_refused(run, numbers, body, said):
    """D12: the body is data; what runs is what was saved."""
    status, answer = run(numbers, body)
    assert status == 400
    assert said in answer["error"]["message"]
    assert not Execution.objects.exists()


def test_an_earlier_version_runs_when_it_is_named(api, run, numbers):
    services.save_version(numbers, chain("Numbers"), by=SYSTEM)
    assert (
        api("viewer", "get", f"{HERE}{run(numbers, {'version': 1})[1]['id']}/")[1]["version"] == 1
    )
    assert api("viewer", "get", f"{HERE}{run(numbers)[1]['id']}/")[1]["version"] == 2
    assert run(numbers, {"version": 9})[0] == 404


def test_an_idempotency_key_starts_one_run(run, numbers):
    key = {"idempotency-key": "one"}
    first = run(numbers, {"input": {"a": 1}}, **key)
    assert run(numbers, {"input": {"a": 1}}, **key) == first
    assert run(numbers, {"input": {"a": 2}}, **key)[0] == 409
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"status": "success"}, 1),
        ({"status": "queued"}, 1),
        ({"name": "Numbers"}, 2),
        ({"name": "Other"}, 0),
        ({"source": "api"}, 2),
    ],
)
def test_the_list_is_filtered(api, done, run, numbers, query, count):
    done(numbers), run(numbers)
    _, page = api("viewer", "get", HERE, query)
    assert len(page["results"]) == count
    assert all("nodes" not in row for row in page["results"])


def test_the_list_is_filtered_by_workflow_and_paged_newest_first(api, run, keep, numbers):
    made = [run(numbers)[1]["id"] for _ in range(3)]
    other = run(keep())[1]["id"]
    _, page = api("viewer", "get", HERE, {"workflow": numbers.pk, "limit": 2})
    assert [row["id"] for row in page["results"]] == [made[2], made[1]]
    _, page = api("viewer", "get", page["next"].removeprefix("http://testserver"))
    assert [row["id"] for row in page["results"]] == [made[0]]
    assert api("viewer", "get", HERE)[1]["results"][0]["id"] == other
    assert api("viewer", "get", HERE, {"status": "nope"})[0] == 400


def test_the_list_costs_the_same_however_long(api, run, numbers, django_assert_max_num_queries):
    run(numbers)
    api("viewer", "get", HERE)
    with django_assert_max_num_queries(6) as few:
        api("viewer", "get", HERE)
    count = len(few)  # the next request forgets what was counted
    for _ in range(8):
        run(numbers)
    with django_assert_max_num_queries(count):
        api("viewer", "get", HERE)


def test_items_of_a_node_come_in_pages(api, done, numbers):
    path = f"{HERE}{done(numbers).pk}/data/"
    _, page = api("viewer", "get", path, {"node": "Count"})
    assert (page["total"], page["outputs"], page["next"]) == (60, [60], 50)
    assert page["items"][1] == {"json": {"n": 1}, "pairedItem": {"item": 0}}
    _, page = api("viewer", "get", path, {"node": "Count", "offset": 50})
    assert ([one["json"]["n"] for one in page["items"]], page["next"]) == (
        list(range(50, 60)),
        None,
    )
    _, page = api("viewer", "get", path, {"node": "Count", "output": 4})
    assert (page["total"], page["items"]) == (0, [])


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({}, 400, "node: This field is required."),
        ({"node": "Nope"}, 404, "No node called 'Nope' ran"),
        ({"node": "Count", "run": 1}, 404, "has no run 1"),
        ({"node": "Count", "limit": 1000}, 400, "limit"),
        ({"node": "Count", "rum": 1}, 400, "rum: No such field"),
    ],
)
def test_data_that_is_not_there_is_told(api, done, numbers, query, status, said):
    answer = api("viewer", "get", f"{HERE}{done(numbers).pk}/data/", query)
    assert answer[0] == status
    assert said in answer[1]["error"]["message"]


def test_a_failed_node_tells_error_and_what_its_script_printed(api, done, keep):
    workflow = keep(chain("T", code("Bad", f"console.log('so far'); {FAILS}")))
    execution = done(workflow)
    found = api("viewer", "get", f"{HERE}{execution.pk}/")[1]
    assert (found["status"], found["error"]["node"]) == ("error", "Bad")
    _, page = api("viewer", "get", f"{HERE}{execution.pk}/data/", {"node": "Bad"})
    assert "no tide" in page["error"]["message"]


def test_a_failed_run_is_retried_with_the_newest_version(api, done, work, keep):
    failed = done(keep(chain("T", code("Bad", FAILS))))
    mended = chain("T", code("Bad", "return []"))
    services.save_version(failed.workflow, mended, by=SYSTEM)
    path = f"{HERE}{failed.pk}/retry/"
    status, body = api("member", "post", path, {"newest": True}, **{"idempotency-key": "one"})
    assert status == 202
    assert api("member", "post", path, {"newest": True}, **{"idempotency-key": "one"})[1] == body
    work(Execution.objects.get(pk=body["id"]))
    found = api("viewer", "get", f"{HERE}{body['id']}/")[1]
    assert (found["status"], found["retry_of"], found["version"]) == ("success", failed.pk, 2)
    assert api("member", "post", f"{HERE}{body['id']}/retry/")[0] == 409


def test_a_waiting_run_says_what_for_until_when_and_is_canceled(api, done, keep):
    wait = node("Wait", "wait", resume="timeInterval", amount=2, unit="hours")
    path = f"{HERE}{done(keep(chain('T', wait))).pk}/"
    found = api("viewer", "get", path)[1]
    assert (found["status"], found["finished_at"]) == ("waiting", None)
    assert found["due_at"] > found["created_at"]
    assert found["waits_for"].startswith("Wait waits until ")
    assert api("member", "delete", path)[0] == 409
    assert api("member", "post", f"{path}cancel/")[1]["status"] == "canceled"
    assert api("member", "post", f"{path}cancel/")[0] == 409
    assert api("member", "delete", path)[0] == 204
    assert api("viewer", "get", path)[0] == 404


def test_a_run_is_kept_and_no_longer(api, done, numbers):
    path = f"{HERE}{done(numbers).pk}/"
    status, found = api("member", "post", f"{path}keep/", {"kept": True})
    assert (status, found["kept"], found["stored_bytes"] > 0) == (200, True, True)
    assert api("member", "post", f"{path}keep/", {"kept": False})[1]["kept"] is False
    assert api("member", "post", f"{path}keep/")[0] == 400


def test_runs_that_started_one_another_name_each_other(api, done, keep):
    inner = keep(chain("Inner"))
    options = {"waitForSubWorkflow": False}
    call = node("Call", "executeWorkflow", workflowId=str(inner.pk), options=options)
    outer = done(keep(chain("Outer", call)))
    child = outer.children.get()
    assert api("viewer", "get", f"{HERE}{outer.pk}/")[1]["children"] == [child.pk]
    found = api("viewer", "get", f"{HERE}{child.pk}/")[1]
    assert (found["parent"], found["source"], found["name"]) == (outer.pk, "workflow", "Inner")


def test_viewers_look_and_strangers_see_nothing(api, done, run, numbers):
    path = f"{HERE}{done(numbers).pk}/"
    assert run(numbers, who="viewer")[0] == 403
    assert run(numbers, who="stranger")[0] == 404
    for verb in ("cancel", "retry", "keep"):
        assert api("viewer", "post", f"{path}{verb}/")[0] == 403
        assert api("stranger", "post", f"{path}{verb}/")[0] == 404
    assert api("viewer", "delete", path)[0] == 403
    assert api("viewer", "get", f"{path}data/", {"node": "Count"})[0] == 200
    assert api("stranger", "get", f"{path}data/", {"node": "Count"})[0] == 404
    assert api("stranger", "get", HERE)[1]["results"] == []


# -- previews ------------------------------------------------------------------------------------


@pytest.fixture
def preview(api):
    """Evaluate an expression of a workflow: `preview(workflow, "={{ 1 }}", "End")`."""

    def asked(workflow, expression, name, *, who="member", **more):
        body = {"expression": expression, "node": name} | more
        return api(who, "post", f"/api/v1/workflows/{workflow.pk}/preview/", body)

    yield asked
    services.forget_previews()


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("={{ $json.n }}", {"type": "number", "value": 7}),
        ("={{ $json.n + 1 }}", {"type": "number", "value": 8}),
        ("=n is {{ $json.n }}", {"type": "string", "value": "n is 7"}),
        ("={{ $('Start').first().json }}", {"type": "object", "value": {"tide": "high"}}),
        ("={{ $('Count').all().length }}", {"type": "number", "value": 60}),
        ("={{ $input.all().length }}", {"type": "number", "value": 60}),
        ("={{ $json.nope }}", {"type": "undefined", "value": {"__undefined": True}}),
        ("={{ $workflow.name }}", {"type": "string", "value": "Numbers"}),
        ("no expression", {"type": "string", "value": "no expression"}),
    ],
)
def test_an_expression_sees_what_its_node_saw_in_the_last_run(
    preview, done, numbers, expression, answer
):
    done(numbers, {"input": {"tide": "high"}})
    assert preview(numbers, expression, "End", item=7) == (200, answer)


def test_an_expression_of_a_node_that_has_not_run_sees_what_would_come_in(preview, done, numbers):
    done(numbers, {"until": "Count"})
    assert preview(numbers, "={{ $json.n }}", "End", item=3)[1]["value"] == 3


def test_pinned_data_stands_in_for_a_run(preview, keep):
    workflow = keep(
        chain("T", node("A", "noOp"), node("B", "noOp"), pinData={"A": [{"json": {"a": 1}}]})
    )
    assert preview(workflow, "={{ $json.a + $('A').item.json.a }}", "B")[1]["value"] == 2


def test_an_expression_sees_the_variables_of_its_team(preview, numbers, people):
    Variable.objects.create(team=people.ours, name="tide", value="high")
    Variable.objects.create(team=people.theirs, name="moon", value="full")
    assert preview(numbers, "={{ $vars.tide + $vars.moon }}", "End")[1]["value"] == "highundefined"


def test_a_variable_that_changed_is_seen_at_the_next_evaluation(preview, numbers, people):
    tide = Variable.objects.create(team=people.ours, name="tide", value="high")
    asked = (numbers, "={{ $vars.tide }}/{{ $json.n ?? 'none' }}", "End")
    assert preview(*asked)[1]["value"] == "high/none"
    tide.value = "low"
    tide.save(update_fields=["value"])
    assert preview(*asked)[1]["value"] == "low/none"
    tide.delete()
    assert preview(*asked)[1]["value"] == "/none"


def test_a_name_of_the_environment_that_was_allowed_meanwhile_is_seen(
    preview, numbers, monkeypatch
):
    monkeypatch.setenv("LAB_NAME", "attic")
    asked = (numbers, "={{ $env.LAB_NAME }}", "End")
    assert "denied" in preview(*asked)[1]["error"]
    tunables.change("workflow_env", "LAB_NAME", by=SYSTEM)
    assert preview(*asked)[1]["value"] == "attic"


def test_the_data_of_one_execution_can_be_named(preview, done, numbers):
    first = done(numbers, {"input": {"a": 1}})
    done(numbers, {"input": {"a": 2}})
    asked = ("={{ $('Start').first().json.a }}", "Count")
    assert preview(numbers, *asked, execution=first.pk)[1]["value"] == 1
    assert preview(numbers, *asked)[1]["value"] == 2


def test_what_fails_in_an_expression_is_told(preview, done, numbers):
    done(numbers)
    status, answer = preview(numbers, "={{ $('Nope').first() }}", "End")
    assert (status, list(answer)) == (200, ["error"])
    assert preview(numbers, "={{ 1 }}", "End", item=60)[1] == {
        "error": "The node gets 60 items; there is no item 60."
    }


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"name": "Nope"}, "node: Numbers has no node 'Nope'"),
        ({"execution": 987654}, "execution: Numbers has no execution 987654"),
        ({"expression": "=" + "x" * 10_000}, "expression: at most"),
        ({"item": -1}, "item"),
    ],
)
def test_a_preview_of_nothing_is_refused(preview, numbers, how, said):
    asked = {"expression": "={{ 1 }}", "name": "End"} | how
    status, answer = preview(numbers, **asked)
    assert status == 400
    assert said in answer["error"]["message"]


def test_a_preview_shows_nothing_of_another_teams_run(preview, done, keep, numbers, people):
    theirs = keep(chain("Theirs"), team=people.theirs)
    mine = done(numbers)
    answer = preview(theirs, "={{ $json }}", "Start", who="stranger", execution=mine.pk)
    assert answer[0] == 400
    assert preview(numbers, "={{ 1 }}", "End", who="stranger")[0] == 404
    assert preview(numbers, "={{ 1 }}", "End", who="viewer")[0] == 403


def test_a_few_runs_stay_at_hand_and_no_more(preview, done, numbers, monkeypatch):
    from workflows.services import previewing

    monkeypatch.setattr(previewing, "MOST_KEPT", 2)
    for _ in range(4):
        done(numbers)
        assert preview(numbers, "={{ $json.n + 0 }}", "End")[1]["value"] == 0
    assert len(previewing._kept) == 2
    monkeypatch.setattr(previewing, "KEPT_SECONDS", 0.0)
    preview(numbers, "={{ $json.n + 0 }}", "End")
    assert len(previewing._kept) == 1


def test_runs_are_counted_by_day(api, done, numbers):
    done(numbers)
    done(numbers)
    old = done(numbers)
    Execution.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
    path = f"/api/v1/workflows/{numbers.pk}/usage/"
    (today,) = api("viewer", "get", path, {"days": 3})[1]
    assert (today["day"], today["runs"]) == (timezone.localdate().isoformat(), 2)
    assert (today["succeeded"], today["failed"]) == (2, 0)
    assert today["ms"] > 0
    assert [one["runs"] for one in api("viewer", "get", path)[1]] == [2, 1]
    assert api("viewer", "get", path, {"days": 0})[0] == 400


def test_how_many_runs_go_on_at_once_is_changed(api, numbers):
    path = f"/api/v1/workflows/{numbers.pk}/"
    assert api("member", "patch", path, {"at_once": 2})[1]["at_once"] == 2
    assert api("member", "patch", path, {"at_once": 1001})[0] == 400
    assert api("viewer", "patch", path, {"at_once": 1})[0] == 403
    assert api("viewer", "get", path)[1]["at_once"] == 2
