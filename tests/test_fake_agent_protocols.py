"""Our wire formats against the fake host: what they read is what the official clients read."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import ollama
import pytest

from agents.errors import (
    AgentBusy,
    AgentError,
    AgentFailed,
    AgentMoved,
    AgentOffline,
    AgentSlow,
    AgentTalksNonsense,
    AgentUnauthorised,
    ModelMissing,
    RequestRefused,
)
from agents.protocols import (
    ChatRequest,
    Endpoint,
    GenerateRequest,
    HostProtocol,
    Message,
    Piece,
    detect,
    protocols,
)
from tests.fake_agent import FLAVOURS, FakeHost, running
from tests.samples import TOOL, Bicycle, eventually, openai_client, user
from whoosh_site.core.addresses import registered_hosts
from whoosh_site.core.http import Door
from whoosh_site.core.limits import Limits

PATIENT = Limits(connect=10, first_byte=20, between=20, total=40, size=1_000_000)
HASTY = {
    "first byte": replace(PATIENT, first_byte=0.4),
    "between chunks": replace(PATIENT, between=0.2),
    "total": replace(PATIENT, total=0.8),
}
"""What ends a call by one limit, however busy this machine is: by the words that name it."""
FORMATS = ("ollama", "openai")


@contextlib.asynccontextmanager
async def endpoint(host: FakeHost, key: str = "") -> AsyncIterator[Endpoint]:
    """Open our door to a host."""
    door = Door(registered_hosts(allow_local=True), PATIENT)
    try:
        yield Endpoint(host.url, door, key)
    finally:
        await door.close()


def ours(
    host: FakeHost, key: str, work: Callable[[HostProtocol], Awaitable[Any]], api_key: str = ""
) -> Any:
    """Do something with one of our wire formats; `key` names it."""

    async def scene() -> Any:
        async with endpoint(host, api_key) as entrance:
            return await work(protocols[key](entrance))

    return asyncio.run(scene())


def found(host: FakeHost, api_key: str = "") -> Any:
    """Let `detect` find out what a host is; return the format's key and the probe."""

    async def scene() -> Any:
        async with endpoint(host, api_key) as entrance:
            protocol, probe = await detect(entrance)
            return protocol.key, probe

    return asyncio.run(scene())


def chat(host: FakeHost, key: str, text: str = "how are you", **more: Any) -> list[Piece]:
    """Collect the pieces of a conversation."""
    model = more.pop("model", "tiny:1b")
    request = ChatRequest(model, (Message("user", text),), **more)

    async def talk(protocol: HostProtocol) -> list[Piece]:
        return [piece async for piece in protocol.chat(request, PATIENT)]

    return ours(host, key, talk)


def named(value: Any) -> str:
    """Name a test by the fault it is about."""
    return (
        "-".join(str(part) for part in list(value.values())[:2]) if isinstance(value, dict) else ""
    )


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with running(FakeHost("ollama", pace=0)) as made:
        yield made


@pytest.fixture
def client(host: FakeHost) -> Iterator[ollama.Client]:
    with ollama.Client(host.url, timeout=10, verify=False) as made:
        yield made


# -- the same view --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flavour", "key", "name"),
    [
        ("ollama", "ollama", "ollama"),
        ("openai", "openai", "OpenAI-compatible"),
        ("llamacpp", "openai", "llama.cpp"),
        ("vllm", "openai", "vLLM"),
        ("lmstudio", "openai", "LM Studio"),
    ],
)
def test_detect_names_every_flavour(flavour, key, name):
    with running(FakeHost(flavour, pace=0)) as host:
        protocol, probe = found(host)
    assert protocol == key
    assert (probe.flavour, probe.busy, probe.loading) == (name, "", False)
    known = {"ollama": "0.24.0", "vllm": "0.24.0", "llamacpp": "b9999-fake"}
    assert probe.version == known.get(flavour, "")


