"""The fake host's /v1 against the official OpenAI client, its flavours, its life as a process."""

import base64
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import openai
import pytest

from tests.fake_agent import FLAVOURS, FakeHost, FakeModel, running
from tests.samples import TOOL, Bicycle, eventually, openai_client, user

EVERY = sorted(FLAVOURS)
OWNERS = {
    "ollama": "library",
    "openai": "fake",
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "lmstudio": "organization_owner",
}


@contextlib.contextmanager
def serving(flavour: str, **settings: Any) -> Iterator[tuple[FakeHost, openai.OpenAI]]:
    """Run a host that waits for nothing, with the official client at it."""
    settings = {"pace": 0, **settings}
    with (
        running(FakeHost(flavour, **settings)) as host,
        openai_client(host) as client,
    ):
        yield host, client


def first(host: FakeHost) -> str:
    return next(iter(host.catalog)).name


def streamed(client: openai.OpenAI, **more: Any) -> list[Any]:
    options = {"include_usage": True}
    with client.chat.completions.create(stream=True, stream_options=options, **more) as stream:
        return list(stream)


@pytest.mark.parametrize("flavour", EVERY)
def test_models_name_their_owner(flavour):
    with serving(flavour) as (host, client):
        rows = list(client.models.list())
    assert [row.id for row in rows] == [model.name for model in host.catalog]
    assert {row.owned_by for row in rows} == {OWNERS[flavour]}


@pytest.mark.parametrize("flavour", EVERY)
def test_chat_echoes_and_counts(flavour):
    with serving(flavour) as (host, client):
        answer = client.chat.completions.create(model=first(host), messages=user("how are you"))
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("You said: how are you", "stop")
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 5, 8)


@pytest.mark.parametrize("flavour", EVERY)
def test_a_stream_ends_with_its_reason_and_then_the_usage(flavour):
    with serving(flavour) as (host, client):
        chunks = streamed(client, model=first(host), messages=user("how are you"))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "You said: how are you"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 5)
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("flavour", EVERY)
def test_the_arguments_of_a_tool_call_are_a_json_string(flavour):
    with serving(flavour) as (host, client):
        asked = {"model": first(host), "messages": user("use a tool"), "tools": [TOOL]}
        whole = client.chat.completions.create(**asked).choices[0]
        chunks = streamed(client, **asked)
    call = whole.message.tool_calls[0].function
    wanted = {"city": "text", "unit": "C"}
    assert (call.name, json.loads(call.arguments)) == ("weather", wanted)
    deltas = [c.choices[0].delta.tool_calls for c in chunks if c.choices]
    parts = [delta[0].function.arguments for delta in deltas if delta]
    assert json.loads("".join(parts)) == wanted
    assert (whole.finish_reason, len(parts) == 1) == ("tool_calls", flavour == "ollama")


@pytest.mark.parametrize("flavour", ["ollama", "llamacpp"])
def test_a_schema_is_answered_by_its_instance(flavour):
    schema = Bicycle.model_json_schema()
    wanted = {"type": "json_schema", "json_schema": {"name": "bicycle", "schema": schema}}
    with serving(flavour) as (host, client):
        asked = {"model": first(host), "messages": user("a bicycle")}
        answer = client.chat.completions.create(**asked, response_format=wanted)
        loose = client.chat.completions.create(**asked, response_format={"type": "json_object"})
    jsonschema.validate(json.loads(answer.choices[0].message.content), schema)
    assert json.loads(loose.choices[0].message.content) == {"answer": "You said: a bicycle"}


@pytest.mark.parametrize(
    ("flavour", "where"), [("ollama", "reasoning"), ("vllm", "reasoning_content")]
)
def test_thinking_has_a_field_of_its_own(flavour, where):
    with serving(flavour, models=("thinker-8b",)) as (host, client):
        asked = {"model": first(host), "messages": user("hello")}
        message = client.chat.completions.create(**asked).choices[0].message
        quiet = client.chat.completions.create(**asked, reasoning_effort="none")
        chunks = streamed(client, **asked)
    assert message.model_extra == {where: "Thinking about: hello"}
    assert quiet.choices[0].message.model_extra == {}
    deltas = [c.choices[0].delta.model_extra or {} for c in chunks if c.choices]
    assert "".join(delta.get(where, "") for delta in deltas) == "Thinking about: hello"


def test_a_text_is_completed_at_once_and_in_pieces():
    with serving("vllm") as (host, client):
        asked = {"model": first(host), "prompt": "once upon a time", "max_tokens": 4}
        whole = client.completions.create(**asked)
        with client.completions.create(**asked, stream=True) as stream:
            text = "".join(chunk.choices[0].text for chunk in stream)
    assert whole.choices[0].text == text == "You said: once upon"
    assert (whole.choices[0].finish_reason, whole.usage.prompt_tokens) == ("length", 4)


@pytest.mark.parametrize("flavour", ["ollama", "openai", "lmstudio"])
def test_embeddings_are_the_same_in_base64_and_in_numbers(flavour):
    with serving(flavour, models=("embedder:latest",)) as (_, client):
        asked = {"model": "embedder:latest", "input": ["red apple", "blue"]}
        packed = client.embeddings.create(**asked)
        plain = client.embeddings.create(**asked, encoding_format="float")
    assert [row.embedding for row in packed.data] == [row.embedding for row in plain.data]
    assert packed.usage.prompt_tokens == 3


@pytest.mark.parametrize("flavour", ["ollama", "openai", "vllm", "lmstudio"])
def test_an_unknown_model_is_not_found(flavour):
    with serving(flavour) as (host, client):
        with pytest.raises(openai.NotFoundError, match="nobody"):
            client.chat.completions.create(model="nobody", messages=user("hello"))
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("nobody")
        assert client.models.retrieve(first(host)).id == first(host)


