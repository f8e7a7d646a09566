"""Executions by their services and the runner: run, failed, retried, canceled, parked, tidied."""

import asyncio
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from whoosh_site.core import leases, tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, NotFound
from whoosh_site.core.leases import Lease
from workflows import services
from workflows.models import Execution, ExecutionPart, KeptSteps, Variable
from workflows.tasks import tidy_executions
from workflows.tests.conftest import NUMBERS, chain, code, node

FAILS = "throw new Error('no tide')"
COUNT = "return [{json: {at: Date.now() + Math.random()}}]"


def test_a_run_keeps_what_its_nodes_gave_in_the_order_they_ran(keep, start, work):
    done = work(start(keep(chain("Tides", code("Count", NUMBERS), node("End", "noOp")))))
    assert (done.state, done.error) == ("success", "")
    told = [(one["name"], one["runs"], one["items"], one["failed"]) for one in done.nodes]
    assert told == [("Start", 1, 1, False), ("Count", 1, 60, False), ("End", 1, 60, False)]
    assert services.find_step(done, "Count").outputs[0][59]["json"] == {"n": 59}
    assert done.started_at <= done.finished_at


def test_a_run_starts_with_its_input_ends_at_a_node_and_uses_pins(keep, start, work):
    pins = {"Count": [{"json": {"pinned": True}}]}
    workflow = keep(chain("T", code("Count", FAILS), node("End", "noOp"), pinData=pins))
    done = work(start(workflow, items=[{"json": {"a": 1}}], until="Count", pins=True))
    assert [one["name"] for one in done.nodes] == ["Start", "Count"]
    assert services.find_step(done, "Start").outputs[0][0]["json"] == {"a": 1}
    assert services.find_step(done, "Count").outputs[0][0]["json"] == {"pinned": True}


def test_a_failure_names_its_node_and_keeps_what_came_before(keep, start, work):
    done = work(start(keep(chain("T", code("Count", NUMBERS), code("Bad", FAILS)))))
    assert (done.state, done.error_node) == ("error", "Bad")
    assert "no tide" in done.error
    assert [one["failed"] for one in done.nodes] == [False, False, True]
    assert services.find_step(done, "Count").count == 60


@pytest.mark.parametrize("newest", [False, True])
def test_a_retry_goes_on_from_the_failed_node_with_the_version_that_is_wished(
    keep, start, work, people, newest
):
    workflow = keep(chain("T", code("Count", COUNT), code("Bad", FAILS)))
    failed = work(start(workflow))
    mended = chain("T", code("Count", COUNT), code("Bad", "return [{json: {mended: 1}}]"))
    services.save_version(workflow, mended, by=SYSTEM)
    workflow.refresh_from_db()
    again = services.retry_execution(failed, by=Actor(people.member), newest=newest)
    done = work(again)
    assert (done.version.number, done.retry_of_id) == (2 if newest else 1, failed.pk)
    assert done.state == ("success" if newest else "error")
    kept = [services.find_step(one, "Count").outputs for one in (failed, done)]
    assert kept[0] == kept[1]


def test_only_what_failed_is_retried(keep, start, work, people):
    execution = start(keep())
    with pytest.raises(Conflict, match="is queued: nothing to retry"):
        services.retry_execution(execution, by=Actor(people.member))
    with pytest.raises(Conflict, match="succeeded: nothing to retry"):
        services.retry_execution(work(execution), by=Actor(people.member))


def test_a_run_begins_again_at_a_node_with_what_those_before_it_gave(keep, start, work, people):
    end = node("End", "noOp")
    workflow = keep(chain("T", code("Count", COUNT), code("Add", "return items"), end))
    first = work(start(workflow))
    seven = code("Add", "return [{json: {n: 7}}]")
    services.save_version(workflow, chain("T", code("Count", FAILS), seven, end), by=SYSTEM)
    again = services.retry_execution(first, by=Actor(people.member), newest=True, node="Add")
    done = work(again)
    assert (done.state, done.from_node) == ("success", "Add")
    assert services.find_step(done, "End").outputs[0][0]["json"] == {"n": 7}


def to(name):
    return [{"node": name, "type": "main", "index": 0}]