@pytest.mark.parametrize("old", [False, True])
def test_models_are_those_the_ollama_client_lists(host, client, old):
    host.settings.old = old
    theirs = {row.model: row for row in client.list().models}
    for model in ours(host, "ollama", lambda protocol: protocol.models()):
        row = theirs.pop(model.name)
        assert (model.digest, model.size) == (row.digest, row.size)
        assert (model.family, model.parameters) == (row.details.family, row.details.parameter_size)
        shown = client.show(model.name)
        assert list(model.capabilities) == shown.capabilities
        assert model.context_length == shown.modelinfo[f"{model.family}.context_length"]
    assert theirs == {}


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_models_are_those_the_openai_client_lists(flavour):
    with running(FakeHost(flavour, pace=0)) as host:
        with openai_client(host) as client:
            theirs = [row.id for row in client.models.list()]
        models = ours(host, "openai", lambda protocol: protocol.models())
    assert [model.name for model in models] == theirs
    context = {"vllm": 32_768, "lmstudio": 32_768, "llamacpp": 4096}.get(flavour)
    assert {model.context_length for model in models} == {context}


@pytest.mark.parametrize(
    ("flavour", "found"),
    [("llamacpp", ("completion", "tools", "vision")), ("vllm", ()), ("openai", ())],
)
def test_what_a_server_does_not_tell_of_a_model_is_unknown(flavour, found):
    with running(FakeHost(flavour, models=("llava-vision:7b",), pace=0)) as host:
        (model,) = ours(host, "openai", lambda protocol: protocol.models())
    assert model.capabilities == found


@pytest.mark.parametrize("count", ["1.2.3", "1e999", "many"])
def test_a_count_of_waiting_requests_that_is_none_is_left_out(count):
    with running(FakeHost("vllm", pace=0)) as host:
        text = f"vllm:num_requests_waiting {count}"
        host.faults.add("status", status=200, body=text, paths=("/metrics",))
        _, probe = found(host)
    assert (probe.flavour, probe.busy) == ("vLLM", "")


def test_a_redirect_is_told_also_when_the_format_is_to_be_found_out():
    with running(FakeHost("ollama", pace=0)) as host:
        host.faults.add("redirect", to="http://elsewhere.lan/")
        with pytest.raises(AgentMoved, match="redirects to http://elsewhere.lan/. Use that"):
            found(host)


def test_one_broken_model_of_an_old_host_spoils_no_list(host):
    host.settings.old = True
    host.faults.add("status", status=500, paths=("/api/show",))
    models = ours(host, "ollama", lambda protocol: protocol.models())
    assert [model.name for model in models] == [model.name for model in host.catalog]
    assert {model.capabilities for model in models} == {("completion",)}


def test_lm_studio_tells_us_what_its_models_can_do():
    with running(FakeHost("lmstudio", pace=0)) as host:
        models = ours(host, "openai", lambda protocol: protocol.models())
    assert models[2].capabilities == ("completion", "vision", "tools")
    assert models[3].capabilities == ("embedding",)


def test_residents_are_those_the_ollama_client_sees(host, client):
    client.generate("tiny:1b", "", keep_alive="7m")
    client.generate("seer:7b", "", options={"num_ctx": 8192}, keep_alive=-1)
    theirs = [
        (row.model, row.expires_at, row.size_vram, row.context_length) for row in client.ps().models
    ]
    rows = ours(host, "ollama", lambda protocol: protocol.resident())
    assert [(r.name, r.until, r.size_vram, r.context_length) for r in rows] == theirs
    assert len(theirs) == 2


@pytest.mark.parametrize("flavour", ["llamacpp", "vllm", "lmstudio"])
def test_residents_of_other_servers(flavour):
    with running(FakeHost(flavour, pace=0)) as host:
        name = next(iter(host.catalog)).name
        if flavour == "lmstudio":
            assert ours(host, "openai", lambda protocol: protocol.resident()) == []
            chat(host, "openai", model=name)
        rows = ours(host, "openai", lambda protocol: protocol.resident())
    assert [row.name for row in rows] == [name]


