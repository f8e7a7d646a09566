"""Two agents with real small models: tasks find the one that can; one dies, the other goes on.

Without WHOOSH_SECOND_MODEL (a GGUF file, such as Gemma 3 270M) both serve the built-in one.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import builtin_server
from tests.process.installation import Installation, eventually
from tests.process.real_model import RealModel, real_model
from tests.process.test_chaos import GENEROUS, outcome

pytestmark = [pytest.mark.process, pytest.mark.real_model, pytest.mark.timeout(300)]

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 12}},
    "required": ["word"],
    "additionalProperties": False,
}
Home = tuple[Installation, RealModel, RealModel]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with a poet and a clerk, who can both tidy up."""
    file = builtin_server.model_file()
    if not builtin_server.installed() or file is None:
        pytest.skip("the built-in model's wheels are not installed")
    second = Path(os.environ.get("WHOOSH_SECOND_MODEL") or file)
    made = Installation(tmp_path_factory.mktemp("models"))
    made.prepare()
    with real_model("smollm2:135m", file) as poet, real_model("second:270m", second) as clerk:
        made.manage("shell", "-c", GENEROUS)
        made.add_agent("poet", poet.url, capabilities=["rhymes", "tidying"])
        made.add_agent("clerk", clerk.url, capabilities=["figures", "tidying"])
        try:
            made.up("--no-builtin-model")
            with made.api(made.key()) as api:
                eventually(lambda: states(api) == {"online"}, 30)
            yield made, poet, clerk
        finally:
            made.kill()


def states(api: Any) -> set[str]:
    return {agent["status"] for agent in api.get("/agents/").json()["results"]}


def submit(api: Any, title: str, capability: str) -> str:
    body = {"title": title, "capability": capability, "schema": SCHEMA, "token_limit": 60}
    return f"/tasks/{api.post('/tasks/', json=body).json()['id']}/"


def test_each_task_goes_to_the_agent_that_can(home):
    made, _, _ = home
    with made.api(made.key()) as api:
        asked = {c: submit(api, "Say one word.", c) for c in ("rhymes", "figures")}
        done = {capability: outcome(api, path) for capability, path in asked.items()}
    assert {c: (d["state"], d["agent"], d["model"]) for c, d in done.items()} == {
        "rhymes": ("success", "poet", "smollm2:135m"),
        "figures": ("success", "clerk", "second:270m"),
    }
    assert all('"word"' in found["result"] for found in done.values())


def test_when_one_dies_its_work_is_done_by_the_other_or_waits_and_says_for_what(home):
    made, _, clerk = home
    with made.api(made.key()) as api:
        tidy = [submit(api, f"Name a tool, number {n}.", "tidying") for n in range(6)]
        figures = submit(api, "Name a number.", "figures")
        running = {"running"}
        eventually(lambda: {api.get(p).json()["state"] for p in tidy} & running, 20)
        clerk.kill()
        ended = [outcome(api, path) for path in tidy]
        assert [found["state"] for found in ended] == ["success"] * 6
        assert "poet" in {found["agent"] for found in ended}
        waits = eventually(lambda: "offline" in api.get(figures).json()["waits_for"], 30)
        assert waits, api.get(figures).json()
        clerk.start()
        found = outcome(api, figures)
    assert (found["state"], found["agent"]) == ("success", "clerk")