def test_a_retry_of_a_loop_that_failed_in_the_middle_loses_no_item(keep, start, work, people):
    five = code("Count", "return [1, 2, 3, 4, 5].map(n => ({json: {n}}))")
    size = "={{ $runIndex === 2 && $vars.mended !== 'yes' ? 'none' : 1 }}"
    loop = node("Loop", "splitInBatches", batchSize=size) | {"typeVersion": 3}
    raw = json.loads(chain("T", five, loop, node("Body", "noOp"), node("Done", "noOp")))
    raw["connections"] |= {
        "Loop": {"main": [to("Done"), to("Body")]},
        "Body": {"main": [to("Loop")]},
    }
    document = json.dumps(raw)
    workflow = keep(document)
    failed = work(start(workflow))
    assert (failed.state, failed.error_node) == ("error", "Loop")
    Variable.objects.create(team=failed.team, name="mended", value="yes")
    done = work(services.retry_execution(failed, by=Actor(people.member)))
    assert done.state == "success", done.error
    given = services.find_step(done, "Done").outputs[0]
    assert [one["json"]["n"] for one in given] == [1, 2, 3, 4, 5]


def test_a_retry_goes_on_where_a_node_before_has_gone(keep, start, work, people):
    workflow = keep(chain("T", code("X", COUNT), code("B", "return items"), code("C", FAILS)))
    failed = work(start(workflow))
    newer = chain("T", code("B", "return items"), code("C", "return items"))
    services.save_version(workflow, newer, by=SYSTEM)
    done = work(services.retry_execution(failed, by=Actor(people.member), newest=True))
    assert done.state == "success", done.trouble


def test_what_is_nested_too_deeply_to_be_kept_ends_the_run_plainly(keep, start, work):
    deep = "let v = 1; for (let i = 0; i < 900; i++) v = {v}; return [{json: v}]"
    ended = work(start(keep(chain("T", code("Deep", deep)))))
    assert (ended.state, ended.deaths) == ("error", 0)
    assert "nested too deeply" in ended.error


def test_a_node_gives_no_more_items_than_an_administrator_allows(keep, start, work):
    many = "return Array.from({length: 1001}, (_, n) => ({json: {n}}))"
    workflow = keep(chain("T", code("Many", many)))
    assert work(start(workflow)).state == "success"
    tunables.change("workflow_items", 1000, by=SYSTEM)
    ended = work(start(workflow))
    assert (ended.state, ended.error_node) == ("error", "Many")
    assert "It gives 1,001 items; 1,000 are allowed in one run of a node" in ended.error


def test_a_run_does_not_begin_at_a_node_that_is_not_there(keep, start, work, people):
    ended = work(start(keep()))
    with pytest.raises(BadInput, match="has no node 'Nowhere'"):
        services.retry_execution(ended, by=Actor(people.member), node="Nowhere")


def test_a_retry_reads_the_files_of_the_runs_it_goes_on_from(keep, start, work, people):
    workflow = keep(
        chain("T", node("File", "convertToFile", operation="toJson"), code("Bad", FAILS))
    )
    first = work(start(workflow))
    second = work(services.retry_execution(first, by=Actor(people.member)))
    third = services.retry_execution(second, by=Actor(people.member))
    record = services.find_step(first, "File").outputs[0][0]["binary"]["data"]
    assert asyncio.run(services.files_of(third).bytes_of(record))
    assert third.lineage == [third.pk, second.pk, first.pk]


def test_a_long_wait_parks_the_run_until_its_time_has_come(keep, start, work):
    wait = node("Wait", "wait", resume="timeInterval", amount=66, unit="seconds")
    parked = work(start(keep(chain("T", code("Count", COUNT), wait, node("End", "noOp")))))
    assert (parked.state, parked.owner) == ("waiting", "")
    assert [(one["name"], one["runs"], one["running"]) for one in parked.nodes][1:] == [
        ("Count", 1, False),
        ("Wait", 0, True),
    ]
    assert timedelta(seconds=50) < parked.due - timezone.now() < timedelta(seconds=67)
    assert work(parked).state == "waiting"
    before = services.find_step(parked, "Count").outputs
    Execution.objects.update(due_at=timezone.now())
    done = work(parked)
    assert (done.state, done.started_at) == ("success", parked.started_at)
    assert services.find_step(done, "Count").outputs == before
    assert [one["name"] for one in done.nodes] == ["Start", "Count", "Wait", "End"]


SAYS = """
const kept = $getWorkflowStaticData('global');
kept.seen = [...(kept.seen ?? []), 'before'];
$getWorkflowStaticData('node').mine = 7;
$execution.customData.set('place', 'attic');
return items;
"""
READS = """
const custom = $execution.customData.getAll();
return [{json: {custom, seen: $getWorkflowStaticData('global').seen}}];
"""


