"""The dashboard's panels of this room, and what it finds wrong."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services
from agents.models import Call, Health
from agents.panels import AgentsAnswer, AgentsNow, CallsFlow, Figures, RecentCalls
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.panels import panels


def found(question, user=None):
    return [(finding.level, finding.text) for finding in question().ask(user)]


def test_the_figures_are_of_what_one_sees(make_agent, people, record):
    oak = make_agent("oak", slots=3)
    make_agent("elm", enabled=False)
    make_agent("ash", team=people.theirs, slots=50)
    record(2, state="running", agent=oak, finished_at=None)
    record(state="queued", finished_at=None)
    record(state="running", finished_at=None)  # a runner looks for an agent
    record(answer_tokens=120)
    record(answer_tokens=999, finished_at=timezone.now() - timedelta(minutes=2))
    record(answer_tokens=999, created_at=timezone.now() - timedelta(days=2), finished_at=None)
    assert Figures().context(people.viewer) == {
        "total": 1, "online": 1, "slots": 3, "running": 2, "waiting": 2,
        "tokens_per_second": 2.0, "today": 6,
    }  # fmt: skip
    assert Figures().context(people.admin)["slots"] == 53


def test_the_panels_show_agents_by_name_and_the_newest_calls(make_agent, people, record):
    for name in ("oak", "elm", "fir"):
        make_agent(name)
    record(12)
    agents = AgentsNow().context(people.viewer)["agents"]
    assert [agent.name for agent in agents] == ["elm", "fir", "oak"]
    calls = [call.pk for call in RecentCalls().context(people.viewer)["calls"]]
    assert calls == sorted(Call.objects.values_list("pk", flat=True), reverse=True)[:10]
    assert not RecentCalls().context(people.stranger)["calls"]


@pytest.mark.parametrize("path", ["figures", "agents", "calls"])
def test_a_panel_is_fetched_by_itself(path, page, make_agent, record):
    record(agent=make_agent("oak"), tps=12.5, agent_name="oak")
    text = page("viewer", f"/panels/{path}/")
    assert text.startswith(f'<section id="panel-{path}"')


@pytest.mark.parametrize("panel", list(panels))
def test_a_panel_is_fetched_again_by_what_its_class_says(panel, page, monkeypatch):
    monkeypatch.setattr(panel, "topics", ("agents", "trees"))
    monkeypatch.setattr(panel, "every", 77)
    text = page("viewer", f"/panels/{panel.key}/")
    assert f'data-live="agents trees" data-src="/panels/{panel.key}/" data-every="77"' in text
    assert text.count("data-live") == 1


def test_without_an_agent_it_is_said_how_to_add_one(people):
    advice = [finding.advice for finding in AgentsAnswer().ask(None)]
    assert "load a whoosh.yaml" in advice[0]
    links = {
        name: next(AgentsAnswer().ask(getattr(people, name))).url for name in ("admin", "viewer")
    }
    assert links == {"admin": "/admin/agents/agent/add/", "viewer": ""}


def test_every_agent_in_trouble_is_named_with_its_reason(make_agent):
    for name, status in {"oak": "offline", "elm": "degraded", "fir": "online"}.items():
        agent = make_agent(name)
        Health.objects.filter(agent=agent).update(status=status, reason="so it is")
    assert found(AgentsAnswer) == [
        ("warning", "elm is degraded: so it is"),
        ("error", "oak is offline: so it is"),
    ]


def test_agents_that_are_well_or_meant_to_rest_are_no_trouble(make_agent):
    make_agent("oak")
    services.drain(make_agent("elm"), by=SYSTEM)
    services.switch(make_agent("fir"), by=SYSTEM, on=False)
    assert found(AgentsAnswer) == [("ok", "2 agents, none in trouble")]


def test_calls_in_quarantine_and_calls_that_wait_long_are_told(people, record):
    assert found(CallsFlow) == [("ok", "No call is stuck")]
    long_ago = timezone.now() - timedelta(minutes=6)
    record(state="queued", created_at=long_ago, trouble="waits for oak", finished_at=None)
    record(state="queued", finished_at=None)
    record(2, state="quarantined")
    assert found(CallsFlow) == [
        ("error", "2 calls put in quarantine today."),
        ("warning", "1 call waiting for more than five minutes."),
    ]
    assert [finding.advice for finding in CallsFlow().ask(people.viewer)][1] == "waits for oak"
    assert found(CallsFlow, people.stranger) == [("ok", "No call is stuck")]
