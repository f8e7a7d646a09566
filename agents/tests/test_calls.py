"""Calls: what may be asked, and that the answer is written down exactly."""

import json

import pytest

from agents import services
from agents.errors import UnknownName
from agents.models import AgentModel, Call
from agents.services import calls
from tests.fake_agent import FakeHost, running
from tests.samples import TOOL
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput, Forbidden
from whoosh_site.core.models import Membership, Notice


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


def sent(host):
    """Return the bodies of the conversations a host was asked to continue."""
    return [json.loads(seen.body) for seen in host.requests if seen.path == "/api/chat"]


# -- asking ------------------------------------------------------------------------------------


def test_a_call_waits_with_its_wish_until_a_runner_takes_it(oak, asked, people):
    call = asked("  Why is\n\nthe sky  blue? ", model="tiny:1b", options={"seed": 7})
    assert (call.state, call.team, call.created_by) == ("queued", people.ours, people.member)
    assert (call.title, call.wanted_model) == ("Why is the sky blue?", "tiny:1b")
    assert (call.options, call.ended) == ({"seed": 7}, False)
    assert set(Notice.objects.order_by("-pk").values_list("topic", flat=True)[:2]) == {
        f"calls@{people.ours.pk}",
        f"call:{call.pk}",
    }


def test_the_title_is_what_the_person_said_last(asked, people):
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "w" * 200},
        {"role": "system", "content": "be kind"},
    ]
    assert asked(messages=messages).title == "w" * 160
    assert asked(messages=[{"role": "system", "content": "be kind"}]).title == ""


@pytest.mark.parametrize("messages", [[], [{"role": "user", "content": ""}], [{"role": "user"}]])
def test_nothing_to_say_is_refused(asked, messages):
    with pytest.raises(BadInput, match="prompt: "):
        asked(messages=messages)
    assert not Call.objects.exists()


def test_a_prompt_that_is_too_long_is_refused(asked, monkeypatch):
    monkeypatch.setattr(calls, "LONGEST_PROMPT", 10)
    asked("x" * 10)
    with pytest.raises(BadInput, match="prompt: 11 characters are more than 10"):
        asked("x" * 11)


def test_a_viewer_may_not_ask_nor_may_somebody_of_another_team(asked, people):
    with pytest.raises(Forbidden, match="role editor"):
        asked(by=people.viewer)
    with pytest.raises(Forbidden, match="role editor"):
        asked(by=people.stranger, team=people.ours)


def test_somebody_without_a_team_is_told_whom_to_ask(asked, people):
    Membership.objects.filter(user=people.member).delete()
    with pytest.raises(Forbidden, match="You belong to no team"):
        asked(by=type(people.member).objects.get(pk=people.member.pk))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"agent": "ash"}, "agent: no agent is called 'ash'. There are: elm, oak."),
        ({"model": "big"}, "model: no model is called 'big'. There are: a:1b, b."),
        ({"capability": "tax"}, "capability: no capability is called 'tax'. There are: art, law."),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_exist(make_agent, asked, wish, message):
    services.set_capabilities(
        make_agent("oak", models={"b": {}, "a:1b": {}}), ["law", "art"], by=SYSTEM
    )
    services.set_capabilities(make_agent("elm", models={"b": {}}), ["art"], by=SYSTEM)
    with pytest.raises(UnknownName) as caught:
        asked(**wish)
    assert caught.value.message == message
    assert len(caught.value.details["existing"]) == 2


def test_where_there_is_nothing_an_unknown_name_says_so(asked):
    for wish in ({"agent": "oak"}, {"model": "b"}, {"capability": "law"}):
        with pytest.raises(UnknownName, match="There is none yet."):
            asked(**wish)


def test_of_very_many_names_twenty_are_said(make_agent, asked):
    make_agent("oak", models={f"m{number:02}": {} for number in range(30)})
    with pytest.raises(UnknownName, match=r"m19 …\. ?|m19 …\.$") as caught:
        asked(model="x")
    assert "m20" not in caught.value.message