def test_custom_and_static_data_outlive_a_long_wait(keep, start, work):
    wait = node("Wait", "wait", resume="timeInterval", amount=2, unit="hours")
    second = code("Again", "return [{json: {mine: $getWorkflowStaticData('node').mine ?? null}}]")
    document = chain(
        "T", code("Says", SAYS), wait, code("Reads", READS), second,
        staticData={"global": {"seen": ["earlier"]}},
    )  # fmt: skip
    parked = work(start(keep(document)))
    assert parked.state == "waiting"
    Execution.objects.update(due_at=timezone.now())
    done = work(parked)
    assert done.state == "success", done.error
    told = services.find_step(done, "Reads").outputs[0][0]["json"]
    assert told == {"custom": {"place": "attic"}, "seen": ["earlier", "before"]}
    assert services.find_step(done, "Again").outputs[0][0]["json"] == {"mine": None}


def test_a_retry_finds_the_custom_data_of_the_nodes_it_does_not_run_again(
    keep, start, work, people
):
    fails = "if ($vars.mended !== 'yes') throw new Error('no tide');" + READS
    failed = work(start(keep(chain("T", code("Says", SAYS), code("Reads", fails)))))
    assert failed.state == "error"
    Variable.objects.create(team=failed.team, name="mended", value="yes")
    done = work(services.retry_execution(failed, by=Actor(people.member)))
    told = services.find_step(done, "Reads").outputs[0][0]["json"]
    assert told == {"custom": {"place": "attic"}, "seen": ["before"]}


def test_a_wait_for_a_call_is_shown_as_waiting_without_a_time(keep, start, work):
    parked = work(start(keep(chain("T", node("Wait", "wait", resume="webhook")))))
    assert (parked.state, parked.due, parked.waits_for) == (
        "waiting",
        None,
        "Wait waits for a call",
    )


def test_what_no_database_holds_is_replaced_in_what_is_told(keep, start, work):
    bad = code("Bad", "throw new Error('a' + String.fromCharCode(0) + 'b')")
    done = work(start(keep(chain("T", bad))))
    assert done.state == "error"
    assert "a\ufffdb" in done.error


def test_a_waiting_run_is_canceled_at_once(keep, start, work, people):
    parked = work(start(keep(chain("T", node("Wait", "wait", resume="webhook")))))
    assert services.cancel_execution(parked, by=Actor(people.member))
    parked.refresh_from_db()
    assert (parked.state, parked.ended, parked.finished_at is None) == ("canceled", True, False)
    assert not services.cancel_execution(parked, by=Actor(people.member))


def test_a_retry_of_a_canceled_wait_waits_again(keep, start, work, people):
    wait = node("Wait", "wait", resume="webhook")
    parked = work(start(keep(chain("T", code("Count", COUNT), wait, node("End", "noOp")))))
    services.cancel_execution(parked, by=Actor(people.member))
    parked.refresh_from_db()
    again = work(services.retry_execution(parked, by=Actor(people.member)))
    assert again.state == "waiting"
    counts = [services.find_step(one, "Count").outputs for one in (parked, again)]
    assert counts[0] == counts[1]


def test_a_run_that_somebody_cancels_while_it_sleeps_ends_there(keep, start, inside, people):
    wait = node("Wait", "wait", resume="timeInterval", amount=60, unit="seconds")
    execution = start(keep(chain("T", wait)))

    async def whole():
        from asgiref.sync import sync_to_async

        from whoosh_site.core.runner import Runner

        runner = Runner()
        runner.kinds = [one for one in runner.kinds if one.key == "execution"]
        running = asyncio.create_task(runner.once())
        for _ in range(200):
            await asyncio.sleep(0.05)
            row = await Execution.objects.aget(pk=execution.pk)
            if any(one["running"] for one in row.nodes):
                break
        await sync_to_async(services.cancel_execution)(row, by=Actor(people.member))
        await runner._ask_for_news()
        await running

    inside(whole())
    execution.refresh_from_db()
    assert (execution.state, execution.owner) == ("canceled", "")
    assert [one["name"] for one in execution.nodes] == ["Start", "Wait"]


