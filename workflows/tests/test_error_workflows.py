"""Error workflows: started by failed production runs, in the transaction that says they failed."""

import json

import pytest

from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.execute import Outcome
from workflows.models import Execution
from workflows.services.checkpoints import Checkpoints
from workflows.services.executing import _ended
from workflows.tests.conftest import code, node, written

BAD = code("Bad", "throw new Error('no tide')")


def document(name="Tides", *more, **settings):
    """Return a document that fails."""
    links = {"Clock": {"main": [[{"node": "Bad", "type": "main", "index": 0}]]}}
    settings = {"executionOrder": "v1", **settings}
    nodes = [node("Clock", "scheduleTrigger"), BAD, *more]
    return written(name, *nodes, connections=links, settings=settings)


def hearing(name="Alarm", *more, **settings):
    """Return an error workflow."""
    links = {"Heard": {"main": [[{"node": "End", "type": "main", "index": 0}]]}}
    nodes = [node("Heard", "errorTrigger"), *(more or [node("End", "noOp")])]
    settings = {"executionOrder": "v1", **settings}
    return written(name, *nodes, connections=links, settings=settings)


@pytest.fixture
def fail(start, work):
    """Run a workflow as a trigger would."""

    def failed(workflow, mode="production"):
        return work(start(workflow, source="schedule", mode=mode, start="Clock"))

    return failed


def test_a_failed_production_run_starts_the_error_workflow_its_settings_name(
    keep, fail, settings, work
):
    settings.BASE_URL = "https://whoosh.example.org"
    alarm = keep(hearing())
    failed = fail(keep(document(errorWorkflow=str(alarm.pk))))
    heard = work(failed.error_run)
    assert (heard.workflow, heard.state, heard.source) == (alarm, "success", "error")
    assert (heard.mode, heard.about) == ("production", failed)
    told = services.find_step(heard, "End").outputs[0][0]["json"]
    assert told["workflow"] == {"id": str(failed.workflow_id), "name": "Tides"}
    about = told["execution"]
    assert about.pop("error")["node"]["name"] == "Bad"
    assert about == {
        "id": str(failed.pk),
        "url": f"https://whoosh.example.org/executions/{failed.pk}/",
        "retryOf": None,
        "lastNodeExecuted": "Bad",
        "mode": "trigger",
    }


def test_an_error_trigger_in_the_workflow_itself_hears_of_its_failures(keep, fail, work):
    failed = fail(keep(document("Tides", node("Heard", "errorTrigger"))))
    heard = work(failed.error_run)
    assert (heard.workflow_id, heard.start_node) == (failed.workflow_id, "Heard")
    told = json.loads(heard.input_text)[0]["json"]
    assert "no tide" in told["execution"]["error"]["message"]


def test_a_run_by_hand_starts_none(keep, fail):
    alarm = keep(hearing())
    fail(keep(document(errorWorkflow=str(alarm.pk))), mode="test")
    assert Execution.objects.count() == 1


def test_a_failed_error_workflow_starts_no_other(keep, fail, work):
    alarm = keep(hearing("Alarm", code("End", "throw new Error('deaf')")))
    itself = json.loads(alarm.text)
    itself["settings"]["errorWorkflow"] = str(alarm.pk)
    services.save_version(alarm, json.dumps(itself), by=SYSTEM)
    failed = fail(keep(document(errorWorkflow=str(alarm.pk))))
    assert work(failed.error_run).state == "error"
    assert Execution.objects.count() == 2


def test_a_retry_that_fails_is_told_of_too(keep, fail, work):
    alarm = keep(hearing())
    failed = fail(keep(document(errorWorkflow=str(alarm.pk))))
    again = work(services.retry_execution(failed, by=SYSTEM))
    told = json.loads(again.error_run.input_text)[0]["json"]["execution"]
    assert (told["retryOf"], told["mode"]) == (str(failed.pk), "retry")


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("theirs", "No workflow of this team has the id"),
        ("deaf", "has no Error Trigger"),
        ("archived", "is archived"),
    ],
)
def test_an_error_workflow_that_cannot_be_started_is_said_on_the_run(
    keep, fail, people, which, said
):
    other = {
        "theirs": lambda: keep(hearing(), team=people.theirs),
        "deaf": lambda: keep(written("Deaf")),
        "archived": lambda: keep(hearing()),
    }[which]()
    if which == "archived":
        services.archive_workflow(other, by=SYSTEM)
    failed = fail(keep(document(errorWorkflow=str(other.pk))))
    assert said in failed.warnings[0]["message"]
    assert Execution.objects.count() == 1


def test_a_run_in_quarantine_is_told_of_once(keep, start):
    alarm = keep(hearing())
    run = start(keep(document(errorWorkflow=str(alarm.pk))), source="schedule", mode="production")
    Execution.objects.filter(pk=run.pk).update(state="quarantined", trouble="it died")
    found = leases.Returned([], [run.pk])
    services.executions_returned(found)
    services.executions_returned(found)
    run.refresh_from_db()
    told = json.loads(run.error_run.input_text)[0]["json"]["execution"]
    assert told["error"]["message"] == "it died"
    assert Execution.objects.count() == 2


def test_a_late_process_starts_none(keep, start, run, people):
    """What another attempt owns by now ends nothing, and so nothing follows."""
    alarm = keep(hearing())
    execution = start(
        keep(document(errorWorkflow=str(alarm.pk))), source="schedule", mode="production"
    )
    lease = leases.Lease(Execution, execution.pk, "nobody", 7)
    checkpoints = Checkpoints(lease, execution.version.document, (), list)
    _ended(lease, execution, Outcome.refused("too late"), checkpoints)
    assert Execution.objects.count() == 1


# -- static data ---------------------------------------------------------------------------------

COUNTS = """
const kept = $getWorkflowStaticData('global');
kept.count = (kept.count ?? 0) + 1;
return [{json: {count: kept.count}}];
"""


def counting(keep):
    links = {"Clock": {"main": [[{"node": "Count", "type": "main", "index": 0}]]}}
    nodes = [node("Clock", "scheduleTrigger"), code("Count", COUNTS)]
    return keep(written("T", *nodes, connections=links, staticData={"global": {"count": 5}}))


def test_static_data_of_production_runs_is_kept_and_of_others_is_not(keep, fail):
    workflow = counting(keep)
    counted = []
    for mode in ("production", "test", "production"):
        done = fail(workflow, mode)
        counted.append(services.find_step(done, "Count").outputs[0][0]["json"]["count"])
    assert counted == [6, 7, 7]
    workflow.refresh_from_db()
    assert json.loads(workflow.static_text) == {"global": {"count": 7}}


def test_static_data_of_a_run_that_fails_is_not_kept(keep, fail):
    workflow = counting(keep)
    text = workflow.text.replace("return [{json: {count", "throw new Error(1); [{json: {count")
    services.save_version(workflow, text, by=SYSTEM)
    workflow.refresh_from_db()
    assert fail(workflow).state == "error"
    workflow.refresh_from_db()
    assert json.loads(workflow.static_text) == {"global": {"count": 5}}
