"""The life of a task: submitted, tried, tried elsewhere, repaired, done; nothing half."""

import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services as agents
from agents.errors import UnknownName
from agents.models import Call
from agents.tasks import end_canceled_calls
from projects import services
from projects.models import Artifact, Attempt, Task
from projects.tasks import find_overlooked, tidy_tasks
from tests.fake_agent import FakeHost, answers, running
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.models import AuditEntry

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


def story(task):
    return [event.text for event in task.events.all()]


def said(host):
    """Return what the last conversation at a host was."""
    seen = [s for s in host.requests if s.path == "/api/chat"]
    return json.loads(seen[-1].body)["messages"]


def test_a_task_is_done_by_the_agent_that_fits_and_its_answer_is_kept(oak, host, done, people):
    task = done("count to three", description="slowly")
    assert (task.state, task.error, task.team) == ("success", "", people.ours)
    result = task.artifacts.get()
    assert (result.name, result.version, result.media_type) == ("result", 1, "text/markdown")
    assert result.content == "You said: count to three\n\nslowly"
    attempt = task.attempts.get()
    assert (attempt.kind, attempt.state, attempt.agent_name) == ("first", "success", "oak")
    assert story(task) == ["submitted", f"done by oak with {attempt.model_name}: result version 1"]
    assert task.finished_at


def test_submitting_leaves_a_trail_and_a_call_of_the_source_task(submitted, oak, people):
    task = submitted(priority=2)
    entry = AuditEntry.objects.order_by("-number").first()
    assert (entry.action, entry.target_id, entry.actor) == ("submitted", str(task.pk), "member")
    call = Call.objects.get()
    assert (call.source, call.priority, call.team) == ("task", 2, people.ours)


def test_texts_and_images_reach_the_model(settle, submitted, work):
    with running(FakeHost("ollama", models=("seer:7b",), pace=0)) as host:
        settle("oak", host)
        given = [services.read_file("notes.txt", b"remember"), services.read_file("a.png", PIXEL)]
        task = submitted("look", attachments=given)
        work(task)
        message = said(host)[-1]
    assert task.state == "success"
    assert message["content"] == "look\n\n[notes.txt]\nremember"
    assert message["images"] == [base64.b64encode(PIXEL).decode()]


def test_limits_go_out_with_the_call_and_an_answer_that_was_cut_is_none(oak, host, done):
    task = done("one two three four five six", token_limit=3, time_limit=60)
    assert (task.state, task.error_code) == ("error", "answer_cut")
    assert task.attempts.get().answer.startswith("You said:")
    assert not task.artifacts.exists()
    assert Call.objects.get().time_limit == 60


def test_an_attempt_that_takes_too_long_is_stopped_and_tried_again(settle, done):
    with running(FakeHost("ollama", tps=1, tokens=500)) as slow:
        settle("oak", slow)
        task = done(time_limit=1, most_attempts=2)
        assert slow.canceled == 2
    assert (task.state, task.error_code) == ("error", "agent_slow")
    assert "no answer within the limit" in task.error
    assert [a.kind for a in task.attempts.all()] == ["first", "retry"]


# -- tried again -------------------------------------------------------------------------------


def test_a_failed_attempt_is_repeated_elsewhere(settle, host, done):
    with running(FakeHost("ollama", pace=0)) as other:
        settle("ash", host, priority=1)
        settle("elm", other, priority=5)
        host.faults.add("cut", paths=("/api/chat",), after=2)
        task = done("count")
    assert task.state == "success"
    assert [(a.agent_name, a.kind, a.state) for a in task.attempts.all()] == [
        ("ash", "first", "error"),
        ("elm", "retry", "success"),
    ]
    assert "again in 2 s, elsewhere if possible" in story(task)[1]
    assert task.artifacts.get().content == "You said: count"


def test_a_retry_waits_and_keeps_its_turn(oak, host, submitted, carry):
    host.faults.add("cut", paths=("/api/chat",), after=2, uses=1)
    task = submitted()
    first = Call.objects.get()
    carry("call"), carry("attempt")
    again = Call.objects.order_by("-pk").first()
    assert again.pk != first.pk
    assert again.due_at > timezone.now() + timedelta(seconds=1)
    assert abs(again.turn_at - first.turn_at) < timedelta(seconds=1)
    task.refresh_from_db()
    assert (task.state, task.shown_state, task.call) == ("queued", "queued", again)


