"""Schedules: activated, started by a clock, made up for, never twice."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import Conflict
from whoosh_site.core.health import findings
from workflows import services
from workflows.models import Execution, Trigger
from workflows.services import firing
from workflows.tests.conftest import code, node, written

MINUTE = timedelta(minutes=1)


def scheduled(*intervals, name="Tides", kind="scheduleTrigger", rest=(), **more):
    """Return a document a schedule starts, with a node behind it."""
    parameters = more.pop("parameters", {"rule": {"interval": list(intervals)}})
    first = node("Clock", kind, **parameters)
    after = [node("End", "noOp"), *rest]
    links = {"Clock": {"main": [[{"node": after[0]["name"], "type": "main", "index": 0}]]}}
    return written(name, first, *after, connections=links, **more)


MINUTELY = {"field": "minutes", "minutesInterval": 1}


@pytest.fixture
def activated(keep):
    """Keep a document, activate it, and return its first trigger."""

    def made(text):
        workflow = keep(text)
        services.activate_workflow(workflow, by=SYSTEM)
        return Trigger.objects.get(workflow=workflow)

    return made


def due(trigger, ago):
    """Let the next moment of a trigger be one that came so long ago."""
    slot = timezone.now().replace(second=0, microsecond=0) - ago
    Trigger.objects.filter(pk=trigger.pk).update(due_at=slot)
    return slot


def test_an_active_schedule_has_a_next_moment_in_the_zone_of_the_workflow(activated):
    trigger = activated(scheduled({"triggerAtHour": 7}, settings={"timezone": "Asia/Kolkata"}))
    assert (trigger.kind, trigger.due_at > timezone.now()) == ("schedule", True)
    assert f"{trigger.due_at.astimezone(UTC):%H:%M}" == "01:30"


def test_a_due_schedule_starts_one_run_of_the_active_version(activated, work):
    trigger = activated(scheduled(MINUTELY, settings={"timezone": "Asia/Kolkata"}))
    services.save_version(trigger.workflow, scheduled(MINUTELY, name="Newer"), by=SYSTEM)
    slot = due(trigger, timedelta())
    assert firing.fire(slot + MINUTE / 3) == 1
    assert firing.fire(slot + MINUTE / 3) == 0
    done = work(Execution.objects.get())
    assert (done.state, done.source, done.mode) == ("success", "schedule", "production")
    assert (done.version.number, done.slot, done.started_by) == (1, slot, None)
    item = services.find_step(done, "End").outputs[0][0]["json"]
    assert datetime.fromisoformat(item["timestamp"]) == slot
    assert item["Timezone"] == "Asia/Kolkata (UTC+05:30)"
    trigger.refresh_from_db()
    assert (trigger.due_at, trigger.trouble) == (slot + MINUTE, "")


def test_the_runner_asks_when_the_next_moment_comes(activated):
    assert services.keep_time() == 1.0
    trigger = activated(scheduled({"field": "hours"}))
    assert services.keep_time() == 1.0
    Trigger.objects.filter(pk=trigger.pk).update(due_at=timezone.now() + MINUTE / 200)
    assert 0 < services.keep_time() < 0.31
    due(trigger, timedelta())
    assert services.keep_time() == 0.0
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("missed", "runs", "trouble"), [("once", 1, True), ("skip", 0, True), ("all", 4, False)]
)
def test_moments_nobody_saw_are_made_up_for_as_wished(activated, missed, runs, trouble):
    every = {"field": "minutes", "minutesInterval": 10}
    trigger = activated(scheduled(parameters={"rule": {"interval": [every]}, "missed": missed}))
    slot = trigger.due_at - 40 * MINUTE
    Trigger.objects.filter(pk=trigger.pk).update(due_at=slot)
    firing.fire(slot + 35 * MINUTE)
    assert Execution.objects.count() == runs
    trigger.refresh_from_db()
    assert trigger.due_at == slot + 40 * MINUTE
    assert ("moments from" in trigger.trouble) is trouble


@pytest.mark.parametrize(("overlap", "runs"), [("start", 2), ("skip", 1)])
def test_a_run_that_goes_on_keeps_the_next_back_where_wished(activated, overlap, runs):
    trigger = activated(
        scheduled(parameters={"rule": {"interval": [MINUTELY]}, "overlap": overlap})
    )
    slot = due(trigger, timedelta())
    firing.fire(slot)
    firing.fire(slot + MINUTE)
    assert Execution.objects.count() == runs
    trigger.refresh_from_db()
    assert ("an earlier run still goes on" in trigger.trouble) is (runs == 1)


def test_a_clock_that_goes_back_repeats_nothing(activated):
    trigger = activated(scheduled(MINUTELY))
    slot = due(trigger, timedelta())
    assert firing.fire(slot + MINUTE / 2) == 1
    assert firing.fire(slot - 60 * MINUTE) == 0
    assert firing.fire(slot + MINUTE / 2) == 0
    assert Execution.objects.count() == 1


def test_a_workflow_that_is_not_active_any_more_starts_nothing(activated):
    trigger = activated(scheduled(MINUTELY))
    slot = due(trigger, timedelta())
    services.deactivate_workflow(trigger.workflow, by=SYSTEM)
    assert firing.fire(slot + MINUTE) == 0


def test_a_new_version_with_the_same_rules_goes_on_from_the_same_anchor(activated):
    text = scheduled({"daysInterval": 3, "triggerAtHour": 7})
    trigger = activated(text)
    workflow = trigger.workflow
    trigger.options["anchor"] = (timezone.now() - timedelta(days=1)).isoformat()
    trigger.save()
    slot = due(trigger, MINUTE)
    services.save_version(workflow, text.replace("End", "Fin"), by=SYSTEM)
    workflow.refresh_from_db()
    services.activate_workflow(workflow, by=SYSTEM)
    again = Trigger.objects.get()
    assert (again.version.number, again.due_at) == (2, slot)
    assert again.options["anchor"] == trigger.options["anchor"]


def test_rules_nobody_can_read_stop_their_own_trigger_and_no_other(activated):
    bad = activated(scheduled(MINUTELY, name="Bad"))
    good = activated(scheduled(MINUTELY, name="Good"))
    Trigger.objects.filter(pk=bad.pk).update(rules=[{"evry": 1}])
    slot = due(bad, MINUTE)
    due(good, timedelta())
    assert firing.fire(slot + MINUTE) == 2
    bad.refresh_from_db()
    assert bad.due_at is None
    assert "Activate the workflow anew" in bad.trouble
    assert Execution.objects.get().workflow == good.workflow


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ({"field": "minutes", "minutesInterval": 0}, "minutesInterval: a whole number from 1"),
        ({"field": "weeks", "triggerAtDay": []}, "triggerAtDay: choose a weekday"),
        ({"triggerAtHour": 24}, "triggerAtHour: a whole number from 0 to 23, not 24"),
        ({"field": "fortnights"}, "'fortnights' is no interval"),
        ({"field": "cronExpression", "expression": "61 * * * *"}, "bad minute"),
        ({"field": "cronExpression", "expression": "* * *"}, "wrong number of fields"),
        ({"field": "cronExpression", "expression": ""}, "has no cron expression"),
        ({"field": "cronExpression", "expression": "0 0 30 2 *"}, "bad day-of-month"),
    ],
)
def test_a_bad_rule_is_refused_by_its_place(activated, interval, said):
    with pytest.raises(Conflict) as refused:
        activated(scheduled(MINUTELY, interval))
    assert "Clock: Trigger interval 2: " in refused.value.message
    assert said in refused.value.message
    assert not Trigger.objects.exists()


def test_a_wish_nobody_knows_is_refused(activated):
    with pytest.raises(Conflict, match="missed: 'never' is none of once, skip, all"):
        activated(scheduled(parameters={"missed": "never"}))


def test_the_old_nodes_start_runs_with_an_empty_item(activated, work):
    times = {"item": [{"mode": "everyX", "unit": "minutes", "value": 1}]}
    trigger = activated(scheduled(kind="cron", parameters={"triggerTimes": times}))
    firing.fire(due(trigger, timedelta()))
    done = work(Execution.objects.get())
    assert services.find_step(done, "End").outputs[0][0]["json"] == {}
    trigger = activated(
        scheduled(kind="interval", name="Old", parameters={"interval": 5, "unit": "minutes"})
    )
    assert trigger.rules == [{"unit": "minutes", "every": 5}]


def test_a_schedule_run_by_hand_gives_the_moment_it_is(keep, start, work):
    done = work(start(keep(scheduled(MINUTELY))))
    item = services.find_step(done, "End").outputs[0][0]["json"]
    stamp = datetime.fromisoformat(item["timestamp"])
    assert abs(stamp - timezone.now()) < MINUTE
    assert (done.mode, json.loads(done.input_text or "[]")) == ("test", [])


def test_expressions_are_told_that_a_run_and_its_retry_are_production(activated, work):
    mode = code("Mode", "throw new Error($execution.mode)")
    links = {
        "Clock": {"main": [[{"node": "Mode", "type": "main", "index": 0}]]},
    }
    trigger = activated(written("T", node("Clock", "scheduleTrigger"), mode, connections=links))
    firing.fire(due(trigger, timedelta()))
    failed = work(Execution.objects.get())
    assert "production" in failed.error
    assert "production" in work(services.retry_execution(failed, by=SYSTEM)).error


# -- shown ---------------------------------------------------------------------------------------


def test_the_api_tells_rules_next_moments_and_the_last_run(activated, api):
    text = scheduled({"triggerAtHour": 7}, settings={"timezone": "Asia/Kolkata"})
    trigger = activated(text)
    firing.fire(due(trigger, timedelta()))
    status, found = api("viewer", "get", "/api/v1/schedules/")
    assert status == 200
    (row,) = found["results"]
    assert (row["name"], row["node"], row["kind"]) == ("Tides", "Clock", "schedule")
    assert (row["rules"], row["timezone"]) == (["every day at 07:00"], "Asia/Kolkata")
    assert [one[11:] for one in row["next"]] == ["01:30:00Z"] * 5
    assert (row["last_execution"], row["late"]) == (Execution.objects.get().pk, False)
    assert api("viewer", "get", f"/api/v1/schedules/{trigger.pk}/") == (200, row)
    assert api("stranger", "get", "/api/v1/schedules/")[1]["results"] == []
    assert api("stranger", "get", f"/api/v1/schedules/{trigger.pk}/")[0] == 404
    assert api("viewer", "get", "/api/v1/schedules/?kind=poll")[1]["results"] == []
    assert api("member", "post", "/api/v1/schedules/")[0] == 405


def test_pages_show_what_comes_next_and_what_went_wrong(activated, people, sign_in):
    browser = sign_in(people.viewer)
    assert "No schedule yet" in browser.get("/schedules/").content.decode()
    trigger = activated(scheduled({"field": "weeks", "triggerAtDay": [1], "triggerAtHour": 7}))
    Trigger.objects.filter(pk=trigger.pk).update(trouble="3 moments were missed")
    for page in ("/schedules/", f"/workflows/{trigger.workflow_id}/"):
        text = browser.get(page).content.decode()
        assert "Every week on Monday at 07:00" in text
        assert "3 moments were missed" in text
        assert text.count(" 07:00 UTC</time>") == 5
    due(trigger, timedelta(hours=1))
    assert "Late" in browser.get("/schedules/").content.decode()
    assert "Tides" not in sign_in(people.stranger).get("/schedules/").content.decode()


def test_health_tells_of_schedules_that_are_late_or_stand_still(activated, people):
    def said():
        return [(one.level, one.text) for one in findings(people.viewer)["schedules"]]

    trigger = activated(scheduled(MINUTELY))
    assert said() == [("ok", "1 schedule, none late")]
    due(trigger, timedelta(minutes=5))
    assert said() == [("error", "1 schedule late by more than a minute.")]
    Trigger.objects.filter(pk=trigger.pk).update(due_at=None, kind="poll", trouble="no host")
    assert [level for level, _ in said()] == ["warning", "warning"]


def test_active_workflows_of_older_databases_get_their_triggers(activated):
    trigger = activated(scheduled(MINUTELY))
    Trigger.objects.all().delete()
    services.listen_again()
    services.listen_again()
    again = Trigger.objects.get()
    assert (again.node, again.rules) == (trigger.node, trigger.rules)
    assert again.due_at is not None
