"""The circuit breaker: whoever fails call after call gets none for a while."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Call, Health
from agents.services import breaker
from tests.fake_agent import FakeHost, running
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM


@pytest.fixture
def oak(settle, host):
    return settle("oak", host, slots=4)


def broken(host, **fault):
    host.faults.add(**({"kind": "status", "status": 500, "paths": ("/api/chat",)} | fault))


def opened(agent):
    agent.refresh_from_db()
    return agent.health.open_until is not None


def test_the_third_failure_in_a_row_opens_it(oak, host, answered):
    broken(host)
    for number in range(1, 4):
        assert not opened(oak)
        answered()
        assert Health.objects.get().call_failures == number
    assert opened(oak)
    assert oak.status == "degraded"
    assert oak.status_reason == "3 calls in a row failed; few are sent until one works"


def test_while_it_is_open_calls_wait_or_go_elsewhere(oak, host, answered, settle):
    broken(host)
    for _ in range(3):
        answered()
    assert answered().trouble.endswith("oak failed too often; one call tries it again soon")
    with running(FakeHost("ollama", pace=0)) as other:
        settle("elm", other)
        assert answered().agent_name == "elm"


def half_open():
    Health.objects.update(open_until=timezone.now() - timedelta(seconds=1))


def test_then_one_call_tries_it_and_its_success_closes_it(oak, host, asked, answered, finish):
    broken(host)
    for _ in range(3):
        answered()
    host.faults.clear()
    half_open()
    busy = asked("first", agent="oak")
    Call.objects.filter(pk=busy.pk).update(state="running", agent=oak, owner="there:1:1.00")
    assert answered("second").state == "queued"  # one at a time
    Call.objects.filter(pk=busy.pk).update(state="error", owner="")
    finish()
    assert not opened(oak)
    assert oak.health.call_failures == 0


@pytest.fixture
def tripped(oak, host):
    """An agent whose breaker is half open."""
    Health.objects.update(call_failures=breaker.TRIPS_AFTER)
    half_open()
    return oak


def test_a_host_is_asked_a_cheap_question_before_a_call_tries_it(tripped, host, answered, settle):
    host.faults.add("drop", paths=("/api/version",))
    with running(FakeHost("ollama", pace=0)) as other:
        settle("yew", other)
        Health.objects.filter(agent__name="yew").update(status="overloaded")
        call = answered("hello")
    assert (call.state, call.agent_name, call.failed_agents) == ("success", "yew", ["oak"])
    assert "/api/chat" not in [seen.path for seen in host.requests]
    assert Health.objects.get(agent=tripped).open_until > timezone.now()


def test_a_call_that_tries_a_host_goes_elsewhere_when_no_byte_comes_soon(
    tripped, host, answered, settle
):
    tunables.change("trial_first_byte", 1, by=SYSTEM)
    host.faults.add("delay", paths=("/api/chat",), seconds=60)
    with running(FakeHost("ollama", pace=0)) as other:
        settle("yew", other)
        Health.objects.filter(agent__name="yew").update(status="overloaded")
        call = answered("hello")
    assert (call.state, call.agent_name, call.failed_agents) == ("success", "yew", ["oak"])
    assert Health.objects.get(agent=tripped).call_failures == breaker.TRIPS_AFTER + 1


def test_a_host_on_trial_has_the_time_it_takes_to_load_the_model(tripped):
    tripped.models.update(load_ms=90_000)
    model = tripped.models.first().model.name
    assert breaker.first_byte(tripped, model) == 180
    tripped.models.update(load_ms=None)
    assert breaker.first_byte(tripped, model) == 30


def test_each_failed_trial_doubles_the_pause(oak, host, answered):
    broken(host)
    pauses = []
    for number in range(6):
        half_open()
        answered()
        until = Health.objects.get().open_until
        if number >= 2:
            pauses.append(round((until - timezone.now()).total_seconds()))
    assert pauses == [10, 20, 40, 80]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_the_caller_did_wrong_does_not_count(oak, host, answered, status):
    broken(host, status=status, body={"error": "model 'x' not found"})
    for _ in range(4):
        answered()
    assert not opened(oak)


def test_a_host_that_says_at_once_that_it_is_full_counts(oak, host, asked, finish):
    broken(host, status=503)
    asked()
    finish()
    assert Health.objects.get().call_failures == breaker.TRIPS_AFTER