def test_after_the_last_attempt_it_fails_with_the_reason(oak, host, done):
    host.faults.add("error", paths=("/api/chat",), text="out of memory")
    task = done(most_attempts=2)
    assert (task.state, task.error_code, task.attempts.count()) == ("error", "agent_failed", 2)
    assert "out of memory" in task.error
    assert story(task)[-1].startswith("failed at attempt 2: ")


def test_what_a_host_refuses_is_not_tried_again(oak, host, done):
    host.faults.add("status", paths=("/api/chat",), status=400, body={"error": "bad option"})
    task = done()
    assert (task.error_code, task.attempts.count()) == ("request_refused", 1)


def test_names_that_are_gone_by_the_retry_end_the_task(oak, host, submitted, work):
    agents.set_capabilities(oak, ["law"], by=SYSTEM)
    host.faults.add("cut", paths=("/api/chat",), after=2)
    task = submitted(capability="law")
    agents.set_capabilities(oak, [], by=SYSTEM)
    Call.objects.update(wanted_capability="")
    work(task)
    assert (task.state, task.error_code) == ("error", "unknown_name")
    assert "no capability is called 'law'" in task.error


# -- answers and their schema ------------------------------------------------------------------


def test_an_answer_that_fits_its_schema_is_kept_as_json(oak, done):
    task = done(schema=NUMBER)
    result = task.artifacts.get()
    assert result.media_type == "application/json"
    assert json.loads(result.content) == {"n": 0}


def test_an_answer_that_misses_its_schema_is_repaired_once(oak, host, done, monkeypatch):
    given = [{"n": "three"}, {"n": 3}]
    monkeypatch.setattr(answers, "instance", lambda schema: given.pop(0))
    task = done("how many", schema=NUMBER, most_attempts=1)
    assert (task.state, [a.kind for a in task.attempts.all()]) == ("success", ["first", "repair"])
    assert json.loads(task.artifacts.get().content) == {"n": 3}
    messages = said(host)
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    assert '"three" is not of type "integer"' in messages[-1]["content"]


def test_a_repair_that_misses_too_fails_with_both_texts_kept(oak, done, monkeypatch):
    given = [{"n": "three"}, {"n": "four"}]
    monkeypatch.setattr(answers, "instance", lambda schema: given.pop(0))
    task = done(schema=NUMBER)
    assert (task.state, task.error_code) == ("error", "answer_misfit")
    assert [a.answer for a in task.attempts.all()] == ['{"n": "three"}', '{"n": "four"}']
    assert not task.artifacts.exists()


def test_a_repair_that_its_host_failed_is_no_repair(oak, host, submitted, carry, work, monkeypatch):
    given = [{"n": "three"}, {"n": "four"}, {"n": 4}]
    monkeypatch.setattr(answers, "instance", lambda schema: given.pop(0))
    task = submitted(schema=NUMBER)
    carry("call"), carry("attempt")
    host.faults.add("status", paths=("/api/chat",), status=500, uses=1)
    work(task)
    kinds = [a.kind for a in task.attempts.all()]
    assert (task.state, kinds) == ("success", ["first", "repair", "retry", "repair"])
    assert json.loads(task.artifacts.get().content) == {"n": 4}


# -- what people do ----------------------------------------------------------------------------


def test_a_waiting_task_is_canceled_at_once(oak, submitted, people):
    task = submitted()
    services.cancel_task(task, by=Actor(people.member))
    task.refresh_from_db()
    assert (task.state, task.call.state) == ("canceled", "canceled")
    assert task.attempts.get().state == "canceled"
    with pytest.raises(Conflict, match="ended already"):
        services.cancel_task(task, by=Actor(people.member))


def test_what_was_canceled_while_it_ran_is_no_success(oak, submitted, people, carry, work):
    task = submitted()
    carry("call")
    services.cancel_task(task, by=Actor(people.member))
    work(task)
    assert task.state == "canceled"
    assert task.attempts.get().answer == "You said: count"
    assert not task.artifacts.exists()