def test_another_teams_names_do_not_exist_and_shared_ones_do(make_agent, asked, people):
    agent = make_agent("oak", models={"secret:1b": {}}, team=people.theirs)
    services.set_capabilities(agent, ["spying"], by=SYSTEM)
    for wish in ({"agent": "oak"}, {"model": "secret:1b"}, {"capability": "spying"}):
        with pytest.raises(UnknownName, match="There is none yet."):
            asked(**wish)
    services.share_agent(agent, [people.ours], by=SYSTEM)
    assert asked(agent="oak", model="secret:1b", capability="spying").pk


# -- answered ----------------------------------------------------------------------------------


def test_a_call_is_answered_and_says_by_whom_and_why(oak, answered):
    call = answered("how are you")
    assert (call.state, call.answer) == ("success", "You said: how are you")
    assert (call.agent, call.agent_name, call.model_name) == (oak, "oak", "seer:7b")
    assert call.reason == "oak: the only one that fits; loads seer:7b, reads 3 tokens"
    assert [score["agent"] for score in call.decision] == ["oak"]
    assert (call.attempt, call.owner, call.lease_until, call.trouble) == (1, "", None, "")
    assert call.ended


def test_the_figures_of_a_call_are_the_hosts(oak, host, answered):
    host.settings.first_token, host.settings.load_seconds = 0.5, 2.0
    call = answered("one two three four", model="tiny:1b")
    assert (call.prompt_tokens, call.answer_tokens) == (4, 6)
    assert (call.load_ms, call.prompt_ms, call.answer_ms) == (2000, 504, 120)
    assert call.tps == pytest.approx(50)
    assert call.prompt_tps == pytest.approx(4 / 0.504)
    assert call.done_reason == "stop"
    assert 0 < call.first_token_ms <= call.total_ms
    assert call.created_at < call.sent_at < call.finished_at
    assert call.wait_ms == pytest.approx((call.sent_at - call.created_at).total_seconds() * 1000)


def test_a_host_that_tells_no_times_is_timed_here(settle, answered):
    with running(FakeHost("openai", pace=0)) as host:
        settle("oak", host)
        call = answered("one two")
    assert (call.prompt_tokens, call.answer_tokens, call.load_ms) == (2, 4, None)
    assert call.answer_ms == pytest.approx(call.total_ms - call.first_token_ms)
    assert call.tps == pytest.approx(4 / call.answer_ms * 1000)


def test_the_speed_of_a_model_is_learned_smoothly(oak, host, answered):
    answered(model="tiny:1b")
    row = AgentModel.objects.get(agent=oak, model__name="tiny:1b")
    assert row.tps == pytest.approx(50)
    host.settings.tps = 100
    answered(model="tiny:1b")
    row.refresh_from_db()
    assert row.tps == pytest.approx(50 + 0.3 * 50)
    assert row.prompt_tps == pytest.approx(1000)


def test_everything_of_the_wish_reaches_the_host(oak, host, answered):
    answered(
        messages=[
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "look", "images": ["iVBORw0KGgo="]},
        ],
        options={"temperature": 0.5, "max_tokens": 9, "tools": [TOOL]},
        schema={"type": "object"},
    )
    (body,) = sent(host)
    assert body["model"] == "seer:7b"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["images"] == ["iVBORw0KGgo="]
    assert body["options"] == {"temperature": 0.5, "num_predict": 9}
    assert (body["tools"], body["format"]) == ([TOOL], {"type": "object"})


def test_thinking_and_tool_calls_are_kept_apart_from_the_answer(oak, answered):
    call = answered("use a tool", model="thinker:8b", options={"tools": [TOOL], "think": True})
    assert (call.state, call.answer) == ("success", "")
    assert call.thinking == "Thinking about: use a tool"
    (tool,) = call.tool_calls
    assert (tool["name"], tool["arguments"]) == ("weather", {"city": "text", "unit": "C"})


def test_a_tools_answer_and_the_call_it_belongs_to_are_sent_back(oak, host, answered):
    call = answered(
        messages=[
            {"role": "user", "content": "use a tool"},
            {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": {"city": "x"}}]},
            {"role": "tool", "content": "sun", "tool_name": "weather", "tool_call_id": "c1"},
        ]
    )
    assert call.answer == "The tool said: sun"
    messages = sent(host)[0]["messages"]
    assert messages[1]["tool_calls"][0]["function"]["name"] == "weather"
    assert (messages[2]["tool_name"], messages[2]["tool_call_id"]) == ("weather", "c1")
