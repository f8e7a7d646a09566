"""Models that a host works on less often at once than it has slots."""

import pytest

from agents import services
from agents.models import AgentModel, Call
from agents.protocols.ollama import one_at_a_time
from agents.routing import Held, Need
from agents.tests.test_routing import agent, choose
from tests.fake_agent import FakeHost, running
from tests.fake_agent.catalog import FakeModel
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import AuditEntry

SEER = FakeModel("seer:8b", family="qwen3vlmoe")


@pytest.fixture
def oak():
    """A host with four slots, one of whose models works on one call at a time."""
    with running(FakeHost("ollama", models=(SEER, "tiny:1b", "embedder"), slots=4, pace=0)) as host:
        yield host


def slots():
    rows = AgentModel.objects.order_by("model__name")
    return dict(rows.values_list("model__name", "slots"))


# -- where it comes from -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "abilities", "alone"),
    [
        ("llama", ["completion"], False),
        ("llama", [], False),
        ("nomic-bert", ["embedding"], True),
        ("mllama", ["completion", "vision"], True),
        ("qwen3vl", ["completion"], True),
        ("qwen3vlmoe", ["completion"], True),
        ("qwen35moe", ["completion"], True),
        ("qwen3next", ["completion"], True),
        ("qwen3", ["completion"], False),
        ("lfm2moe", ["completion"], True),
        ("nemotron_h_moe", ["completion"], True),
        ("nemotron", ["completion"], False),
    ],
)
def test_what_ollama_works_on_one_call_at_a_time_with(family, abilities, alone):
    assert one_at_a_time(family, abilities) is alone


def test_a_look_at_the_host_sets_the_limit(settle, oak):
    settle("oak", oak, slots=4)
    assert slots() == {"embedder:latest": 1, "seer:8b": 1, "tiny:1b": None}


def test_a_look_leaves_the_limit_an_operator_has_set(settle, oak, check):
    found = settle("oak", oak, slots=4)
    services.set_model_slots(found, {"seer:8b": 3, "tiny:1b": 2}, by=SYSTEM)
    services.refresh(found, by=SYSTEM)
    check(found)
    assert slots() == {"embedder:latest": 1, "seer:8b": 3, "tiny:1b": 2}


def test_hosts_of_the_openai_kind_limit_no_model(settle):
    with running(FakeHost("openai", models=(SEER,), pace=0)) as host:
        settle("oak", host)
    assert slots() == {"seer:8b": None}


# -- what it does ------------------------------------------------------------------------------


def test_a_model_that_works_on_all_it_can_is_waited_for_though_slots_are_free():
    one = agent(slots=4, busy=1, frees_in=2, held=(Held("a", True, slots=1, going=1),))
    decision = choose(Need(model="a"), [one])
    assert (decision.winner, decision.waits_for) == (None, "oak")
    assert decision.reason == "waits for a, which takes 1 call at a time, on oak"
    assert ("a takes 1 call at a time, one more in about 8 s", 8) in decision.scores[0].parts
    other = agent("elm", held=(Held("a", load_seconds=4),))
    assert choose(Need(model="a"), [one, other]).winner.agent == "elm"


def test_no_more_calls_of_a_model_run_than_it_takes(settle, oak, asked, finish):
    oak.clock.pace, oak.settings.load_seconds = 0.1, 2
    settle("oak", oak, slots=4)
    for model, fewest, most in (("seer:8b", 1, 1), ("tiny:1b", 2, 4)):
        for number in range(4):
            asked(f"{model} {number}", model=model)
        finish()
        assert fewest <= oak.memory.peak_running <= most
    assert Call.objects.filter(state="success").count() == 8


def test_a_model_that_is_taken_by_another_process_is_waited_for(settle, oak, asked, carry):
    found = settle("oak", oak, slots=4)
    busy = asked("busy", model="seer:8b")
    there = {"state": "running", "owner": "there:1:1.00", "agent": found, "model_name": "seer:8b"}
    Call.objects.filter(pk=busy.pk).update(**there)
    late, other = asked("late", model="seer:8b"), asked("other", model="tiny:1b")
    carry("call")
    late.refresh_from_db()
    other.refresh_from_db()
    assert (late.state, other.state) == ("queued", "success")
    assert late.trouble == "waits for seer:8b, which takes 1 call at a time, on oak"
    Call.objects.filter(pk=busy.pk).update(state="success")
    carry("call")
    late.refresh_from_db()
    assert late.state == "success"


# -- how it is set -----------------------------------------------------------------------------


@pytest.fixture
def found(make_agent):
    """An agent with two models."""
    return make_agent("oak", slots=4, models={"a:1b": {"slots": 1}, "b:1b": {}})


def patched(with_key, user, agent, body):
    client = with_key(user)
    path = f"/api/v1/agents/{agent.pk}/"
    return client.patch(path, body, content_type="application/json")


def test_the_api_shows_and_sets_it(found, people, with_key):
    body = {"model_slots": {"b:1b": 2, "a:1b": None}}
    answer = patched(with_key, people.admin, found, body)
    assert (answer.status_code, answer.json()["model_slots"]) == (200, {"b:1b": 2})
    assert slots() == {"a:1b": None, "b:1b": 2}
    assert AuditEntry.objects.latest("pk").details == {"model_slots": {"b:1b": 2, "a:1b": None}}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"c:1b": 1}, "model_slots: oak has no model 'c:1b'. It has: a:1b, b:1b."),
        ({"a:1b": 0}, "model_slots"),
        ({"a:1b": 1001}, "model_slots"),
        ({"a:1b": "many"}, "model_slots"),
        ([1], "model_slots"),
    ],
)
def test_a_limit_that_is_none_is_refused(found, people, with_key, limits, words):
    answer = patched(with_key, people.admin, found, {"slots": 2, "model_slots": limits})
    assert answer.status_code == 400
    assert words in str(answer.json()["error"])
    found.refresh_from_db()
    assert (found.slots, slots()) == (4, {"a:1b": 1, "b:1b": None})


def test_only_administrators_set_it(found, people, with_key):
    for user, status in ((people.owner, 403), (people.stranger, 404)):
        assert patched(with_key, user, found, {"model_slots": {"b:1b": 2}}).status_code == status
    assert slots() == {"a:1b": 1, "b:1b": None}


def test_the_service_asks_for_nothing_that_stands_already(found):
    assert not services.set_model_slots(found, {"a:1b": 1}, by=SYSTEM)
    with pytest.raises(BadInput, match="has no model 'x'"):
        services.set_model_slots(found, {"x": 1}, by=SYSTEM)


def test_the_page_of_the_agent_shows_it(found, page):
    assert "1 at a time" in page("viewer", found.get_absolute_url())
