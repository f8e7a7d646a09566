"""run_workflow, as a shell runs it: what it prints, what it keeps, how it exits."""

import functools
import json
from types import SimpleNamespace

import pytest

from workflows.management.commands import run_workflow
from workflows.models import Execution
from workflows.tests.conftest import chain, code, node

FAILS = "throw new Error('no tide')"
ZONE = "return [{json: {zone: $now.zoneName}}]"


@pytest.fixture
def command(people, inside, monkeypatch, shell):
    """Run the command: `command(file)` returns exit code, stdout, stderr."""
    # In this test's own thread, and without calming the collector for all other tests.
    monkeypatch.setattr(run_workflow, "asyncio", SimpleNamespace(run=inside))
    monkeypatch.setattr(run_workflow.services, "calm_collector", lambda: None)
    return functools.partial(shell, "run_workflow")


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path: `file("a.json", text)`."""

    def made(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return made


@pytest.fixture
def tides(file):
    """A workflow in a file: Start, Count (60 items), End."""
    script = "return Array.from({length: 3}, (_, n) => ({json: {n}}))"
    return file("tides.json", chain("Tides", code("Count", script), node("End", "noOp")))


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def test_a_run_is_told_node_by_node_with_what_the_last_one_gave(command, tides):
    status, out, err = command(tides)
    assert (status, err) == (0, "")
    first, *nodes, last = out.splitlines()
    assert first.startswith(f"{tides}: success after ")
    assert [line.split(":")[0].strip() for line in nodes] == ["Start #1", "Count #1", "End #1"]
    assert "3 items" in nodes[1]
    assert json.loads(last) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_failed_run_exits_1_and_names_the_node(command, file):
    status, out, err = command(file("bad.json", chain("T", code("Bad", FAILS))))
    assert (status, "1 of 1 ended in error" in err) == (1, True)
    assert "error at Bad: " in out
    assert "no tide" in out


def test_json_prints_a_line_a_file_in_order_also_for_one_that_fails(command, file, tides):
    broken, gone = file("broken.json", "{"), "/no/such.json"
    bad = file("bad.json", chain("T", code("Bad", FAILS)))
    status, out, _ = command("--json", broken, tides, bad, gone)
    found = lines(out)
    assert status == 1
    assert [one["file"] for one in found] == [broken, tides, bad, gone]
    assert [one["status"] for one in found] == ["error", "success", "error", "error"]
    assert found[1]["executionOrder"] == ["Start", "Count", "End"]
    assert found[1]["runData"]["Count"][0]["data"]["main"][0][2]["json"] == {"n": 2}
    assert found[1]["error"] is None
    assert found[2]["error"]["node"] == "Bad"
    assert "breaks off at line 1" in found[0]["error"]["message"]
    assert "No workflow is called" in found[3]["error"]["message"]


def test_a_file_that_cannot_be_run_exits_2_with_one_line(command, file):
    for which in (file("broken.json", "{"), "/no/such.json"):
        status, out, err = command(which)
        assert (status, out, len(err.splitlines())) == (2, "", 1)


def test_a_waiting_run_is_no_failure(command, file):
    wait = node("Wait", "wait", resume="timeInterval", amount=2, unit="hours")
    status, out, _ = command("--json", file("wait.json", chain("T", wait)))
    (found,) = lines(out)
    assert (status, found["status"]) == (0, "waiting")
    assert found["runData"]["Wait"][0]["status"] == "waiting"


@pytest.mark.parametrize("given", ['{"a": 1}', '[{"a": 1}]', '[{"json": {"a": 1}}]'])
def test_input_comes_from_a_file(command, file, given):
    workflow = file("t.json", chain("T", node("End", "noOp")))
    _, out, _ = command("--json", "--input", file("in.json", given), workflow)
    end = lines(out)[0]["runData"]["End"][0]["data"]["main"][0]
    assert [one["json"] for one in end] == [{"a": 1}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{\n"a" 1}', "at line 2, column 5"),
        ("[1]", "entry 1 is a number"),
        (None, "cannot be read"),
    ],
)
def test_input_that_is_none_exits_2_and_says_where(command, file, tides, given, said):
    path = file("in.json", given) if given is not None else "/no/such.json"
    status, out, err = command("--input", path, tides)
    assert (status, out) == (2, "")
    assert said in err
    assert path in err


def test_a_run_starts_at_a_node_and_ends_at_one(command, tides):
    _, out, _ = command("--json", "--start", "Count", tides)
    assert lines(out)[0]["executionOrder"] == ["Count", "End"]
    _, out, _ = command("--json", "--until", "Count", tides)
    assert lines(out)[0]["executionOrder"] == ["Start", "Count"]


def test_a_start_that_is_not_there_is_an_error_that_names_those_that_are(command, tides):
    status, out, _ = command("--start", "Nope", tides)
    assert status == 1
    assert "There are: Start, Count, End" in out


def test_pinned_data_is_used_when_it_is_wished(command, file):
    pins = {"Count": [{"json": {"pinned": 1}}]}
    workflow = file("t.json", chain("T", code("Count", FAILS), pinData=pins))
    assert command(workflow)[0] == 1
    status, out, _ = command("--pin", workflow)
    assert (status, json.loads(out.splitlines()[-1])) == (0, [{"pinned": 1}])


def test_the_zone_is_that_of_workflows_that_name_none(command, file):
    own = {"executionOrder": "v1", "timezone": "Asia/Tokyo"}
    files = [
        file("a.json", chain("A", code("Say", ZONE))),
        file("b.json", chain("B", code("Say", ZONE), settings=own)),
    ]
    _, out, _ = command("--json", "--timezone", "America/Lima", *files)
    said = [one["runData"]["Say"][0]["data"]["main"][0][0]["json"]["zone"] for one in lines(out)]
    assert said == ["America/Lima", "Asia/Tokyo"]


def test_a_time_limit_ends_a_run(command, file):
    wait = node("Wait", "wait", resume="timeInterval", amount=50, unit="seconds")
    status, out, _ = command("--timeout", "0.3", file("wait.json", chain("T", wait)))
    assert status == 1
    assert "longer than its time limit of 0.3 s" in out


@pytest.mark.parametrize(
    "words", [("--timeout", "-1"), ("--timeout", "x"), ("--timezone", "Mars/Base"), ("--nope",)]
)
def test_bad_arguments_exit_2(command, tides, words):
    status, out, err = command(*words, tides)
    assert (status, out) == (2, "")
    assert words[0] in err


# -- stored workflows ----------------------------------------------------------------------------


def test_a_stored_workflow_runs_by_name_or_id_and_is_not_kept(command, keep):
    workflow = keep(chain("Tides", code("Say", "return [{json: {said: 1}}]")))
    for which in ("Tides", str(workflow.pk)):
        status, out, _ = command(which)
        assert (status, json.loads(out.splitlines()[-1])) == (0, [{"said": 1}])
    assert not Execution.objects.exists()


def test_a_run_that_is_saved_is_an_execution(command, keep, file):
    keep(chain("Tides", code("Say", "return $input.all()")))
    given = file("in.json", '{"a": 1}')
    status, out, _ = command("--json", "--save", "--input", given, "Tides")
    (found,) = lines(out)
    run = Execution.objects.get()
    assert (status, found["status"], found["executionOrder"]) == (0, "success", ["Start", "Say"])
    assert (run.state, run.source, run.owner, run.attempt) == ("success", "command", "", 1)
    assert (run.items, run.started_by) == ([{"json": {"a": 1}}], None)


def test_a_saved_run_that_fails_exits_1_and_is_kept(command, keep):
    keep(chain("Tides", code("Bad", FAILS)))
    status, out, _ = command("--save", "Tides")
    assert status == 1
    assert "error at Bad" in out
    assert Execution.objects.get().state == "error"


def test_a_saved_run_that_waits_is_left_to_the_runner(command, keep):
    wait = node("Wait", "wait", resume="timeInterval", amount=2, unit="hours")
    keep(chain("Tides", wait))
    status, out, _ = command("--json", "--save", "Tides")
    assert (status, lines(out)[0]["status"]) == (0, "waiting")
    run = Execution.objects.get()
    assert (run.state, run.due is None) == ("waiting", False)


def test_only_stored_workflows_are_saved(command, tides):
    status, out, err = command("--save", tides)
    assert (status, out) == (2, "")
    assert "Import it with import_workflow" in err
    status, _, err = command("--save", "Nope")
    assert (status, "No workflow is called 'Nope'" in err) == (2, True)
