"""Where calls go: free slots are leases, whoever finds none waits and says for what."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import services
from agents.models import Call, Health
from agents.services import placement
from agents.services.board import Board
from agents.services.calls import Wish
from tests.fake_agent import FakeHost, running
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.models import Membership, Team
from whoosh_site.core.runner import APART


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


def waiting():
    rows = Call.objects.filter(state="queued").order_by("pk")
    return list(rows.values_list("trouble", flat=True))


def conversations(host):
    return sum(seen.path == "/api/chat" for seen in host.requests)


def test_slots_are_never_exceeded_and_everybody_gets_an_answer(settle, asked, finish):
    with running(FakeHost("ollama", slots=8, load_seconds=2, pace=0.1)) as host:
        settle("oak", host, slots=3)
        for number in range(12):
            asked(f"n{number}", model="tiny:1b")
        finish()
        assert 1 < host.memory.peak_running <= 3
    rows = Call.objects.values_list("title", "state", "answer")
    assert sorted(rows) == sorted((f"n{n}", "success", f"You said: n{n}") for n in range(12))


def test_a_call_waits_visibly_for_a_slot_and_is_no_worse_for_it(oak, asked, carry):
    busy = asked("busy")
    Call.objects.update(state="running", owner="there:1:1.00", agent=oak)
    asked("late")
    carry("call")
    assert waiting() == ["waits for a free slot on oak"]
    late = Call.objects.get(title="late")
    assert (late.attempt, late.agent, late.agent_name) == (0, None, "")
    assert late.state == "queued"
    Call.objects.filter(pk=busy.pk).update(state="success")
    carry("call")
    assert Call.objects.get(title="late").state == "success"


def test_a_slot_that_was_taken_meanwhile_is_waited_for(oak, asked, carry, monkeypatch, host):
    other, call = asked("other"), asked("late")
    Call.objects.filter(pk=other.pk).update(state="success")
    real = Board.hold

    def late(board):
        Call.objects.filter(pk=other.pk).update(state="running", owner="there:1:1.00", agent=oak)
        real(board)

    monkeypatch.setattr(Board, "hold", late)
    carry("call")
    call.refresh_from_db()
    assert (call.state, call.trouble) == ("queued", "waits for a free slot on oak")
    assert conversations(host) == 0


def order():
    return list(Call.objects.order_by("sent_at").values_list("title", flat=True))


def test_calls_come_in_the_order_of_their_turn(oak, asked, finish):
    for name in ("a", "b", "c"):
        asked(name)
    asked("urgent", agent="oak", priority=1)
    finish()
    assert order() == ["urgent", "a", "b", "c"]


def test_what_somebody_waits_for_comes_before_a_task_of_today(oak, asked, finish):
    asked("yesterday", source="task", since=timezone.now() - timedelta(days=2))
    asked("batch", source="task", priority=1)
    asked("page", priority=5)
    finish()
    assert order() == ["yesterday", "page", "batch"]


def test_who_waits_for_another_does_not_stand_in_the_way(settle, host, asked, carry):
    settle("oak", host)
    with running(FakeHost("ollama", models=("seer:7b",), pace=0)) as other:
        elm = settle("elm", other)
        services.drain(elm, by=SYSTEM)
        stuck = [asked(f"stuck {n}", agent="elm") for n in range(60)]
        quick = asked("quick", agent="oak")
        carry("call")
    quick.refresh_from_db()
    assert quick.state == "success"
    reasons = Call.objects.filter(pk__in=[call.pk for call in stuck]).values_list(
        "trouble", flat=True
    )
    assert set(reasons) == {"waits for elm: draining: Takes no new calls."}


def test_a_queue_of_one_kind_costs_the_same_however_long_it_is(oak, asked, people):
    services.drain(oak, by=SYSTEM)

    def cost():
        placement.dispatch("here:1:1.00", 10)  # says what they wait for
        with CaptureQueriesContext(connection) as queries:
            placement.dispatch("here:1:1.00", 10)
        return len(queries)

    asked("one")
    few = cost()
    for number in range(40):
        asked(str(number))
    assert cost() == few


def test_without_an_agent_a_call_waits_and_says_for_what(answered, people):
    assert answered().trouble == "waits for an agent: none is registered"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (services.drain, "oak draining: Takes no new calls."),
        (lambda agent, by: services.switch(agent, by=by, on=False), "oak disabled: Switched off"),
        (lambda agent, by: Health.objects.update(status="offline", reason="gone"),
         "oak offline: gone"),
    ],
)  # fmt: skip
def test_an_agent_that_takes_no_calls_gets_none(oak, answered, host, how, why):
    how(oak, by=SYSTEM)
    assert answered().trouble == f"waits for an agent for any model: {why}"
    assert conversations(host) == 0


def test_a_look_too_long_ago_is_a_doubt(oak, answered):
    Health.objects.update(checked_at=timezone.now() - timedelta(days=1))
    assert ["not checked lately", 10.0] in answered().decision[0]["parts"]


def test_a_host_not_looked_at_yet_is_waited_for(make_agent, answered, people):
    make_agent("oak", models={"tiny:1b": {}})
    Health.objects.update(found_protocol="")
    assert answered().trouble == "waits for the first check of oak"


def test_the_agents_of_other_teams_are_not_used(settle, host, answered, people):
    agent = settle("oak", host, team=people.theirs)
    assert answered().trouble == "waits for an agent: none is registered"
    services.share_agent(agent, [people.ours], by=SYSTEM)
    assert answered().state == "success"


def test_a_call_is_made_for_the_team_that_was_named(oak, people):
    Membership.objects.create(team=people.theirs, user=people.member, role="editor")
    member = type(people.member).objects.get(pk=people.member.pk)
    wish = Wish([{"role": "user", "content": "hello"}])
    call = services.ask(wish, by=Actor(member), source="api", team=people.theirs)
    assert call.team == people.theirs
    assert Call.objects.visible_to(people.stranger).get() == call
    assert not Call.objects.visible_to(people.viewer).exists()


def test_a_command_without_a_person_asks_for_the_first_team(oak, people):
    call = services.ask(Wish([{"role": "user", "content": "hi"}]), by=SYSTEM, source="command")
    assert (call.team, call.created_by) == (Team.objects.first(), None)


def test_a_call_goes_where_its_model_is_in_memory(settle, host, answered):
    with running(FakeHost("ollama", pace=0)) as other:
        other.memory.preload(other.model("tiny:1b"))
        settle("ash", host)
        settle("yew", other)
        call = answered(model="tiny:1b")
    assert call.agent_name == "yew"
    assert call.reason.startswith("yew: soonest of 2 that fit; tiny:1b is in memory, ")


def test_a_conversation_that_goes_on_stays_where_it_began(settle, host, answered):
    said = [{"role": "user", "content": "hello"}]
    with running(FakeHost("ollama", pace=0)) as other:
        settle("oak", other)
        first = answered(messages=said, agent="oak", model="tiny:1b")
        host.memory.preload(host.model("tiny:1b"))
        settle("elm", host)  # as good by now, and first by name
        said += [{"role": "assistant", "content": first.answer}, {"role": "user", "content": "so?"}]
        on = answered(messages=said, model="tiny:1b")
        anew = answered(messages=[{"role": "user", "content": "other"}], model="tiny:1b")
    assert ["answered this conversation before", -3.0] in on.decision[0]["parts"]
    assert (on.agent_name, anew.known_to) == ("oak", "")


def test_an_image_waits_for_a_model_that_sees(settle, answered):
    with running(FakeHost("ollama", models=("tiny:1b",), pace=0)) as host:
        settle("oak", host)
        call = answered(messages=[{"role": "user", "content": "look", "images": ["iVBORw0KGgo="]}])
    assert (call.state, call.agent) == ("queued", None)
    assert call.trouble == "waits for an agent for any model: oak has no model for vision"


def test_of_calls_that_may_be_deadly_one_goes_at_a_time_and_the_others_hold_no_slot(
    settle, host, asked, carry
):
    settle("oak", host, slots=3)
    calls = [asked(f"n{number}", model="tiny:1b") for number in range(3)]
    Call.objects.update(deaths=2)
    assert carry() == 1
    [done] = Call.objects.filter(state="success")
    rest = Call.objects.filter(state="queued")
    assert done.pk == calls[0].pk
    assert {(call.agent, call.trouble) for call in rest} == {(None, APART)}
