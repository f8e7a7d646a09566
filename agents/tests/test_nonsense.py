"""Hosts that answer nonsense: a clear error or a usable answer, never a crash of ours."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.errors import AgentError
from agents.models import Call, Health
from agents.protocols import ChatRequest, Endpoint, Message, Piece, Usage, protocols
from agents.services.answers import Answer
from whoosh_site.core.http import Fetched

KEYS = [
    "arguments", "capabilities", "choices", "completion_tokens", "content", "context_length",
    "data", "delta", "details", "digest", "done", "done_reason", "error", "eval_count",
    "eval_duration", "expires_at", "family", "finish_reason", "function", "id", "index", "key",
    "loaded_instances", "max_model_len", "message", "meta", "models", "n_params", "name",
    "organization_owner", "owned_by", "predicted_ms", "prompt_n", "prompt_tokens",
    "prompt_tokens_details", "quantization", "size", "text", "thinking", "timings", "tool_calls",
    "type", "usage", "version",
]  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
leaves |= st.sampled_from(["llamacpp", "vllm", "organization_owner", "2026-01-01", "completion"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)
MOST = 2**63


class Open:
    """An open answer of these lines."""

    status = 200

    def __init__(self, kind: str, lines: list[str]) -> None:
        self.headers, self.said = {"content-type": kind}, lines

    async def lines(self):
        for line in self.said:
            yield line


class Door:
    """A door behind which everything is answered with the same nonsense."""

    def __init__(self, found: object) -> None:
        self.found = found

    async def fetch(self, method, url, **more):
        body = json.dumps(self.found).encode()
        return Fetched(200, {"content-type": "application/json"}, body, url)

    @contextlib.asynccontextmanager
    async def stream(self, method, url, **more):
        line = json.dumps(self.found)
        if "/v1/" in url:
            yield Open("text/event-stream", [f"data: {line}", "", "data: [DONE]"])
        else:
            yield Open("application/x-ndjson", [line])


async def said(host):
    request = ChatRequest("tiny:1b", (Message("user", "hello"),))
    return [piece async for piece in host.chat(request)]


def heard(key, found, method):
    """Return what our format makes of nonsense; None for an error of ours."""
    host = protocols[key](Endpoint("http://10.0.0.1", Door(found)))
    ways = {
        "probe": host.probe,
        "models": host.models,
        "resident": host.resident,
        "chat": lambda: said(host),
        "embed": lambda: host.embed("tiny:1b", ["a"]),
    }
    with contextlib.suppress(AgentError):
        return asyncio.run(ways[method]())


def fits(number):
    return number is None or 0 <= number < MOST


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(objects)
def test_nonsense_is_an_answer_or_an_error_of_ours(found):
    for key in ("ollama", "openai"):
        for method in ("probe", "models", "resident", "chat", "embed"):
            heard(key, found, method)


@settings(max_examples=40)
@given(row=objects, flavour=st.sampled_from(["llamacpp", "vllm", "organization_owner", "x"]))
def test_a_row_of_nonsense_among_the_models_keeps_to_our_types(row, flavour):
    row = {"name": "a", "id": "a", "key": "a", "owned_by": flavour, "model": "a"} | row
    for key in ("ollama", "openai"):
        for model in heard(key, {"models": [row], "data": [row], "version": "1"}, "models") or ():
            assert fits(model.size)
            assert fits(model.context_length)
            texts = (model.name, model.digest, model.family, model.parameters, model.quantization)
            assert all(isinstance(text, str) for text in (*texts, *model.capabilities))


@settings(max_examples=40)
@given(choice=objects, extra=objects)
def test_an_answer_of_nonsense_keeps_to_our_types(choice, extra):
    body = extra | {
        "choices": [{"finish_reason": "stop"} | choice],
        "done": True,
        "message": choice,
    }
    body.pop("error", None)
    for key in ("ollama", "openai"):
        for piece in heard(key, body, "chat") or ():
            assert isinstance(piece.text + piece.thinking, str)
            assert all(isinstance(call.arguments, dict) for call in piece.tool_calls)
            usage = piece.usage or Usage()
            assert fits(usage.prompt_tokens)
            assert fits(usage.answer_tokens)
            for took in (usage.load_ms, usage.prompt_ms, usage.answer_ms, usage.total_ms):
                assert fits(took)


# -- what no column can hold -------------------------------------------------------------------

ODD = "a\x00b\ud83cc"


def lists(host, *rows):
    """Make the host list these rows as its models, and say odd things of itself."""
    rows = [{"capabilities": ["completion"]} | row for row in rows]
    host.faults.add("status", status=200, body={"models": rows}, paths=("/api/tags",))
    host.faults.add("status", status=200, body={"models": rows}, paths=("/api/ps",))
    host.faults.add("status", status=200, body={"version": ODD * 40}, paths=("/api/version",))


def test_a_list_of_models_no_column_can_hold_is_kept_as_far_as_it_can_be(settle, host, check):
    long = "x" * 201
    details = {"family": ODD * 60, "parameter_size": "p" * 50, "quantization_level": "q" * 50}
    lists(
        host,
        {"name": "good:1b", "digest": "d" * 99, "size": 2**70, "details": details},
        {"name": "deep:1b", "capabilities": [ODD], "details": {"context_length": 2**40}},
        {"name": long + "1"},
        {"name": long + "2"},
        {"name": ODD, "size": -1},
    )
    agent = settle("oak", host)
    Health.objects.update(models_at=None)
    health = check(agent)
    assert (health.status, health.reason, health.deaths) == ("online", "", 0)
    names = [str(row.model) for row in agent.models.select_related("model")]
    assert {"good:1b", "deep:1b"} <= set(names)
    assert all(len(name) <= 200 for name in names)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "soon", 5]
)
def test_a_moment_that_is_none_in_some_zone_is_left_out(settle, host, moment):
    row = {"name": "good:1b", "expires_at": moment}
    lists(host, row)
    agent = settle("oak", host)
    assert (agent.status, agent.status_reason) == ("online", "")
    assert agent.models.get().resident_until is None


def test_more_models_than_anybody_chooses_among_are_cut_and_that_is_said(settle, host, page):
    lists(host, *({"name": f"m{number}:1b"} for number in range(1500)))
    agent = settle("oak", host)
    assert agent.models.count() == 500
    assert agent.status == "online"
    assert agent.status_reason.startswith("Only its first 500 models are kept")


def test_thousands_of_models_over_all_hosts_break_no_page(people, make_agent, answered, with_key):
    for name in ("oak", "elm", "fir"):
        make_agent(name, models={f"{name}{number}": {} for number in range(400)})
    client = with_key(people.admin)
    assert client.get("/api/v1/agents/").status_code == 200
    client.force_login(people.admin)
    assert client.get("/agents/").status_code == 200
    assert answered(model="oak7").state != "quarantined"


def chats(host, **message):
    """Make the host answer every conversation with one line."""
    line = {"message": message, "done": True, "eval_count": 2**70, "eval_duration": -1}
    host.faults.add("status", status=200, body=line, paths=("/api/chat",))


def test_an_answer_no_column_can_hold_is_kept_as_far_as_it_can_be(settle, host, answered):
    settle("oak", host)
    call = {"function": {"name": ODD, "arguments": {ODD: [ODD, {"x": ODD}]}}}
    chats(host, content=ODD, thinking=ODD, tool_calls=[call])
    done = answered()
    assert (done.state, done.answer, done.thinking) == ("success", "ab�c", "ab�c")
    (tool,) = done.tool_calls
    assert (tool["name"], tool["arguments"]) == ("ab�c", {"ab�c": ["ab�c", {"x": "ab�c"}]})
    assert done.deaths == 0


def test_an_error_no_column_can_hold_is_told_as_far_as_it_can_be(settle, host, answered):
    settle("oak", host)
    host.faults.add("error", after=1, text=ODD)
    done = answered()
    assert (done.state, done.error) == ("error", f"{host.url} failed: ab�c")


def test_a_state_whose_reason_no_column_can_hold_is_told_all_the_same(settle, host):
    host.faults.add("status", status=401, body={"error": ODD})
    agent = settle("oak", host)
    assert (agent.status, agent.status_reason) == (
        "unauthorised",
        f"{host.url} wants another key: ab�c",
    )


def test_a_character_cut_in_two_between_pieces_is_put_together():
    answer = Answer(Call(), 1, None)
    for half in ("tree \ud83c", "\udf33!"):
        answer._hear(Piece(text=half, thinking=half))
    assert answer.fields["answer"] == answer.fields["thinking"] == "tree 🌳!"