def test_a_chat_brings_the_text_and_figures_the_ollama_client_reads(host, client):
    chat(host, "ollama")
    pieces = chat(host, "ollama")
    theirs = client.chat("tiny:1b", user("how are you"))
    usage = pieces[-1].usage
    assert text(pieces) == theirs.message.content
    assert usage.done_reason == theirs.done_reason
    assert (usage.prompt_tokens, usage.answer_tokens) == (
        theirs.prompt_eval_count,
        theirs.eval_count,
    )
    assert (usage.load_ms, theirs.load_duration) == (0, None)
    assert usage.answer_ms == theirs.eval_duration / 1e6
    assert usage.total_ms == theirs.total_duration / 1e6


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_a_chat_brings_the_text_and_figures_the_openai_client_reads(flavour):
    with running(FakeHost(flavour, pace=0)) as host:
        name = next(iter(host.catalog)).name
        with openai_client(host) as client:
            theirs = client.chat.completions.create(model=name, messages=user("how are you"))
        pieces = chat(host, "openai", model=name)
    usage = pieces[-1].usage
    assert text(pieces) == theirs.choices[0].message.content
    assert usage.done_reason == theirs.choices[0].finish_reason
    assert usage.prompt_tokens == theirs.usage.prompt_tokens
    assert usage.answer_tokens == theirs.usage.completion_tokens
    assert usage.answer_ms == (100 if flavour == "llamacpp" else None)
    assert usage.read_tokens == (2 if flavour == "llamacpp" else None)


@pytest.mark.parametrize("key", FORMATS)
def test_a_text_is_completed_with_what_was_said_before_it(host, key):
    request = GenerateRequest("tiny:1b", "one two", system="be kind", options={"max_tokens": 3})

    async def complete(protocol: HostProtocol) -> list[Piece]:
        plain = replace(request, system="")
        assert text([piece async for piece in protocol.generate(plain)]) == "You said: one"
        return [piece async for piece in protocol.generate(request)]

    pieces = ours(host, key, complete)
    usage = pieces[-1].usage
    assert text(pieces) == "You said: one"
    assert (usage.done_reason, usage.prompt_tokens, usage.answer_tokens) == ("length", 4, 3)


@pytest.mark.parametrize("key", FORMATS)
def test_thinking_comes_apart_from_the_text(host, key):
    pieces = chat(host, key, model="thinker:8b")
    assert "".join(piece.thinking for piece in pieces) == "Thinking about: how are you"
    assert text(pieces) == "You said: how are you"


@pytest.mark.parametrize(
    ("flavour", "key"),
    [("ollama", "ollama"), ("ollama", "openai"), ("openai", "openai"), ("llamacpp", "openai")],
)
def test_a_tool_call_arrives_whole(flavour, key):
    with running(FakeHost(flavour, models=("tiny:1b",), pace=0)) as host:
        pieces = chat(host, key, "use a tool", tools=(TOOL,))
    calls = [call for piece in pieces for call in piece.tool_calls]
    assert [(call.name, call.arguments) for call in calls] == [
        ("weather", {"city": "text", "unit": "C"})
    ]
    assert calls[0].id


@pytest.mark.parametrize("key", FORMATS)
def test_the_answer_of_a_tool_is_understood(host, key):
    (call,) = [c for p in chat(host, key, "use a tool", tools=(TOOL,)) for c in p.tool_calls]
    turns = (
        Message("user", "use a tool"),
        Message("assistant", tool_calls=(call,)),
        Message("tool", "sun", tool_name="weather", tool_call_id=call.id),
    )

    async def talk(protocol: HostProtocol) -> str:
        request = ChatRequest("tiny:1b", turns, tools=(TOOL,))
        return text([piece async for piece in protocol.chat(request)])

    assert ours(host, key, talk) == "The tool said: sun"


