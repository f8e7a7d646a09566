"""The fake host against the official Ollama client, and its behaviour as a host."""

import asyncio
import base64
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx
import jsonschema
import ollama
import pytest

from tests.fake_agent import FakeHost, FakeModel, running
from tests.samples import TOOL, Bicycle, Colour, user

PIXEL = base64.b64encode(b"no real image").decode()


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """An Ollama host that waits for nothing."""
    with running(FakeHost("ollama", pace=0)) as found:
        yield found


@pytest.fixture
def client(host: FakeHost) -> Iterator[ollama.Client]:
    """The official client of that host."""
    with ollama.Client(host.url, timeout=10, verify=False) as found:
        yield found


def names(rows: Any) -> list[str]:
    return [row.model for row in rows.models]


def refused(call: Any, *args: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(ollama.ResponseError) as caught:
        call(*args, **more)
    return caught.value.status_code, caught.value.error


# -- what the official client reads ---------------------------------------------------------------


def test_list_tells_every_model_with_its_details(client):
    rows = client.list().models
    assert [row.model for row in rows] == ["tiny:1b", "thinker:8b", "seer:7b", "embedder:latest"]
    assert rows[1].size == 4_800_000_000
    assert rows[1].details.parameter_size == "8.0B"
    assert rows[1].modified_at.tzinfo is not None


def test_show_tells_capabilities_and_trained_context(client):
    shown = client.show("thinker:8b")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo["thinker.context_length"] == 32_768


def test_a_loaded_model_appears_in_ps_until_its_time_is_up(host, client):
    assert names(client.ps()) == []
    client.chat("tiny:1b", user("hello"))
    row = client.ps().models[0]
    assert (row.model, row.context_length, row.size_vram) == ("tiny:1b", 4096, 600_000_000)
    assert timedelta(0) < row.expires_at - datetime.now(UTC) <= timedelta(seconds=300)
    host.clock.advance(301)
    assert names(client.ps()) == []


def test_chat_echoes_and_counts_exactly(client):
    answer = client.chat("tiny:1b", user("how are you"))
    assert answer.message.content == "You said: how are you"
    assert (answer.prompt_eval_count, answer.eval_count) == (3, 5)
    assert (answer.load_duration, answer.eval_duration) == (500_000_000, 100_000_000)
    assert answer.prompt_eval_duration == 3_000_000
    assert answer.total_duration == 603_000_000


def test_a_warm_model_has_no_load_duration(client):
    client.chat("tiny:1b", user("one"))
    assert client.chat("tiny:1b", user("two")).load_duration is None


def test_a_chat_stream_is_the_same_text_in_pieces(client):
    pieces = list(client.chat("tiny:1b", user("how are you"), stream=True))
    assert [piece.message.content for piece in pieces] == [
        "You",
        " said:",
        " how",
        " are",
        " you",
        "",
    ]
    assert [piece.done for piece in pieces] == [False] * 5 + [True]
    assert (pieces[-1].done_reason, pieces[-1].eval_count) == ("stop", 5)


def test_generate_reads_prompt_and_system(client):
    answer = client.generate("tiny:1b", "two words", system="be so kind")
    assert (answer.response, answer.prompt_eval_count) == ("You said: two words", 5)
    assert answer.context
    assert (
        "".join(p.response for p in client.generate("tiny:1b", "a b", stream=True))
        == "You said: a b"
    )


def test_a_schema_is_answered_by_its_smallest_instance(client):
    schema = Bicycle.model_json_schema()
    answer = client.chat("tiny:1b", user("a bicycle"), format=schema).message.content
    jsonschema.validate(json.loads(answer), schema)
    bicycle = Bicycle.model_validate_json(answer)
    assert (len(bicycle.wheels), bicycle.gears, bicycle.wheels[0].colour) == (2, 4, Colour.RED)


def test_format_json_is_answered_in_json(client):
    answer = client.generate("tiny:1b", "hello", format="json").response
    assert json.loads(answer) == {"answer": "You said: hello"}


def test_a_tool_is_called_when_the_prompt_asks_for_one(client):
    answer = client.chat("tiny:1b", user("use a tool"), tools=[TOOL])
    call = answer.message.tool_calls[0].function
    assert (call.name, call.arguments) == ("weather", {"city": "text", "unit": "C"})
    turns = [*user("use a tool"), {"role": "tool", "content": "sun", "tool_name": "weather"}]
    assert client.chat("tiny:1b", turns, tools=[TOOL]).message.content == "The tool said: sun"


def test_without_the_word_no_tool_is_called(client):
    answer = client.chat("tiny:1b", user("hello"), tools=[TOOL])
    assert (answer.message.tool_calls, answer.message.content) == (None, "You said: hello")


def test_a_thinking_model_thinks_unless_told_not_to(client):
    aloud = client.chat("thinker:8b", user("hello"))
    assert (aloud.message.thinking, aloud.message.content) == (
        "Thinking about: hello",
        "You said: hello",
    )
    assert aloud.eval_count == 6
    assert client.chat("thinker:8b", user("hello"), think=False).message.thinking is None
    assert client.generate("thinker:8b", "hello", think="high").thinking == "Thinking about: hello"


def test_embeddings_are_the_same_for_the_same_text_and_near_for_like_texts(client):
    found = client.embed("embedder", ["red apple", "red apple pie", "two cold stones"])
    one, like, other = found.embeddings
    assert (len(one), found.prompt_eval_count) == (64, 8)
    assert sum(a * b for a, b in zip(one, like, strict=True)) > 0.7
    assert abs(sum(a * b for a, b in zip(one, other, strict=True))) < 0.3
    assert client.embeddings("embedder", "red apple").embedding == one
    assert len(client.embed("embedder", "red", dimensions=8).embeddings[0]) == 8


def test_pull_tells_how_far_it_is_and_adds_the_model(host, client):
    steps = list(client.pull("newcomer:3b", stream=True))
    assert [steps[0].status, steps[-1].status] == ["pulling manifest", "success"]
    layers = {step.digest: step.total for step in steps if step.digest}
    weights, template = layers
    assert sum(layers.values()) == 1_800_000_000
    told = [step for step in steps if step.digest == weights]
    assert told[0].status == f"pulling {weights.removeprefix('sha256:')[:12]}"
    parts = [step.completed for step in told]
    assert parts == [None, *(layers[weights] * n // 4 for n in (1, 2, 3, 4))]
    assert [s.completed for s in steps if s.digest == template] == [None, 250, 500, 750, 1000]
    assert "newcomer:3b" in names(client.list())
    assert client.pull("newcomer:3b").status == "success"
    assert host.state()["fetched"] == {"newcomer:3b": 1_800_000_000}


def test_a_pull_that_broke_off_goes_on_where_it_was(host, client):
    host.faults.add("cut", paths=("/api/pull",), after=4, uses=1)
    with pytest.raises(httpx.RemoteProtocolError):
        list(client.pull("newcomer:3b", stream=True))
    assert "newcomer:3b" not in names(client.list())
    begun = host.state()["fetched"]["newcomer:3b"]
    steps = list(client.pull("newcomer:3b", stream=True))
    first = next(step for step in steps if step.digest)
    assert 0 < first.completed == begun < first.total
    assert host.state()["fetched"] == {"newcomer:3b": 1_800_000_000}
    client.delete("newcomer:3b")
    client.pull("newcomer:3b")
    assert host.state()["fetched"] == {"newcomer:3b": 2 * 1_800_000_000}


def test_a_pull_brings_an_older_build_up_to_date(host, client):
    old = host.catalog.add(FakeModel("tiny:1b", build="old"))
    client.pull("tiny:1b")
    (row,) = [row for row in client.list().models if row.model == "tiny:1b"]
    assert row.digest == FakeModel("tiny:1b").digest != old.digest


def test_a_pull_can_fail_before_and_in_the_middle(host, client):
    host.settings.registry = ("known:1b",)
    said = refused(list, client.pull("unknown", stream=True))
    assert said == (-1, "pull model manifest: file does not exist")
    assert refused(client.pull, "unknown")[0] == 500
    host.faults.add("error", paths=("/api/pull",), after=3, text="unexpected EOF", uses=1)
    assert refused(list, client.pull("known:1b", stream=True)) == (-1, "unexpected EOF")
    assert "known:1b" not in names(client.list())


def test_copy_and_delete_change_the_list(client):
    assert client.copy("tiny:1b", "twin").status == "success"
    rows = {row.model: row.digest for row in client.list().models}
    assert rows["twin:latest"] == rows["tiny:1b"]
    client.chat("twin", user("hello"))
    assert client.delete("twin").status == "success"
    assert "twin:latest" not in names(client.list()) + names(client.ps())


@pytest.mark.parametrize("verb", ["chat", "generate", "show", "delete", "embed"])
def test_an_unknown_model_is_a_404_everywhere(client, verb):
    assert refused(getattr(client, verb), "nobody") == (404, "model 'nobody' not found")


def test_what_a_model_cannot_do_is_a_400(client):
    for said, call in {
        '"tiny:1b" does not support thinking': lambda: client.chat(
            "tiny:1b", user("a"), think=True
        ),
        '"embedder" does not support chat': lambda: client.chat("embedder", user("a")),
        '"embedder" does not support generate': lambda: client.generate("embedder", "a"),
        "model is missing data": lambda: client.chat("tiny:1b", user("a", images=[PIXEL])),
        "invalid duration": lambda: client.chat("tiny:1b", user("a"), keep_alive="soon"),
        "invalid think value": lambda: client.chat("tiny:1b", user("a"), think="hard"),
        "must be of type integer": lambda: client.chat(
            "tiny:1b", user("a"), options={"num_ctx": "x"}
        ),
    }.items():
        status, text = refused(call)
        assert said in text
        assert status == (500 if "must be" in said else 400)
    assert client.chat("seer:7b", user("a", images=[PIXEL])).message.content == "You said: a"


def test_a_model_without_tools_refuses_them():
    with (
        running(FakeHost(models=("plain:1b",), pace=0)) as host,
        ollama.Client(host.url, verify=False) as client,
    ):
        said = refused(client.chat, "plain:1b", user("a"), tools=[TOOL])
    assert said == (400, "registry.ollama.ai/library/plain:1b does not support tools")


# -- how it behaves -------------------------------------------------------------------------------


def test_an_empty_prompt_loads_and_keep_alive_nought_unloads(client):
    assert client.generate("tiny:1b", "", keep_alive="-1m").done_reason == "load"
    assert client.ps().models[0].expires_at.year > 2300
    assert client.chat("thinker:8b", []).done_reason == "load"
    assert client.chat("thinker:8b", [], keep_alive=0).done_reason == "unload"
    assert next(client.generate("tiny:1b", "", keep_alive=0, stream=True)).done_reason == "unload"
    assert names(client.ps()) == []


def test_a_limit_and_a_stop_word_end_an_answer(client):
    cut = client.chat("tiny:1b", user("one two three"), options={"num_predict": 3})
    assert (cut.message.content, cut.done_reason) == ("You said: one", "length")
    stopped = client.chat("tiny:1b", user("one two three"), options={"stop": ["two"]})
    assert (stopped.message.content, stopped.done_reason) == ("You said: one", "stop")


def test_answers_can_have_any_length(host, client):
    host.settings.tokens = 12
    answer = client.generate("tiny:1b", "one two")
    assert (answer.eval_count, len(answer.response.split())) == (12, 12)


def test_another_context_length_loads_the_model_again(host, client):
    for options in (None, None, {"num_ctx": 4096}, {"num_ctx": 4096}, {"num_ctx": 99_999}, None):
        client.chat("tiny:1b", user("hello"), options=options)
    assert host.memory.loads["tiny:1b"] == 4  # at first, then explicit, then clamped, then not
    client.chat("tiny:1b", user("hello"), options={"num_ctx": 2048})
    assert client.ps().models[0].context_length == 2048


def test_the_model_with_least_patience_makes_room(client):
    for name, kept in (("tiny:1b", "10m"), ("seer:7b", "5m"), ("thinker:8b", "1h")):
        client.generate(name, "a", keep_alive=kept)
    client.embed("embedder", "a", keep_alive=-1)
    assert names(client.ps()) == ["tiny:1b", "thinker:8b", "embedder:latest"]


def test_the_gateway_questions_have_their_answers(host):
    with httpx.Client(base_url=host.url) as raw:
        assert raw.get("/").text == "Ollama is running"
        assert raw.head("/").status_code == raw.head("/api/tags").status_code == 200
        assert (raw.get("/api/chat").status_code, raw.put("/").status_code) == (405, 405)
        assert raw.get("/api/nothing").status_code == 404
        assert raw.get("/api/tags", headers={"Host": "evil.example"}).status_code == 403
        assert raw.get("/api/tags", headers={"Host": "box.local:11434"}).status_code == 200
        assert raw.post("/api/chat").json() == {"error": "missing request body"}
        assert raw.post("/api/chat", content=b"{").status_code == 400
        assert raw.post("/api/chat", json={}).json() == {"error": "model is required"}


def test_the_record_keeps_what_was_asked(host, client):
    client.chat("tiny:1b", user("hello"), stream=False)
    seen = host.requests[-1]
    assert (seen.method, seen.path) == ("POST", "/api/chat")
    assert seen.headers["User-Agent"].startswith("ollama-python")
    assert json.loads(seen.body)["model"] == "tiny:1b"


def test_models_can_be_made_to_measure():
    model = FakeModel("wide:2b", context_length=1_000_000, billions=2.5, embedding_length=8)
    with (
        running(FakeHost(models=(model,), pace=0)) as host,
        ollama.Client(host.url, verify=False) as client,
    ):
        assert client.list().models[0].details.parameter_size == "2.5B"
        assert client.show("wide:2b").modelinfo["fake.context_length"] == 1_000_000


# -- many at a time -------------------------------------------------------------------------------


async def ask(raw: httpx.AsyncClient, model: str = "tiny:1b", **more: Any) -> httpx.Response:
    body = {"model": model, "messages": user("hello there"), "stream": False, **more}
    return await raw.post("/api/chat", json=body)


async def until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def test_only_requests_that_must_load_can_be_too_many():
    async def scene() -> None:
        async with (
            FakeHost(pace=math.inf, max_queue=1) as host,
            httpx.AsyncClient(base_url=host.url) as raw,
        ):
            first = asyncio.create_task(ask(raw, "tiny:1b"))
            await until(lambda: host.in_flight == 1)
            second = asyncio.create_task(ask(raw, "thinker:8b"))
            await until(lambda: host.memory.queued == 1)
            third = await ask(raw, "seer:7b")
            assert third.status_code == 503
            said = "server busy, please try again.  maximum pending requests exceeded"
            assert third.json() == {"error": said}
            host.clock.pace = 0
            assert [(await one).status_code for one in (first, second)] == [200, 200]

    asyncio.run(scene())


def test_a_hot_model_lets_everybody_wait_for_its_slots():
    async def scene() -> None:
        async with (
            FakeHost(slots=2, max_queue=1, pace=0) as host,
            httpx.AsyncClient(base_url=host.url) as raw,
        ):
            await ask(raw)
            host.clock.pace = math.inf
            asked = [asyncio.create_task(ask(raw)) for _ in range(9)]
            await until(lambda: host.memory.waiting == 7)
            assert host.memory.running == 2
            host.clock.advance(5)  # nobody has a slot for nothing
            host.clock.pace = 0
            answers = [(await one).json() for one in asked]
        assert host.memory.peak_running == 2
        waited = [
            a["total_duration"] - a["prompt_eval_duration"] - a["eval_duration"] for a in answers
        ]
        assert sorted(waited) == [0, 0] + [5_000_000_000] * 7

    asyncio.run(scene())


def test_time_moves_only_by_hand_at_an_infinite_pace():
    async def scene() -> None:
        settings = {"tps": 1, "load_seconds": 2, "prompt_tps": 0}
        async with (
            FakeHost(pace=math.inf, **settings) as host,
            httpx.AsyncClient(base_url=host.url) as raw,
        ):
            asked = asyncio.create_task(ask(raw))
            await until(lambda: host.in_flight == 1)
            while not asked.done():
                host.clock.advance(1)
                await asyncio.sleep(0.01)
            found = asked.result().json()
        assert found["load_duration"] >= 2_000_000_000
        assert found["eval_duration"] >= 4_000_000_000

    asyncio.run(scene())


def test_three_hundred_streams_at_a_time_are_cheap():
    async def stream(session: aiohttp.ClientSession, url: str) -> int:
        body = {"model": "tiny:1b", "messages": user("hello")}
        async with session.post(f"{url}/api/chat", json=body) as answer:
            return len((await answer.read()).splitlines())

    async def scene() -> None:
        pool = aiohttp.TCPConnector(limit=0)
        async with (
            FakeHost(slots=300, pace=0, tokens=10) as host,
            aiohttp.ClientSession(connector=pool) as session,
        ):
            lines = await asyncio.gather(*(stream(session, host.url) for _ in range(300)))
        assert lines == [11] * 300
        assert (host.memory.loads["tiny:1b"], host.record.seen) == (1, 300)

    asyncio.run(scene())


def test_real_time_is_about_as_long_as_promised():
    with (
        running(FakeHost(load_seconds=0.05, tps=100, tokens=10)) as host,
        ollama.Client(host.url, verify=False) as client,
    ):
        began = datetime.now(UTC)
        answer = client.generate("tiny:1b", "hello")
        took = (datetime.now(UTC) - began).total_seconds()
    assert 0.15 <= answer.total_duration / 1e9 <= took < 2