@pytest.mark.parametrize("flavour", EVERY)
def test_a_wrong_key_is_refused_and_the_right_one_opens(flavour):
    with serving(flavour, key="secret") as (host, client):
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").models.list()
        assert next(iter(client.models.list())).id == first(host)


def test_missing_messages_and_images_nobody_can_see_are_bad_requests():
    picture = {"url": "data:image/png;base64," + base64.b64encode(b"x").decode()}
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": picture}]
    turns = [{"role": "user", "content": content}]
    with serving("ollama") as (_, client):
        for messages in ([], turns):
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(model="tiny:1b", messages=messages)
        seen = client.chat.completions.create(model="seer:7b", messages=turns)
    assert seen.choices[0].message.content == "You said: look"


# -- what the flavours have for themselves --------------------------------------------------------


def test_llama_cpp_takes_any_name_and_tells_timings():
    with serving("llamacpp", slots=2) as (host, client), httpx.Client(base_url=host.url) as raw:
        answer = client.chat.completions.create(model="whatever", messages=user("how are you"))
        assert answer.model == "tiny:1b"
        assert answer.model_extra["timings"]["predicted_ms"] == 100
        assert raw.get("/health").json() == {"status": "ok"}
        assert raw.get("/props").json()["total_slots"] == 2
        assert [slot["is_processing"] for slot in raw.get("/slots").json()] == [False, False]
        assert raw.get("/api/tags").status_code == raw.put("/v1/models").status_code == 404
        with pytest.raises(openai.InternalServerError, match="does not support embeddings"):
            client.embeddings.create(model="tiny:1b", input="a")


def test_llama_cpp_is_unavailable_while_it_loads():
    with serving("llamacpp", pace=math.inf) as (host, client):
        assert next(iter(client.models.list())).id == "tiny:1b"
        health = httpx.get(f"{host.url}/health")
        assert (health.status_code, health.json()["error"]["message"]) == (503, "Loading model")
        host.clock.advance(1)
        eventually(lambda: httpx.get(f"{host.url}/health").status_code == 200)


def test_vllm_counts_who_runs_and_who_waits():
    with serving("vllm", slots=1) as (host, client):
        page = httpx.get(f"{host.url}/metrics").text
        assert 'vllm:num_requests_waiting{engine="0",model_name="fake/tiny-1b"} 0' in page
        row = client.models.retrieve("fake/tiny-1b")
        assert row.model_extra["max_model_len"] == 32_768
        assert httpx.get(f"{host.url}/version").json() == {"version": host.settings.version}
        assert httpx.get(f"{host.url}/api/tags").json() == {"detail": "Not Found"}


def test_lm_studio_loads_on_demand_and_knows_every_path():
    with serving("lmstudio") as (host, client), httpx.Client(base_url=host.url) as raw:
        client.chat.completions.create(model="fake/seer-7b", messages=user("hello"))
        raw.post("/api/v1/models/load", json={"model": "fake/tiny-1b"})
        raw.post("/api/v1/models/unload", json={"instance_id": "fake/seer-7b"})
        rows = raw.get("/api/v1/models").json()["models"]
        assert [row["key"] for row in rows if row["loaded_instances"]] == ["fake/tiny-1b"]
        assert [row["type"] for row in rows] == ["llm", "llm", "llm", "embedding"]
        lost = raw.get("/api/version")
        assert lost.status_code == 200
        assert "Unexpected endpoint" in lost.json()["error"]


def test_a_host_of_many_models_holds_them_all():
    models = tuple(FakeModel(f"m{number}") for number in range(5))
    with serving("openai", models=models) as (host, _):
        assert len(host.memory.loaded()) == 5


# -- as a process ---------------------------------------------------------------------------------


@contextlib.contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "tests.fake_agent", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as found:
        try:
            yield found, found.stdout.readline().removeprefix("READY ").strip()
        finally:
            found.kill()


def test_a_process_says_where_it_is_obeys_and_stops():
    options = ("--format", "llamacpp", "--models", "a,b", "--tps", "0", "--key", "k", "--pace", "0")
    with process(*options) as (found, url), httpx.Client(base_url=url) as raw:
        assert raw.get("/v1/models").status_code == 401
        rows = raw.get("/v1/models", headers={"Authorization": "Bearer k"}).json()["data"]
        assert [row["id"] for row in rows] == ["a", "b"]
        assert raw.post("/_fake/faults", json={"kind": "nonsense"}).status_code == 400
        raw.post("/_fake/faults", json={"kind": "status", "status": 500, "uses": 1})
        assert [raw.get("/health").status_code for _ in range(2)] == [500, 200]
        assert raw.post("/_fake/clock", json={"advance": 9}).json() == {"pace": 0.0, "now": 9.0}
        state = raw.get("/_fake/state", params={"last": 1}).json()
        assert (state["seen"], state["statuses"]) == (4, {"401": 1, "200": 2, "500": 1})
        assert [one["path"] for one in state["requests"]] == ["/health"]
        os.kill(found.pid, signal.SIGTERM)
        assert found.wait(5) == 0


def listens(url: str) -> bool:
    try:
        return httpx.get(url).text == "Ollama is running"
    except httpx.TransportError:
        return False


def test_a_process_can_go_away_and_come_back():
    with process("--pace", "0") as (_, url):
        httpx.post(f"{url}/_fake/faults", json={"kind": "refuse", "seconds": 0.3})
        eventually(lambda: not listens(url))
        eventually(lambda: listens(url))
