"""What fits nowhere is refused when it is asked, with the numbers; what may fit is tried."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents import services
from agents.errors import PromptTooLong
from agents.models import AgentModel, Call, Health
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput

LONG = "w" * 140_000


@pytest.fixture
def fleet(make_agent):
    """Two agents whose models hold 8192, 4096 and 131072 tokens."""
    big = {"context_length": 131_072, "capabilities": ["completion"]}
    make_agent("alpha", models={"llama3:8b": {"context_length": 8192}})
    beta = make_agent("beta", models={"tiny:1b": {"context_length": 4096}, "big:70b": big})
    services.set_capabilities(beta, ["law"], by=SYSTEM)
    Health.objects.update(models_at=timezone.now())
    return beta


def test_a_prompt_that_fits_nowhere_is_refused_with_the_numbers(fleet, asked):
    with pytest.raises(PromptTooLong) as caught:
        asked(LONG, model="llama3:8b", fallbacks=["tiny:1b"])
    assert caught.value.message == (
        "prompt: it has about 40,000 tokens; llama3:8b on alpha holds 8,192, tiny:1b on beta holds "
        "4,096. Shorten it, or name a model with more context."
    )
    assert caught.value.details["prompt_tokens"] == 40_000
    assert not Call.objects.exists()


@pytest.mark.parametrize(
    "wish", [{}, {"model": "big:70b"}, {"agent": "beta"}, {"capability": "law"}]
)
def test_a_prompt_that_some_model_holds_is_taken(fleet, asked, wish):
    assert asked(LONG, **wish).state == "queued"


@pytest.mark.parametrize("wish", [{"agent": "alpha"}, {"model": "llama3:8b"}])
def test_only_models_it_may_go_to_count(fleet, asked, wish):
    with pytest.raises(PromptTooLong, match=r"llama3:8b on alpha holds 8,192\. Shorten it"):
        asked(LONG, **wish)


def test_a_model_that_cannot_do_it_does_not_count(fleet, asked):
    AgentModel.objects.exclude(model__name="big:70b").update(capabilities=["completion", "tools"])
    with pytest.raises(PromptTooLong, match="llama3:8b on alpha"):
        asked(LONG, options={"tools": [{"type": "function", "function": {"name": "x"}}]})


def test_the_tools_count_as_well(fleet, asked):
    AgentModel.objects.update(capabilities=["completion", "tools"])
    tools = [{"type": "function", "function": {"name": "x", "description": LONG}}]
    with pytest.raises(PromptTooLong, match="about 40,0"):
        asked("hello", model="llama3:8b", options={"tools": tools})


def test_a_model_of_which_nobody_knows_what_it_holds_is_tried(fleet, asked):
    AgentModel.objects.filter(model__name="llama3:8b").update(context_length=None)
    assert asked(LONG, agent="alpha").state == "queued"


def test_a_host_nobody_has_looked_at_is_tried(fleet, asked, make_agent):
    make_agent("gamma")
    AgentModel.objects.filter(model__name="big:70b").update(context_length=4096)
    assert asked(LONG).state == "queued"
    Health.objects.update(models_at=timezone.now())
    with pytest.raises(PromptTooLong):
        asked(LONG)


def test_what_fits_by_a_hair_is_not_refused_by_an_estimate(fleet, asked):
    prose = "Every good boy does fine. " * 1500  # 39,000 letters, some 9,000 tokens, not 11,143
    asked(prose[: 8192 * 5], model="llama3:8b")
    with pytest.raises(PromptTooLong):
        asked(prose + prose, model="llama3:8b")


def test_the_agents_of_other_teams_hold_nothing(fleet, asked, people, make_agent):
    make_agent("theirs", team=people.theirs, models={"big:70b": {"context_length": 131_072}})
    AgentModel.objects.filter(agent=fleet, model__name="big:70b").delete()
    Health.objects.update(models_at=timezone.now())
    with pytest.raises(PromptTooLong) as caught:
        asked(LONG)
    assert "theirs" not in caught.value.message


def test_a_length_of_context_that_nobody_has_is_refused(fleet, asked):
    with pytest.raises(BadInput, match=r"options\.context_length: 9,000 tokens of context are "):
        asked("hello", model="llama3:8b", options={"context_length": 9000})
    assert asked("hello", options={"context_length": 9000}).state == "queued"


def test_page_api_and_command_refuse_alike(fleet, people, sign_in, with_key):
    form = {"prompt": LONG, "agent": "alpha", "model": "", "capability": ""}
    for button in ({}, {"foresee": "1"}):
        answer = sign_in(people.member).post("/ask/", form | button)
        assert answer.status_code == 422
        assert "it has about 40,000 tokens; llama3:8b on alpha holds 8,192" in (
            answer.content.decode()
        )
    for path in ("", "foresee/"):
        body = {"prompt": LONG, "agent": "alpha"}
        client = with_key(people.member)
        answer = client.post(f"/api/v1/calls/{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "prompt_too_long")
    for more in ([], ["--explain"]):
        with pytest.raises(CommandError, match="it has about 40,000 tokens") as caught:
            call_command("ask", LONG, "--agent", "alpha", *more)
        assert caught.value.returncode == 2
    assert not Call.objects.exists()


def test_what_fits_nowhere_any_more_waits_with_the_numbers(fleet, asked, carry):
    call = asked(LONG, agent="beta")
    AgentModel.objects.filter(model__name="big:70b").update(context_length=16_384)
    carry("call")
    call.refresh_from_db()
    assert call.state == "queued"
    assert call.trouble == (
        "waits for beta: holds 16384 tokens of context at most; this needs 40000"
    )
