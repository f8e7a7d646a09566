"""A pull outlives the runner that carries it, and the host fetches no byte twice."""

from typing import Any

import pytest

from tests.fake_agent import FakeHost, running
from tests.process.installation import Installation, eventually, installation
from tests.process.test_chaos import victims

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

SIZE = 1_800_000_000


@pytest.fixture
def made(tmp_path: Any) -> Any:
    """An installation of its own, with a host that needs eight seconds for a pull."""
    host = FakeHost("ollama", models=("tiny:1b",), pull_seconds=8, pull_steps=40)
    with running(host) as oak, installation(tmp_path) as made:
        made.oak = oak  # type: ignore[attr-defined]
        made.add_agent("oak", oak.url)
        yield made


def pulled(made: Installation, api: Any) -> int:
    """Wait for the host's first check, and start a pull; returns the job's id."""
    eventually(lambda: api.get("/agents/").json()["results"][0]["status"] == "online", 20)
    answer = api.post("/models/pull/", json={"model": "newcomer:3b", "agents": ["oak"]})
    assert answer.status_code == 202, answer.text
    return int(answer.json()["results"][0]["id"])


def test_a_killed_runner_is_followed_by_one_that_goes_on_with_the_pull(made):
    with made.api(made.key()) as api:
        pk = pulled(made, api)

        def job() -> Any:
            return api.get(f"/jobs/{pk}/").json()

        begun = eventually(lambda: job()["completed"], 15)
        for runner in victims(made, "busy worker"):
            runner.kill()
        again = eventually(lambda: (found := job())["attempt"] > 1 and found, 20)
        assert again["state"] == "running"
        assert again["completed"] >= begun
        eventually(lambda: job()["state"] == "success", 30)
        eventually(lambda: api.get("/models/?name=newcomer:3b").json()["results"], 10)
    assert made.oak.state()["fetched"] == {"newcomer:3b": SIZE}


def test_a_pull_is_canceled_at_its_host(made):
    with made.api(made.key()) as api:
        pk = pulled(made, api)
        eventually(lambda: api.get(f"/jobs/{pk}/").json()["completed"], 15)
        assert api.post(f"/jobs/{pk}/cancel/").json()["cancel_asked"]
        eventually(lambda: api.get(f"/jobs/{pk}/").json()["state"] == "canceled", 10)
        eventually(lambda: made.oak.canceled == 1, 5)
    assert made.oak.state()["fetched"]["newcomer:3b"] < SIZE