def test_a_call_stopped_by_hand_cancels_its_task(oak, submitted, people, work):
    task = submitted()
    agents.cancel_call(task.call, by=Actor(people.member))
    work(task)
    assert (task.state, story(task)[-1]) == ("canceled", "stopped")


def test_a_held_task_is_not_worked_on_until_it_is_released(oak, host, submitted, people, work):
    task, by = submitted(), Actor(people.member)
    services.hold_task(task, by=by)
    work(task)
    assert task.state == "held"
    assert not [s for s in host.requests if s.path == "/api/chat"]
    services.release_task(task, by=by)
    work(task)
    assert (task.state, [a.kind for a in task.attempts.all()]) == ("success", ["first", "release"])
    assert story(task)[1:3] == ["put on hold", "released"]


def test_a_task_may_be_submitted_on_hold(oak, submitted, people, work):
    task = submitted(held=True)
    assert (task.state, task.attempts.count(), Call.objects.count()) == ("held", 0, 0)
    services.release_task(task, by=Actor(people.member))
    work(task)
    assert task.state == "success"


def test_what_an_agent_works_on_is_not_held(oak, submitted, people, carry):
    task = submitted()
    carry("call")
    with pytest.raises(Conflict, match="only a waiting task can be put on hold"):
        services.hold_task(task, by=Actor(people.member))
    task.refresh_from_db()
    assert (task.state, task.attempts.get().state) == ("queued", "queued")


def test_run_again_makes_another_version_of_the_result(oak, done, people, work):
    task = done()
    services.run_again(task, by=Actor(people.member))
    assert (task.state, task.round) == ("queued", 2)
    work(task)
    assert task.state == "success"
    assert list(task.artifacts.values_list("version", flat=True)) == [2, 1]
    assert [a.number for a in task.attempts.all()] == [1, 2]


def test_a_stale_look_at_a_task_holds_what_it_is_now(oak, submitted, people, work):
    task = submitted(held=True)
    stale = Task.objects.get(pk=task.pk)
    services.release_task(task, by=Actor(people.member))
    services.hold_task(stale, by=Actor(people.member))
    assert (stale.state, stale.call) == ("held", None)
    assert set(Call.objects.values_list("state", flat=True)) == {"canceled"}
    assert not Attempt.objects.exclude(state="canceled").exists()


def test_a_canceled_call_that_comes_back_to_the_queue_ends(oak, submitted, people, work):
    task = submitted()
    Call.objects.update(state="running", owner="gone:1:1", attempt=1, agent=oak)
    services.cancel_task(task, by=Actor(people.member))
    Call.objects.update(state="queued", owner="", agent=None)  # its runner was stopped
    agents.drain(oak, by=SYSTEM, on=True)
    end_canceled_calls()
    work(task)
    assert (task.state, task.call.state) == ("canceled", "canceled")


def test_while_it_rests_before_the_next_attempt_it_says_so(oak, host, submitted, carry):
    host.faults.add("cut", paths=("/api/chat",), after=2, uses=1)
    task = submitted()
    carry("call"), carry("attempt")
    task.refresh_from_db()
    assert task.waits_for == "rests for 2 s before its next attempt"


def test_only_what_has_ended_is_run_again(oak, submitted, people):
    with pytest.raises(Conflict, match="not ended"):
        services.run_again(submitted(), by=Actor(people.member))


def test_a_more_urgent_task_comes_first(oak, submitted, people, work):
    early, late = submitted("early"), submitted("late")
    services.set_priority(late, 1, by=Actor(people.member))
    work()
    ended = Task.objects.order_by("finished_at").values_list("title", flat=True)
    assert list(ended) == ["late", "early"]
    early.refresh_from_db()
    with pytest.raises(Conflict):
        services.set_priority(early, 1, by=Actor(people.member))


def test_no_least_urgent_task_starves(oak, submitted):
    least, urgent = submitted("least", priority=5), submitted("urgent", priority=1)
    assert urgent.call.turn_at < least.call.turn_at < urgent.call.turn_at + timedelta(minutes=5)


