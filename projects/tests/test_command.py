"""`manage.py submit_task`: what it prints, and its exit codes."""

import functools
import json

import pytest

from projects import services
from projects.management.commands import submit_task
from projects.models import Task
from whoosh_site.core import owner
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import Process


@pytest.fixture
def command(people, shell):
    """Run the command: `command("count")` returns exit code, stdout, stderr."""
    return functools.partial(shell, "submit_task")


@pytest.fixture
def runner(monkeypatch, work):
    """Somebody works: each look at the clock does what is due."""
    Process.objects.create(job="runner", host=owner.host(), owner=owner.me(), pid=1)
    monkeypatch.setattr("projects.services.waiting.time.sleep", lambda seconds: work())


def test_a_task_is_queued(oak, command, people):
    code, out, _ = command("count", "--description", "to three", "--priority", "1")
    task = Task.objects.get()
    assert (code, out) == (0, f"Task {task.pk} is waiting.\n")
    assert (task.priority, task.description, task.source) == (1, "to three", "command")
    assert (task.team, task.created_by) == (people.ours, None)


def test_wait_prints_the_result_alone(oak, command, runner):
    assert command("count", "--wait") == (0, "You said: count\n", "")


def test_json_prints_the_whole_task(oak, command, runner):
    code, out, _ = command("count", "--wait", "--json")
    found = json.loads(out)
    assert (code, found["state"], found["result"]) == (0, "success", "You said: count")


def test_a_task_that_fails_exits_with_1_and_says_why(oak, host, command, runner):
    host.faults.add("status", paths=("/api/chat",), status=400, body={"error": "bad option"})
    code, out, err = command("count", "--wait")
    assert (code, out) == (1, "")
    assert "bad option" in err


def test_waiting_where_nobody_works_says_what_to_do(oak, command, monkeypatch):
    monkeypatch.setattr("projects.services.waiting.time.sleep", lambda seconds: None)
    monkeypatch.setattr(submit_task.services, "wait_for", lambda task, seconds: task)
    code, _, err = command("count", "--wait")
    assert code == 1
    assert "start 'manage.py up'" in err
    assert Task.objects.get().state == "queued"


def test_files_project_and_schema_come_in(oak, command, tmp_path, people):
    services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    notes, schema = tmp_path / "notes.txt", tmp_path / "schema.json"
    notes.write_text("remember")
    schema.write_text('{"type": "object"}')
    words = ["--project", "Tides", "--attach", str(notes), "--schema", str(schema), "--hold"]
    assert command("count", *words)[:2] == (0, f"Task {Task.objects.get().pk} is on hold.\n")
    task = Task.objects.get()
    assert (task.project.name, task.schema) == ("Tides", {"type": "object"})
    assert task.attachments.get().content == "remember"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--capability", "nothing"], "no capability is called 'nothing'"),
        (["--project", "nothing"], "no project is called 'nothing'"),
        (["--priority", "7"], "priority: "),
        (["--hold", "--wait"], "--wait: "),
        (["--attach", "/no/such/file"], "/no/such/file cannot be read"),
        (["--schema", "/no/such/file"], "/no/such/file cannot be read"),
    ],
)
def test_bad_input_exits_with_2_in_one_line(oak, command, words, said):
    code, out, err = command("count", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not Task.objects.exists()


def test_a_project_that_several_teams_have_wants_the_team(oak, command, people):
    for team in (people.ours, people.theirs):
        services.create_project(name="Tides", team=team, by=SYSTEM)
    code, _, err = command("count", "--project", "Tides")
    assert (code, f"Give --team: {people.ours}, {people.theirs}" in err) == (2, True)
    assert command("count", "--project", "Tides", "--team", str(people.ours))[0] == 0
    assert Task.objects.get().team == people.ours
