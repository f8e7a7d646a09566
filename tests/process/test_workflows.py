"""Workflows in the running product: a run outlives the process that carries it."""

import json
import os
import signal
from typing import Any

import httpx
import pytest

from tests.process.installation import Installation, eventually, installation
from workflows.tests.conftest import chain, code, node

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


@pytest.fixture
def api(fleet: Installation) -> Any:
    """An API client of the administrator."""
    with fleet.api(fleet.key()) as client:
        yield client


def post(api: httpx.Client, document: str, body: Any = None) -> str:
    """Keep a workflow and start a run of it; returns the run's address."""
    headers = {"Content-Type": "application/json"}
    workflow = api.post("/workflows/", content=document, headers=headers).json()["id"]
    answer = api.post(f"/workflows/{workflow}/run/", json=body or {})
    assert answer.status_code == 202, answer.text
    return f"/executions/{answer.json()['id']}/"


def nodes(api: httpx.Client, run: str) -> dict[str, Any]:
    """Return the figures of a run's nodes by name."""
    return {one["name"]: one for one in api.get(run).json()["nodes"]}


def has_ended(api: httpx.Client, run: str) -> Any:
    """Return the run once it has ended."""
    found = api.get(run).json()
    return found if found["status"] not in ("queued", "running", "waiting") else None


def wait(seconds: float) -> dict[str, Any]:
    return node("Wait", "wait", resume="timeInterval", amount=seconds, unit="seconds")


def test_a_run_goes_through_by_api(api):
    run = post(api, chain("Whole", code("Count", "return $input.all()")), {"input": {"a": 1}})
    found = eventually(lambda: has_ended(api, run), 30)
    assert (found["status"], found["error"]) == ("success", None)
    page = api.get(f"{run}data/", params={"node": "Count"}).json()
    assert [one["json"] for one in page["items"]] == [{"a": 1}]


def test_a_run_whose_runner_is_killed_is_carried_on_by_the_next(tmp_path):
    with installation(tmp_path) as made, made.api(made.key()) as api:
        run = post(api, chain("Killed", code("Count", "return $input.all()"), wait(4)))
        eventually(lambda: nodes(api, run).get("Wait", {}).get("running"), 30)
        runners = [one for one in made.processes() if "processing" in " ".join(one.cmdline())]
        assert runners
        for process in runners:
            os.kill(process.pid, signal.SIGKILL)
        found = eventually(lambda: has_ended(api, run), 40)
        assert (found["status"], list(nodes(api, run))) == ("success", ["Start", "Count", "Wait"])
        assert made.manage("shell", "-c", ATTEMPT).stdout.split()[-1] == "2"


ATTEMPT = """
from workflows.models import Execution
print(Execution.objects.get().attempt)
"""


def test_a_sleeping_run_is_canceled_where_it_is(api):
    run = post(api, chain("Stopped", wait(50)))
    eventually(lambda: nodes(api, run).get("Wait", {}).get("running"), 30)
    assert api.post(f"{run}cancel/").json()["status"] == "canceled"
    assert api.post(f"{run}cancel/").status_code == 409


def test_what_a_run_was_given_is_data_and_nothing_else(api):
    """D12."""
    document = json.loads(chain("Other"))
    headers = {"Content-Type": "application/json"}
    workflow = api.post("/workflows/", json=json.loads(chain("Data")), headers=headers).json()
    for name in ("nodes", "workflow", "workflowData", "document"):
        answer = api.post(f"/workflows/{workflow['id']}/run/", json={name: document})
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [name])
