"""Looking after agents: every state with its reason, recovery, and what a look costs the host."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services
from agents.models import Agent, AgentModel, Health, Model
from agents.protocols import base
from agents.services import health
from tests.fake_agent import FakeHost, running
from whoosh_site.core import leases, tunables
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import Notice


def state(agent):
    agent.refresh_from_db()
    return agent.status, agent.status_reason


def held(agent):
    return [str(row.model) for row in agent.models.select_related("model")]


@pytest.fixture
def oak(settle, host):
    """An agent that was looked at once."""
    return settle("oak", host)


# -- states ------------------------------------------------------------------------------------


def test_an_agent_nobody_has_looked_at_is_unknown(make_agent):
    agent = make_agent("oak")
    Health.objects.update(status="unknown")
    assert state(agent) == ("unknown", "")


def test_an_agent_that_answers_is_online_with_all_that_was_found(oak):
    found = oak.health
    assert state(oak) == ("online", "")
    assert (found.found_protocol, found.flavour, found.version) == ("ollama",) * 2 + ("0.24.0",)
    assert found.latency_ms > 0
    assert found.checked_at <= timezone.now()
    assert (found.failures, found.deaths, found.trouble) == (0, 0, "")
    row = oak.models.get(model__name="seer:7b")
    assert row.capabilities == ["completion", "tools", "vision"]
    assert (row.size, row.quantization, row.context_length) == (4_200_000_000, "Q4_K_M", 32_768)
    assert (row.model.family, row.model.parameters) == ("seer", "7.0B")


def test_an_agent_without_a_model_is_degraded(settle, host):
    for model in list(host.catalog):
        host.catalog.remove(model)
    assert state(settle("oak", host)) == ("degraded", "It has no model yet")


def test_an_agent_without_its_preferred_model_is_degraded(settle, host):
    oak = settle("oak", host, preferred_model="big:70b")
    assert state(oak) == ("degraded", "It does not have its preferred model big:70b")
    services.change_agent(oak, by=SYSTEM, preferred_model="embedder")
    assert settle("elm", f"{host.url}/v1", preferred_model="tiny:1b").status == "online"


def test_a_preferred_model_is_named_as_ollama_names_it(settle, host):
    assert settle("oak", host, preferred_model="embedder").status == "online"
    elm = settle("elm", f"{host.url}/v1", models_fixed=["Tiny:1B"], preferred_model="TINY:1b")
    assert (state(elm), held(elm)) == (("online", ""), ["tiny:1b"])


def test_a_host_that_loads_its_model_is_degraded(settle):
    with running(FakeHost("llamacpp", load_seconds=3600)) as host:
        assert state(settle("oak", host)) == ("degraded", "It is loading its model")


@pytest.mark.parametrize(
    ("flavour", "strain", "reason"),
    [
        ("vllm", lambda host: setattr(host.memory, "waiting", 3), "3 requests wait there already"),
        (
            "ollama",
            lambda host: host.faults.add("status", status=503, body={"error": "full"}),
            "is busy: full",
        ),
        (
            "openai",
            lambda host: host.faults.add("status", status=429, body="slow down"),
            "is busy: HTTP 429",
        ),
    ],
)
def test_a_host_with_too_much_to_do_is_overloaded(settle, flavour, strain, reason):
    with running(FakeHost(flavour, pace=0)) as host:
        strain(host)
        status, why = state(settle("oak", host))
    assert status == "overloaded"
    assert why.endswith(reason)


def test_a_host_that_wants_another_key_is_unauthorised(settle, host, check):
    host.settings.key = "s3cret"
    oak = settle("oak", host, api_key="old")
    assert state(oak) == ("unauthorised", f"{host.url} wants another key: unauthorized")
    services.change_agent(oak, by=SYSTEM, api_key="s3cret")
    check(oak)
    assert state(oak) == ("online", "")


def test_one_silence_is_a_doubt_and_the_second_makes_it_offline(oak, host, check):
    host.down()
    reason = f"{host.url} cannot be reached: connection refused."
    assert (check(oak).failures, state(oak)) == (1, ("degraded", reason))
    assert (check(oak).failures, state(oak)) == (2, ("offline", reason))


def test_a_slow_host_says_so(oak, host, check, monkeypatch):
    real = base.quick
    monkeypatch.setattr(base, "quick", lambda seconds: real(min(seconds, 0.05)))
    host.faults.add("delay", seconds=0.5)
    check(oak)
    # Both limits are the same moment here: on a busy machine either may be seen first.
    said = f"{host.url} is too slow: no answer within the limit"
    assert state(oak)[1] in (f"{said} (first byte).", f"{said} (total).")


def test_what_is_no_model_host_is_offline_at_once(oak, host, check):
    host.faults.add("html")
    check(oak)
    status, reason = state(oak)
    assert status == "offline"
    assert reason.startswith(f"{host.url}/api/version answers, but not like a model host")


def test_the_switches_come_before_what_was_seen(oak, host, check):
    services.drain(oak, by=SYSTEM)
    assert state(oak) == ("draining", "Takes no new calls.")
    host.faults.add("status", status=401)
    check(oak)
    assert state(oak)[0] == "draining"
    assert state(oak)[1].startswith("Takes no new calls. ")
    services.switch(oak, by=SYSTEM, on=False)
    assert state(oak) == ("disabled", "Switched off")
    services.drain(oak, by=SYSTEM, on=False)
    services.switch(oak, by=SYSTEM, on=True)
    assert state(oak)[0] == "unauthorised"


# -- since, and back again ---------------------------------------------------------------------


def test_a_host_that_comes_back_is_online_and_since_tells_when(oak, host, check):
    host.down()
    check(oak)
    gone = check(oak).since
    assert check(oak).since == gone
    host.up()
    health = check(oak)
    assert state(oak) == ("online", "")
    assert health.since > gone
    assert health.failures == 0


def test_pages_are_told_of_changes_and_of_nothing_else(oak, host, check):
    def told():
        found = Notice.objects.filter(topic=f"agent:{oak.pk}").count()
        Notice.objects.all().delete()
        return found

    told()
    check(oak)
    assert told() == 0
    host.faults.add("status", status=401, uses=1)
    check(oak)
    check(oak)
    assert told() == 2
    host.memory.preload(host.model("tiny:1b"))
    check(oak)
    assert told() == 1


# -- what it holds -----------------------------------------------------------------------------


def test_models_come_change_and_go_with_the_host(oak, host, check):
    def look():
        Health.objects.update(models_at=None)
        check(oak)

    AgentModel.objects.filter(model__name="tiny:1b").update(tps=7, quantization="Q2")
    host.catalog.add("fresh:3b")
    host.catalog.remove(host.model("thinker:8b"))
    look()
    assert held(oak) == ["embedder:latest", "fresh:3b", "seer:7b", "tiny:1b"]
    assert not Model.objects.filter(name="thinker:8b").exists()
    row = oak.models.get(model__name="tiny:1b")
    assert (row.quantization, row.tps) == ("Q4_K_M", 7)


def test_a_model_that_another_agent_has_stays(oak, host, settle, check):
    with running(FakeHost("ollama", models=("tiny:1b",), pace=0)) as other:
        settle("elm", other)
        host.catalog.remove(host.model("tiny:1b"))
        Health.objects.update(models_at=None)
        check(oak)
    assert "tiny:1b" not in held(oak)
    assert Model.objects.filter(name="tiny:1b").exists()


def test_what_is_in_memory_is_seen_at_every_look(oak, host, check):
    host.memory.preload(host.model("tiny:1b"))
    check(oak)
    row = oak.models.get(resident=True)
    assert (str(row.model), row.size_vram, row.resident_context) == ("tiny:1b", 600_000_000, 4096)
    assert row.resident_until > timezone.now()
    host.memory.unload(host.model("tiny:1b"))
    check(oak)
    row.refresh_from_db()
    assert (row.resident, row.size_vram, row.resident_until) == (False, None, None)


def test_a_silent_host_keeps_the_models_it_had(oak, host, check):
    host.down()
    check(oak)
    check(oak)
    assert len(held(oak)) == 4


# -- what a look costs -------------------------------------------------------------------------


def test_a_look_asks_for_no_completion_and_loads_nothing(oak, host, check):
    for _ in range(3):
        check(oak)
    assert {(seen.method, seen.path) for seen in host.requests} == {
        ("GET", "/api/version"),
        ("GET", "/api/tags"),
        ("GET", "/api/ps"),
    }
    assert not host.memory.loads


@pytest.mark.parametrize("flavour", ["openai", "llamacpp", "vllm", "lmstudio"])
def test_a_look_at_other_hosts_only_reads(settle, check, flavour):
    with running(FakeHost(flavour, pace=0)) as host:
        check(settle("oak", host))
        assert {seen.method for seen in host.requests} == {"GET"}
        assert not any("completions" in seen.path for seen in host.requests)


def test_the_list_of_models_is_read_at_every_second_look(oak, host, check):
    host.record.requests.clear()
    check(oak)
    check(oak)
    assert not any(seen.path == "/api/tags" for seen in host.requests)
    Health.objects.update(models_at=timezone.now() - timedelta(seconds=16))
    check(oak)
    assert sum(seen.path == "/api/tags" for seen in host.requests) == 1


def test_the_format_is_found_out_once(settle, check):
    with running(FakeHost("openai", pace=0)) as host:
        oak = settle("oak", host)
        assert any(seen.path == "/api/version" for seen in host.requests)
        host.record.requests.clear()
        check(oak)
        assert {seen.path for seen in host.requests} == {"/v1/models"}


def test_a_host_that_is_switched_off_is_not_asked(oak, host, check):
    services.switch(oak, by=SYSTEM, on=False)
    host.record.requests.clear()
    tunables.forget()
    found = check(oak)
    assert (found.state, found.deaths, found.trouble) == (leases.QUEUED, 0, "")
    assert host.requests == []


def test_a_host_that_cannot_be_checked_is_shown_so_and_checked_on(oak, host, check, monkeypatch):
    def broken(*_):
        raise RuntimeError("what a surprise")

    monkeypatch.setattr(health, "_load", broken)
    for _ in range(leases.DEATHS_ALLOWED):
        check(oak)
    reason = "It could not be checked: RuntimeError: what a surprise"
    assert state(oak) == ("degraded", reason)
    assert (oak.health.state, oak.health.deaths) == (leases.QUEUED, 0)
    monkeypatch.undo()
    check(oak)
    assert state(oak) == ("online", "")


# -- the recurring row -------------------------------------------------------------------------


def due_in(found):
    return (found.due_at - timezone.now()).total_seconds()


def test_a_look_is_due_again_after_a_third_of_the_interval(oak, check):
    tunables.change("health_check_interval", 90, by=SYSTEM)
    found = check(oak)
    assert (found.state, found.owner, found.lease_until) == (leases.QUEUED, "", None)
    assert 28 < due_in(found) <= 30


def test_a_first_silence_is_looked_into_soon_and_later_ones_at_leisure(oak, host, check):
    tunables.change("health_check_interval", 90, by=SYSTEM)
    host.down()
    assert due_in(check(oak)) <= 2
    assert due_in(check(oak)) > 28


def test_a_host_that_was_never_seen_may_be_starting(settle, host, check):
    tunables.change("health_check_interval", 90, by=SYSTEM)
    host.down()
    oak = settle("oak", host)
    soon = [due_in(check(oak)) <= 2 for _ in range(9)]
    assert soon == [True] * 7 + [False] * 2
    host.up()
    assert (check(oak).status, oak.models.count()) == ("online", 4)


def test_a_look_that_lost_its_lease_writes_nothing(oak, host, inside):
    Health.objects.update(status="online")
    lost = leases.Lease(Health, oak.health.pk, "there:1:1.00", 99)
    host.faults.add("status", status=401)

    async def look():
        await services.check_agent(lost)
        await services.close_doors()

    inside(look())
    assert state(oak) == ("online", "")


def test_agents_are_looked_at_side_by_side(settle, carry, host):
    made = [settle(name, f"{host.url}/{name}") for name in ("ash", "elm", "fir")]
    Health.objects.update(due_at=timezone.now())
    assert carry("health") == 3
    assert Agent.objects.filter(health__status="offline").count() == len(made)
