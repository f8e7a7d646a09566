"""The built-in model, real: served by `up`, registered by itself, asked by command and API."""

import json
from collections.abc import Iterator

import httpx
import pytest

from agents import builtin, builtin_server
from tests.process.installation import Installation, eventually

pytestmark = [pytest.mark.process, pytest.mark.real_model, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that found no host, so serves its own model."""
    if not builtin_server.installed():
        pytest.skip("the built-in model's wheels are not installed")
    if any(builtin._listens(port) for port in builtin.USUAL_PORTS):
        pytest.skip("a model host runs on this machine, so the built-in model is not needed")
    made = Installation(tmp_path_factory.mktemp("fresh"))
    made.prepare()
    try:
        _start(made)
        yield made
    finally:
        made.kill()


def _start(made: Installation) -> None:
    made.up()
    with made.api(made.key()) as api:
        eventually(lambda: _online(api), 60)


def _online(api) -> bool:
    found = api.get("/agents/", params={"name": builtin.NAME}).json()["results"]
    return bool(found) and found[0]["status"] == "online"


def test_it_is_an_ordinary_agent_plainly_labelled(fresh):
    with fresh.api(fresh.key()) as api:
        [agent] = api.get("/agents/").json()["results"]
    assert agent["builtin"]
    assert agent["title"] == "Built-in small model"
    assert [model["name"] for model in agent["models"]] == [builtin_server.NAME]


def test_the_command_gets_a_real_answer_with_exact_figures(fresh):
    said = json.loads(fresh.manage("ask", "Say hello.", "--json").stdout)
    assert said["answer"].strip()
    assert said["agent"] == builtin.NAME
    assert said["prompt_tokens"] > 0
    assert said["answer_tokens"] > 0
    assert said["tps"] > 0


def test_the_api_gets_an_answer_that_keeps_to_a_schema(fresh):
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    with fresh.api(fresh.key()) as api:
        body = {"prompt": "Which colour has grass?", "schema": schema, "wait": 60}
        call = api.post("/calls/", json=body).json()
    assert call["state"] == "success", call
    assert json.loads(call["answer"])["colour"] in ("red", "green")


def test_nobody_without_its_key_reaches_the_model_itself(fresh):
    with fresh.api(fresh.key()) as api:
        [agent] = api.get("/agents/").json()["results"]
    body = {"messages": [{"role": "user", "content": "hi"}]}
    refused = httpx.post(f"{agent['endpoint']}/v1/chat/completions", json=body, timeout=10)
    assert refused.status_code == 401


def test_it_goes_when_it_is_not_wanted_any_more(fresh):
    fresh.stop()
    assert fresh.survivors() == []
    fresh.up("--no-builtin-model")
    with fresh.api(fresh.key()) as api:
        assert api.get("/agents/").json()["results"] == []
    fresh.stop()
    _start(fresh)
