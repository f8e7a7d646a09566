"""Calls that go wrong: another host before the first byte, clear words after it, no zombie."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services
from agents.kinds import AskedCalls
from agents.models import Agent, Call, Health
from agents.tests.conftest import until
from tests.fake_agent import FakeHost, running
from whoosh_site.core import leases, owner
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Forbidden
from whoosh_site.core.models import Notice
from whoosh_site.core.runner import _database
from whoosh_site.core.secrets import Secret

GONE = f"{owner.host()}:1:1.00"


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


@pytest.fixture
def pair(settle, host):
    """Two agents of which `ash` is the better; returns its host and the other's."""
    with running(FakeHost("ollama", pace=0)) as other:
        settle("ash", host, priority=1)
        settle("elm", other, priority=5)
        yield host, other


def conversations(host):
    return sum(seen.path == "/api/chat" for seen in host.requests)


# -- another host ------------------------------------------------------------------------------


def test_a_host_that_cannot_be_reached_is_passed_over_for_another(pair, answered):
    pair[0].down()
    call = answered("hello")
    assert (call.state, call.answer, call.agent_name) == ("success", "You said: hello", "elm")
    assert (call.failed_agents, call.attempt) == (["ash"], 2)
    assert Health.objects.get(agent__name="ash").due_at <= timezone.now()


def test_a_host_that_hangs_up_without_a_byte_is_passed_over_too(pair, answered):
    pair[0].faults.add("drop", paths=("/api/chat",))
    assert (answered().agent_name, conversations(pair[0])) == ("elm", 1)


def test_another_host_comes_first_however_good_the_lost_one_looks(pair, answered):
    pair[0].memory.preload(pair[0].model("tiny:1b"))
    Health.objects.filter(agent__name="elm").update(status="overloaded", reason="much to do")
    agent, other = Agent.objects.order_by("name")
    services.set_capabilities(agent, {"law": 1.0}, by=SYSTEM)
    services.set_capabilities(other, {"law": 0.0}, by=SYSTEM)
    agent.models.filter(model__name="tiny:1b").update(resident=True, tps=100)
    pair[0].down()
    call = answered(model="tiny:1b", capability="law")
    assert (call.agent_name, call.failed_agents) == ("elm", ["ash"])


def test_a_fallback_elsewhere_comes_before_the_host_that_was_lost(settle, host, answered):
    settle("oak", host)
    with running(FakeHost("ollama", models=("small:1b",), pace=0)) as other:
        settle("elm", other)
        host.faults.add("drop", paths=("/api/chat",))
        call = answered("hello", model="tiny:1b", fallbacks=["small:1b"])
    assert (call.state, call.agent_name, call.model_name) == ("success", "elm", "small:1b")
    assert (call.failed_agents, conversations(host)) == (["oak"], 1)


def test_a_call_is_tried_three_times_and_then_says_what_was_wrong(oak, host, answered):
    host.down()
    call = answered()
    assert (call.state, call.attempt, call.failed_agents) == ("error", 3, ["oak", "oak"])
    assert call.error_code == "agent_offline"
    assert call.error == f"{host.url} cannot be reached: connection refused."
    assert call.finished_at


def test_after_the_first_byte_no_other_host_is_asked(pair, answered):
    pair[0].faults.add("cut", after=2, paths=("/api/chat",))
    call = answered("how are you")
    assert (call.state, call.error_code, call.agent_name) == ("error", "agent_failed", "ash")
    assert call.answer == "You said:"
    assert call.error == f"{pair[0].url} broke off in the middle of the answer."
    assert (conversations(pair[0]), conversations(pair[1])) == (1, 0)


def test_a_host_that_is_full_is_passed_over_for_another(pair, answered, finish):
    pair[0].faults.add("status", status=503, body={"error": "full"}, paths=("/api/chat",))
    call = answered()
    assert (call.state, call.failed_agents) == ("queued", ["ash"])
    assert call.trouble == f"{pair[0].url} is busy: full"
    assert call.due_at > timezone.now()
    finish()
    call.refresh_from_db()
    assert (call.state, call.agent_name, conversations(pair[0])) == ("success", "elm", 1)


def test_a_host_that_stays_full_is_asked_three_times(oak, host, asked, finish):
    host.faults.add("status", status=503, body={"error": "full"}, paths=("/api/chat",))
    call = asked()
    finish()
    call.refresh_from_db()
    assert (call.state, call.error_code, conversations(host)) == ("error", "agent_busy", 3)