@pytest.mark.parametrize("key", FORMATS)
def test_a_schema_and_an_image_reach_the_model(host, key):
    answer = text(chat(host, key, schema=Bicycle.model_json_schema()))
    assert Bicycle.model_validate_json(answer).gears == 4
    assert json.loads(text(chat(host, key, schema="json"))) == {"answer": "You said: how are you"}

    async def look(protocol: HostProtocol) -> str:
        request = ChatRequest("seer:7b", (Message("user", "look", images=("iVBORw0KGgo=",)),))
        return text([piece async for piece in protocol.chat(request)])

    assert ours(host, key, look) == "You said: look"


@pytest.mark.parametrize("key", FORMATS)
def test_vectors_are_those_the_ollama_client_gets(host, client, key):
    texts = ["red apple", "cold stone wall"]
    embeddings = ours(host, key, lambda protocol: protocol.embed("embedder", texts))
    theirs = client.embed("embedder", texts)
    assert embeddings.vectors == [list(vector) for vector in theirs.embeddings]
    assert embeddings.prompt_tokens == theirs.prompt_eval_count == 5


def test_many_vectors_are_more_than_a_cheap_answer_may_be(host):
    texts = ["oak"] * 20_000
    found = ours(host, "ollama", lambda protocol: protocol.embed("embedder", texts))
    assert len(found.vectors) == len(texts)
    assert len(json.dumps(found.vectors)) > 4_000_000


def test_a_server_that_waits_or_loads_says_so():
    with running(FakeHost("llamacpp", load_seconds=3600)) as host:
        assert found(host)[1].loading
    with running(FakeHost("vllm", slots=1, pace=0)) as host:
        host.memory.waiting = 3
        assert found(host)[1].busy == "3 requests wait there already"


# -- the same errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "leaf", "words"),
    [
        ({"kind": "drop"}, AgentOffline, "closed the connection without an answer"),
        ({"kind": "delay", "seconds": 1}, AgentSlow, "first byte"),
        ({"kind": "stall", "seconds": 1}, AgentSlow, "between chunks"),
        ({"kind": "drip", "seconds": 0.05}, AgentSlow, "total"),
        ({"kind": "cut", "after": 2}, AgentFailed, "broke off"),
        ({"kind": "error", "text": "out of memory"}, AgentFailed, "out of memory"),
        ({"kind": "malformed"}, AgentFailed, "no JSON"),
        ({"kind": "html"}, AgentTalksNonsense, "not like a model host"),
        ({"kind": "huge", "size": 2_000_000}, AgentFailed, "more than the allowed size"),
        ({"kind": "redirect", "to": "http://127.0.0.1:9/"}, AgentError, "127"),
        ({"kind": "status", "status": 400, "body": {"error": "no"}}, RequestRefused, "no"),
        ({"kind": "status", "status": 401}, AgentUnauthorised, "key"),
        ({"kind": "status", "status": 403}, AgentUnauthorised, "key"),
        (
            {"kind": "status", "status": 404, "body": {"error": "model 'x' not found"}},
            ModelMissing,
            "x",
        ),
        (
            {"kind": "status", "status": 404, "body": "404 page not found"},
            AgentTalksNonsense,
            "know",
        ),
        ({"kind": "status", "status": 429, "body": "slow down"}, AgentBusy, "slow down"),
        ({"kind": "status", "status": 500, "body": {"error": "llama died"}}, AgentFailed, "llama"),
        ({"kind": "status", "status": 503, "body": {"error": {"message": "b"}}}, AgentBusy, "b"),
    ],
    ids=named,
)
@pytest.mark.parametrize("key", FORMATS)
def test_a_fault_in_a_chat_becomes_our_error(host, key, fault, leaf, words):
    request = ChatRequest("tiny:1b", (Message("user", "how are you"),))

    async def fail_and_recover(protocol: HostProtocol) -> list[Piece]:
        host.faults.add(**fault)
        with pytest.raises(leaf, match=words):
            [piece async for piece in protocol.chat(request, HASTY.get(words, PATIENT))]
        host.faults.clear()
        return [piece async for piece in protocol.chat(request, PATIENT)]

    assert text(ours(host, key, fail_and_recover)) == "You said: how are you"


