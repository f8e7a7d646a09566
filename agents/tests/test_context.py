"""The length of context that goes out with a call: decided once, so that no load is in vain."""

import json

import httpx
import pytest

from agents.context import Known, Sizing, Wanted, sized
from agents.models import AgentModel, Call
from tests.fake_agent import FakeHost, running
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM

# -- the decision ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "known", "sizing"),
    [
        # What is there and suffices is kept: named again where it was named, else not.
        (Wanted(300), Known(current=4096), Sizing()),
        (Wanted(300), Known(current=8192, named=True), Sizing(8192)),
        (
            Wanted(300, 4096),
            Known(current=8192, named=True),
            Sizing(8192, words="keeps its loaded 8192 tokens of context; 4096 were asked for"),
        ),
        (
            Wanted(300, 2048),
            Known(current=4096),
            Sizing(words="keeps its loaded 4096 tokens of context; 2048 were asked for"),
        ),
        (Wanted(300, 8192), Known(current=8192, named=True), Sizing(8192)),
        # What needs more has it loaded once, in a large step, never beyond what the model holds.
        (
            Wanted(5000),
            Known(current=4096),
            Sizing(8192, "for more than 4096 tokens of context", "gets 8192 tokens of context"),
        ),
        (
            Wanted(300, 9000),
            Known(current=4096, most=12_000),
            Sizing(
                12_000,
                "for more than 4096 tokens of context",
                "gets 12000 tokens of context; 9000 were asked for",
            ),
        ),
        (Wanted(9000), Known(current=4096, most=4096), Sizing()),
        # What is not there gets what its host gives by itself, as long as that suffices.
        (Wanted(300), Known(), Sizing()),
        (
            Wanted(300, 2048),
            Known(usual=8192),
            Sizing(words="gets its usual 8192 tokens of context; 2048 were asked for"),
        ),
        (Wanted(6000), Known(), Sizing(8192, words="gets 8192 tokens of context")),
        (Wanted(6000), Known(usual=32_768), Sizing()),
        # Hosts that take no such thing are sent none.
        (Wanted(9000), Known(settable=False, current=4096), Sizing()),
        (
            Wanted(300, 2048),
            Known(settable=False),
            Sizing(words="has a context of its own; the 2048 tokens asked for are not sent"),
        ),
        # Without protection the caller has its will.
        (Wanted(9000, 0, False), Known(current=4096), Sizing()),
        (Wanted(9000, 2048, False), Known(), Sizing(2048)),
        (
            Wanted(300, 2048, False),
            Known(current=4096),
            Sizing(2048, "for the 2048 tokens of context asked for"),
        ),
        (
            Wanted(300, 0, False),
            Known(current=4096, named=True),
            Sizing(None, "for the usual context asked for"),
        ),
        (Wanted(300, 2048, False), Known(current=2048, named=True), Sizing(2048)),
    ],
)
def test_every_case_of_the_decision(wanted, known, sizing):
    assert sized(wanted, known) == sizing


# -- at the host -------------------------------------------------------------------------------

LENGTHS = (2048, 4096, 3000, None, 1024)


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


def named(host):
    """Return the lengths a host was sent, in order."""
    bodies = [json.loads(seen.body) for seen in host.requests if seen.path == "/api/chat"]
    return [body.get("options", {}).get("num_ctx") for body in bodies]


def ask_all(answered, lengths):
    for length in lengths:
        options = {"context_length": length} if length else {}
        assert answered(model="tiny:1b", options=options).state == "success"


def test_clients_with_other_lengths_of_context_share_one_load(oak, host, answered):
    ask_all(answered, LENGTHS)
    assert (host.memory.loads["tiny:1b"], set(named(host))) == (1, {None})


def test_without_protection_each_other_length_is_another_load(oak, host, answered):
    tunables.change("context_protection", False, by=SYSTEM)
    ask_all(answered, LENGTHS)
    assert (host.memory.loads["tiny:1b"], named(host)) == (5, list(LENGTHS))