# -- in plain words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ({"kind": "status", "status": 500, "body": {"error": "no memory"}}, "agent_failed",
         "failed: no memory"),
        ({"kind": "error", "after": 1, "text": "llama died"}, "agent_failed", "failed: llama died"),
        ({"kind": "malformed"}, "agent_failed", "sent something that is no JSON."),
        ({"kind": "html"}, "agent_nonsense", "not like a model host. Check the port."),
        ({"kind": "status", "status": 401}, "agent_unauthorised", "wants another key"),
        ({"kind": "status", "status": 400, "body": {"error": "bad option"}}, "request_refused",
         "refuses: bad option"),
        ({"kind": "status", "status": 404, "body": {"error": "model 'x' not found"}},
         "model_missing", "model 'x' not found"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_went_wrong_is_said_in_plain_words(oak, host, answered, fault, code, words):
    host.faults.add(**fault, paths=("/api/chat",))
    call = answered()
    assert (call.state, call.error_code) == ("error", code)
    assert call.error.startswith(host.url)
    assert words in call.error
    assert conversations(host) == 1
    assert (call.owner, call.lease_until) == ("", None)


def test_a_key_that_cannot_be_read_any_more_is_said_and_nothing_is_tried_again(oak, host, answered):
    Agent.objects.update(api_key=Secret("gone:gAAAA"))
    call = answered()
    assert (call.state, call.deaths, conversations(host)) == ("error", 0, 0)
    assert "was encrypted with key gone" in call.error


def test_a_host_that_is_busy_is_looked_at_soon(oak, host, answered):
    Health.objects.update(due_at=timezone.now() + timedelta(hours=1))
    host.faults.add("status", status=503, paths=("/api/chat",))
    answered()
    assert Health.objects.get().due_at <= timezone.now()


def test_a_failed_call_frees_its_slot(oak, host, answered):
    host.faults.add("status", status=500, paths=("/api/chat",), uses=1)
    assert [answered(text).state for text in ("first", "second")] == ["error", "success"]


# -- stopped -----------------------------------------------------------------------------------


def test_a_waiting_call_ends_at_once(asked, people):
    call = asked()
    assert services.cancel_call(call, by=Actor(people.member))
    call.refresh_from_db()
    assert (call.state, call.ended) == ("canceled", True)
    assert call.finished_at
    assert not services.cancel_call(call, by=Actor(people.member))


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_who_may_not_ask_may_not_stop(asked, people, who):
    call = asked()
    with pytest.raises(Forbidden):
        services.cancel_call(call, by=Actor(getattr(people, who)))
    call.refresh_from_db()
    assert call.state == "queued"


def test_a_running_call_is_stopped_at_its_host_and_keeps_what_had_come(
    oak, host, asked, people, resident
):
    host.faults.add("stall", after=2, seconds=60, paths=("/api/chat",))
    call = asked("how are you", streams=True)

    async def scene():
        await until(lambda: Notice.objects.filter(data__contains="said").exists())
        await _database(services.cancel_call, call, by=Actor(people.member))
        await until(lambda: Call.objects.filter(pk=call.pk, state="canceled").exists())
        await until(lambda: host.in_flight == 0)

    resident(scene)
    call.refresh_from_db()
    assert (call.answer, call.error, call.agent_name) == ("You said:", "", "oak")
    assert (call.owner, call.lease_until, host.canceled) == ("", None, 1)
    assert call.finished_at


def test_a_runner_that_stops_puts_its_call_back_and_that_is_no_death(oak, host, asked, resident):
    host.faults.add("stall", after=1, seconds=60, paths=("/api/chat",), uses=1)
    call = asked()
    resident(lambda: until(lambda: host.record.in_flight == 1))
    call.refresh_from_db()
    assert (call.state, call.deaths, call.answer) == ("queued", 0, "")
    resident(lambda: until(lambda: Call.objects.get().ended))
    call.refresh_from_db()
    assert (call.state, call.attempt) == ("success", 2)


def test_a_call_whose_end_was_asked_for_meanwhile_is_not_begun(oak, host, asked, carry):
    call = asked()
    Call.objects.update(cancel_asked=True)
    carry("call")
    call.refresh_from_db()
    assert (call.state, conversations(host)) == ("canceled", 0)


# -- runners that died -------------------------------------------------------------------------


def lost(call, **fields):
    """Leave a call in the hands of a process that is gone."""
    fields = {"state": "running", "owner": GONE, "attempt": 1} | fields
    Call.objects.filter(pk=call.pk).update(**fields)


def test_a_call_of_a_dead_runner_is_answered_by_the_next(oak, asked, carry):
    call = asked()
    lost(call, agent=oak)
    assert leases.give_back(Call).queued == [call.pk]
    carry("call")
    call.refresh_from_db()
    assert (call.state, call.attempt, call.deaths) == ("success", 2, 0)


def test_a_dead_runner_holds_no_slot(oak, asked, answered, finish):
    lost(asked("lost"), agent=oak)
    assert answered("next").trouble == "waits for a free slot on oak"
    leases.give_back(Call)
    finish()
    assert set(Call.objects.values_list("state", flat=True)) == {"success"}


def test_after_the_third_death_a_call_is_in_quarantine_and_pages_are_told(oak, asked):
    call = asked()
    lost(call, agent=oak, deaths=2)
    Notice.objects.all().delete()
    AskedCalls().returned(leases.give_back(Call))
    call.refresh_from_db()
    assert (call.state, call.ended, call.trouble) == (
        "quarantined",
        True,
        "its process died (3 of 3)",
    )
    topics = set(Notice.objects.values_list("topic", flat=True))
    assert {f"call:{call.pk}", f"agent:{oak.pk}"} <= topics


def test_a_zombie_writes_nothing_over_the_answer_of_another(oak, host, asked, inside, carry):
    call = asked()
    (zombie,) = leases.claim(Call, GONE, 1)
    leases.give_back(Call)
    carry("call")

    async def late():
        try:
            with contextlib.suppress(asyncio.CancelledError):
                return await services.run_call(zombie)
        finally:
            await services.close_doors()

    assert inside(late()) is True  # it is somebody else's: nothing left to do
    call.refresh_from_db()
    assert (call.state, call.attempt, conversations(host)) == ("success", 2, 1)