@pytest.mark.parametrize(
    ("fault", "leaf"),
    [
        ({"kind": "drop"}, AgentOffline),
        ({"kind": "html"}, AgentTalksNonsense),
        ({"kind": "echo"}, AgentTalksNonsense),
        ({"kind": "redirect", "to": "/elsewhere"}, AgentTalksNonsense),
        ({"kind": "huge", "size": 5_000_000}, AgentFailed),
        ({"kind": "status", "status": 401}, AgentUnauthorised),
        ({"kind": "status", "status": 500}, AgentFailed),
        ({"kind": "status", "status": 503}, AgentBusy),
        ({"kind": "status", "status": 404, "body": "nothing here"}, AgentTalksNonsense),
    ],
    ids=named,
)
def test_a_fault_is_named_when_a_host_is_detected(host, fault, leaf):
    host.faults.add(**fault)
    with pytest.raises(leaf):
        found(host)


def test_a_host_that_is_down_is_offline_and_comes_back(host):
    fault = host.faults.add("refuse")
    with pytest.raises(AgentOffline, match="connection refused"):
        found(host)
    host.faults.remove(fault)
    assert found(host)[0] == "ollama"


def test_a_fault_may_be_limited_in_number_and_place(host):
    host.faults.add("status", status=500, uses=1, paths=("/api/*",))
    with pytest.raises(AgentFailed):
        chat(host, "ollama")
    assert text(chat(host, "ollama")) == text(chat(host, "openai"))
    assert host.faults.used == {"status": 1}


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_a_key_is_asked_for_and_sent(flavour):
    with running(FakeHost(flavour, key="secret", pace=0)) as host:
        with pytest.raises(AgentUnauthorised):
            found(host)
        found(host, "secret")
    assert host.requests[-1].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("key", FORMATS)
def test_the_hosts_own_refusals_have_our_names(host, key):
    with pytest.raises(ModelMissing, match="nobody"):
        chat(host, key, model="nobody")
    with pytest.raises(RequestRefused, match="does not support thinking"):
        chat(host, key, think="high")
    with pytest.raises(RequestRefused, match="does not support chat"):
        chat(host, key, model="embedder")


# -- leaving early --------------------------------------------------------------------------------


@pytest.mark.parametrize(("pace", "tokens"), [(1, 10_000), (0, 200_000)])
@pytest.mark.parametrize("key", FORMATS)
def test_closing_the_iterator_frees_the_slot_at_once(key, pace, tokens):
    async def leave(protocol: HostProtocol) -> None:
        pieces = protocol.chat(ChatRequest("tiny:1b", (Message("user", "tell me all"),)))
        assert (await anext(pieces)).text == "You"
        await pieces.aclose()
        await asyncio.to_thread(eventually, lambda: host.in_flight == 0)

    with running(FakeHost(load_seconds=0, pace=pace, tokens=tokens)) as host:
        ours(host, key, leave)
        assert (host.canceled, host.memory.running, host.in_flight) == (1, 0, 0)
        assert host.record.statuses[499] == 1


def test_a_caller_that_leaves_the_queue_is_gone_from_it():
    async def wait_in_vain(protocol: HostProtocol) -> None:
        request = ChatRequest("tiny:1b", (Message("user", "hello"),))
        async for _ in protocol.chat(request, replace(PATIENT, first_byte=0.1)):
            raise AssertionError("it was not to answer")

    with running(FakeHost(load_seconds=3600)) as host:
        with pytest.raises(AgentSlow):
            ours(host, "ollama", wait_in_vain)
        eventually(lambda: host.canceled == 1)
        assert (host.memory.queued, host.in_flight, host.memory.loaded()) == (0, 0, [])


def test_an_answer_read_to_its_end_is_no_cancellation(host):
    for key in FORMATS:
        chat(host, key)
    eventually(lambda: host.in_flight == 0)
    assert host.canceled == 0