def test_calls_that_wait_together_share_one_load_as_well(settle, host, asked, finish):
    settle("oak", host, slots=4)
    for length in (512, 8192, 6000, 4096, 1024, 9000):
        asked(model="tiny:1b", options={"context_length": length})
    finish()
    assert Call.objects.filter(state="success").count() == 6
    assert host.memory.loads["tiny:1b"] <= 3  # the usual one, 8192 and 16384
    assert host.memory.holds(host.model("tiny:1b")).context == 16_384


def test_a_longer_context_is_loaded_once_and_then_kept(oak, host, answered, check):
    first = answered("w" * 20_000, model="tiny:1b")
    assert first.context_length == 8192
    check(oak)
    second = answered("hello", model="tiny:1b", options={"num_ctx": 4096})
    assert ["keeps its loaded 8192 tokens of context; 4096 were asked for", 0.0] in (
        second.decision[0]["parts"]
    )
    third = answered("w" * 24_000, model="tiny:1b")
    assert (second.context_length, third.context_length) == (8192, 8192)
    assert (host.memory.loads["tiny:1b"], named(host)) == (1, [8192] * 3)


def test_growing_conversations_reload_by_doubling(oak, host, answered):
    for letters in range(2000, 60_000, 4000):
        answered("w" * letters, model="tiny:1b")
    assert named(host)[-1] == 32_768
    assert host.memory.loads["tiny:1b"] == 4  # 4096, 8192, 16384, 32768


def test_what_somebody_else_has_loaded_is_kept_too(oak, host, answered, check):
    other = {"model": "tiny:1b", "messages": [], "options": {"num_ctx": 6144}}
    httpx.post(f"{host.url}/api/chat", json=other).raise_for_status()
    check(oak)
    call = answered(model="tiny:1b")
    assert (call.context_length, host.memory.loads["tiny:1b"]) == (6144, 1)


def test_what_a_host_gives_by_itself_is_learned_from_its_loads(oak, host, answered, check):
    host.settings.context = 16_384
    answered(model="tiny:1b")
    check(oak)
    assert AgentModel.objects.get(model__name="tiny:1b").usual_context == 16_384
    host.memory.unload(host.model("tiny:1b"))
    check(oak)
    call = answered("w" * 30_000, model="tiny:1b")
    assert (call.context_length, named(host)) == (None, [None, None])


def test_hosts_of_the_openai_kind_are_sent_no_length(settle, answered):
    with running(FakeHost("openai", pace=0)) as host:
        settle("oak", host)
        call = answered(options={"context_length": 2048})
        body = json.loads(next(s.body for s in host.requests if s.path.endswith("completions")))
    assert call.context_length is None
    assert not {"context_length", "num_ctx", "options"} & set(body)
    told = "has a context of its own; the 2048 tokens asked for are not sent"
    assert [told, 0.0] in call.decision[0]["parts"]


def test_a_call_that_is_tried_elsewhere_is_sized_anew(settle, host, answered):
    with running(FakeHost("ollama", pace=0)) as gone:
        gone.memory.preload(gone.model("tiny:1b"))
        settle("elm", gone)
    settle("oak", host)
    call = answered("w" * 20_000, model="tiny:1b")
    assert (call.failed_agents, call.agent_name) == (["elm"], "oak")
    assert (call.context_length, named(host)) == (8192, [8192])


# -- where it is told --------------------------------------------------------------------------


def test_the_length_is_told_by_api_and_page(oak, answered, page, with_key, people):
    call = answered("w" * 20_000, model="tiny:1b")
    found = with_key(people.member).get(f"/api/v1/calls/{call.pk}/").json()
    assert found["context_length"] == 8192
    text = page("member", call.get_absolute_url())
    assert "8192 tokens" in text
    assert "gets 8192 tokens of context" in text


@pytest.mark.parametrize("length", [0, -1, "4096", 2**31, 1.5, True, None])
@pytest.mark.parametrize("word", ["context_length", "num_ctx"])
def test_a_length_that_is_none_is_refused(oak, with_key, people, word, length):
    body = {"prompt": "hello", "options": {word: length}}
    answer = with_key(people.member).post("/api/v1/calls/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"options.{word}: must be a whole number")
    assert not Call.objects.exists()