def test_a_run_whose_runner_is_gone_is_done_by_another_and_the_first_changes_nothing(
    keep, start, work, inside
):
    execution = start(keep())
    late = leases.claim_one(Execution, execution.pk, "gone:1:1")
    Execution.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert leases.give_back(Execution).queued == [execution.pk]
    done = work(execution)
    assert (done.state, done.attempt) == ("success", 2)
    inside(services.run_execution(Lease(Execution, execution.pk, "gone:1:1", late.attempt)))
    assert Execution.objects.get().finished_at == done.finished_at


def test_a_run_that_kills_its_runners_is_put_in_quarantine_and_says_why(keep, start):
    execution = start(keep())
    for _ in range(3):
        leases.claim_one(Execution, execution.pk, "gone:1:1")
        Execution.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        services.executions_returned(leases.give_back(Execution))
    execution.refresh_from_db()
    assert (execution.state, execution.ended) == ("quarantined", True)
    assert "process died (3 of 3)" in execution.error


def test_a_workflow_runs_others_of_its_team_by_id_or_name(keep, start, work, people):
    inner = chain("Inner", code("Say", "return [{json: {said: 'inner'}}]"), id="n8nId1")
    other = keep(inner.replace("manualTrigger", "executeWorkflowTrigger"))
    for which in (str(other.pk), "Inner", "n8nId1"):
        call = node("Call", "executeWorkflow", workflowId=which)
        done = work(start(keep(chain("Outer", call))))
        assert done.error == ""
        assert services.find_step(done, "Call").outputs[0][0]["json"] == {"said": "inner"}


def aside(which, **more):
    options = {"waitForSubWorkflow": False}
    return node("Call", "executeWorkflow", workflowId=str(which), options=options, **more)


def test_a_workflow_nobody_waits_for_is_an_execution_of_its_own(keep, start, work, people):
    wait = node("Wait", "wait", resume="timeInterval", amount=2, unit="hours")
    text = chain("Inner", wait).replace("manualTrigger", "executeWorkflowTrigger")
    inner = keep(text)
    outer = keep(chain("Outer", aside(inner.pk), node("End", "noOp")))
    done = work(start(outer, items=[{"json": {"n": 7}}]))
    assert (done.state, done.error) == ("success", "")
    assert services.find_step(done, "End").outputs[0][0]["json"] == {"n": 7}
    child = done.children.get()
    work(child)
    child.refresh_from_db()
    assert (child.workflow, child.state, child.source) == (inner, "waiting", "workflow")
    assert (child.items, child.started_by) == ([{"json": {"n": 7}}], done.started_by)
    Execution.objects.update(due_at=timezone.now())
    assert work(child).state == "success"


def test_a_run_whose_runner_died_starts_nothing_twice(keep, start, work, people):
    inner = keep(chain("Inner").replace("manualTrigger", "executeWorkflowTrigger"))
    outer = keep(chain("Outer", aside(inner.pk, mode="each")))
    execution = start(outer, items=[{"json": {"n": n}} for n in range(3)])
    work(execution)
    again = {"state": "queued", "finished_at": None, "owner": ""}
    Execution.objects.filter(pk=execution.pk).update(**again)
    KeptSteps(execution.pk).rows.delete()
    done = work(execution)
    assert done.state == "success", done.error
    assert sorted(one.items[0]["json"]["n"] for one in done.children.all()) == [0, 1, 2]


def test_workflows_that_start_themselves_come_to_an_end(keep, start, work):
    workflow = keep(chain("Self", aside("Self")))
    work(start(workflow))
    for _ in range(22):
        work(Execution.objects.latest("pk"))
    last = Execution.objects.latest("pk")
    assert (last.depth, last.state) == (20, "error")
    assert "probably one" in last.error


def test_a_run_reads_the_files_of_the_run_that_started_it(keep, start, work):
    read = node("Read", "extractFromFile", operation="fromJson")
    inner = keep(chain("Inner", read).replace("manualTrigger", "executeWorkflowTrigger"))
    outer = chain("Outer", node("File", "convertToFile", operation="toJson"), aside(inner.pk))
    done = work(start(keep(outer), items=[{"json": {"n": 7}}]))
    child = work(done.children.get())
    assert child.error == ""
    assert child.lineage == [child.pk, done.pk]


@pytest.mark.parametrize("how", ["name", "id", "file"])
def test_a_workflow_reaches_no_other_team_and_no_file(keep, start, work, people, tmp_path, how):
    theirs = keep(chain("Theirs"), team=people.theirs)
    file = tmp_path / "theirs.json"
    file.write_text(chain("Theirs"))
    which = {"name": "Theirs", "id": str(theirs.pk), "file": str(file)}[how]
    named = {"source": "localFile", "workflowPath": which} if how == "file" else {}
    call = node("Call", "executeWorkflow", **(named or {"workflowId": which}))
    done = work(start(keep(chain("Outer", call))))
    assert done.state == "error"
    assert "No workflow of this team" in done.error