@pytest.mark.parametrize("verb", ["cancel_task", "hold_task", "release_task", "run_again"])
def test_viewers_and_strangers_do_nothing(oak, submitted, people, verb):
    task = submitted()
    for person in (people.viewer, people.stranger):
        with pytest.raises(Forbidden):
            getattr(services, verb)(task, by=Actor(person))
    task.refresh_from_db()
    assert (task.state, task.cancel_asked) == ("queued", False)


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"priority": 6}, "priority"),
        ({"priority": 0}, "priority"),
        ({"time_limit": 0}, "time_limit"),
        ({"token_limit": -1}, "token_limit"),
        ({"most_attempts": 11}, "most_attempts"),
        ({"schema": {"type": 5}}, "schema.type"),
        ({"description": "x" * 1_000_001}, "description"),
    ],
)
def test_bad_orders_name_the_field_and_leave_nothing(oak, submitted, order, named):
    order = {"title": "count"} | order
    with pytest.raises(BadInput, match=f"^{named}: "):
        submitted(order.pop("title"), **order)
    assert not Task.objects.exists()


@pytest.mark.parametrize("kind", ["agent", "model", "capability"])
@pytest.mark.parametrize("held", [True, False])
def test_unknown_names_are_refused_and_leave_nothing(oak, submitted, kind, held):
    with pytest.raises(UnknownName, match=f"no {kind} is called 'nobody'"):
        submitted(held=held, **{kind: "nobody"})
    assert not Task.objects.exists()
    assert not Call.objects.exists()


def test_files_that_are_neither_text_nor_image_are_refused():
    with pytest.raises(BadInput, match=r"attachments: a\.bin is neither text"):
        services.read_file("a.bin", b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="at most 1 MB"):
        services.read_file("a.txt", b"x" * 1_000_001)
    with pytest.raises(BadInput, match="is no image"):
        services.read_image("a.png", base64.b64encode(b"hello").decode())
    with pytest.raises(BadInput, match="is no base64"):
        services.read_image("a.png", "%%%")


def test_without_an_agent_a_task_waits_and_says_for_what(people, submitted, work):
    task = submitted()
    work(task)
    assert task.state == "queued"
    assert task.waits_for == "waits for an agent: none is registered"


def test_a_project_of_another_team_is_refused(oak, submitted, people):
    project = services.create_project(name="Theirs", team=people.theirs, by=SYSTEM)
    with pytest.raises(BadInput, match="another team"):
        submitted(project=project, team=people.ours)


# -- nothing is lost ---------------------------------------------------------------------------


def test_a_quarantined_call_quarantines_its_task(oak, submitted, work):
    task = submitted()
    Call.objects.update(state="quarantined", trouble="its process died (3 of 3)")
    agents.end_quarantined([task.call_id])
    work(task)
    assert (task.state, task.error) == ("quarantined", "its process died (3 of 3)")


def test_an_end_nobody_heard_of_is_found(oak, submitted, work):
    task = submitted()
    Call.objects.update(state="success", answer="42")
    find_overlooked()
    assert task.attempts.get().state == "asked"  # its process may be at it still
    Attempt.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    find_overlooked()
    work(task)
    assert (task.state, task.artifacts.get().content) == ("success", "42")


def test_a_task_whose_judge_was_given_up_is_ended(oak, submitted, work):
    task = submitted()
    Call.objects.update(state="success", answer="42")
    Attempt.objects.update(state="quarantined", trouble="it failed three times")
    find_overlooked()
    task.refresh_from_db()
    assert (task.state, task.error) == ("quarantined", "it failed three times")


def test_a_late_judgement_changes_nothing(oak, submitted, people, carry, work):
    task = submitted()
    carry("call")
    Task.objects.update(state="canceled")
    work(task)
    assert task.state == "canceled"
    assert not Artifact.objects.exists()


def test_tasks_are_deleted_past_their_time(oak, done, submitted):
    old, waiting = done(), submitted()
    Task.objects.update(finished_at=timezone.now() - timedelta(days=366))
    tidy_tasks()
    assert list(Task.objects.all()) == [waiting]
    assert old.pk != waiting.pk


def test_the_setting_says_how_long_tasks_are_kept(done):
    tunables.change("task_retention", 1, by=SYSTEM)
    task = done(held=True)
    Task.objects.update(state="error", finished_at=timezone.now() - timedelta(hours=25))
    tidy_tasks()
    assert not Task.objects.filter(pk=task.pk).exists()