def test_what_cannot_start_is_refused(keep, start, people):
    workflow = keep()
    with pytest.raises(BadInput, match="start: Tides has no node 'Nope'. There are: Start, Set"):
        start(workflow, start="Nope")
    with pytest.raises(BadInput, match="are allowed"):
        start(workflow, items=[{"json": {"a": "x" * 8_400_000}}])
    with pytest.raises(Forbidden):
        start(workflow, by=people.viewer)
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("", [{"json": {}}]),
        ("[]", [{"json": {}}]),
        ('{"a": 1}', [{"json": {"a": 1}}]),
        ('[{"a": 1}, {"b": 2}]', [{"json": {"a": 1}}, {"json": {"b": 2}}]),
        ('[{"json": {"a": 1}, "pairedItem": 3}]', [{"json": {"a": 1}}]),
        ('{"json": {"a": 1}, "more": 2}', [{"json": {"json": {"a": 1}, "more": 2}}]),
    ],
)
def test_input_is_an_object_a_list_of_objects_or_items(given, items):
    assert services.parse_items(given) == items


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{\n "a": 1,\n}', "at line 3, column 1"),
        ('{"a": NaN}', "NaN is no number"),
        ("[1]", "entry 1 is a number"),
        ('"text"', "it is a text"),
        ("null", "it is null"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_other_input_is_refused_and_told_where(given, said):
    with pytest.raises(BadInput, match=said):
        services.parse_items(given)


def test_what_is_not_there_is_told(keep, start, work):
    execution = start(keep(chain("T", code("Count", NUMBERS))))
    with pytest.raises(NotFound, match="kept no data"):
        services.find_step(execution, "Count")
    done = work(execution)
    with pytest.raises(NotFound, match="No node called 'Nope' ran"):
        services.find_step(done, "Nope")
    with pytest.raises(NotFound, match="it ran 1 times, from 0"):
        services.find_step(done, "Count", 3)


def test_an_execution_is_deleted_with_its_files_once_it_has_ended(
    keep, start, work, people, django_capture_on_commit_callbacks
):
    execution = start(keep(chain("T", node("File", "convertToFile", operation="toJson"))))
    with pytest.raises(Conflict, match="has not ended: cancel it first"):
        services.delete_execution(execution, by=Actor(people.member))
    folder = settings.VAR / "binary" / f"team-{people.ours.pk}" / str(execution.pk)
    work(execution)
    assert folder.is_dir()
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_execution(execution, by=Actor(people.member))
    assert not folder.exists()
    assert not ExecutionPart.objects.exists()


def test_old_executions_and_the_oldest_of_too_many_are_tidied_away(keep, start, work):
    workflow = keep()
    old, *rest = [work(start(workflow)) for _ in range(14)]
    waiting = work(start(keep(chain("W", node("Wait", "wait", resume="webhook")))))
    long_ago = timezone.now() - timedelta(days=8)
    Execution.objects.filter(pk=old.pk).update(finished_at=long_ago)
    tidy_executions()
    assert Execution.objects.filter(pk=old.pk).exists()
    tunables.change("execution_retention", 7, by=SYSTEM)
    tidy_executions()
    assert not Execution.objects.filter(pk=old.pk).exists()
    tunables.change("executions_kept", 10, by=SYSTEM)
    tidy_executions()
    left = Execution.objects.order_by("pk").values_list("pk", flat=True)
    assert list(left) == [*(one.pk for one in rest[-10:]), waiting.pk]


def test_files_whose_run_is_gone_are_tidied_away_after_a_day(keep, start, work, people):
    import os

    done = work(start(keep(chain("T", node("File", "convertToFile", operation="toJson")))))
    team = settings.VAR / "binary" / f"team-{people.ours.pk}"
    orphan, fresh = team / "987654", team / "987655"
    for folder in (orphan, fresh):
        folder.mkdir()
    for folder in (orphan, team / str(done.pk)):
        os.utime(folder, (1, 1))
    tidy_executions()
    assert (orphan.exists(), fresh.exists(), (team / str(done.pk)).exists()) == (
        False,
        True,
        True,
    )
