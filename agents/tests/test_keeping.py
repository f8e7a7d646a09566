"""How long models stay in memory: what goes with every call, and pins that hold without a storm."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents import services
from agents.models import Agent, AgentModel, Health, ModelJob
from agents.services import health
from tests.fake_agent import FakeHost, running
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.models import AuditEntry


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


@pytest.fixture
def tiny(oak):
    """Its smallest model."""
    return oak.models.get(model__name="tiny:1b")


def loads():
    return list(ModelJob.objects.filter(verb="load").order_by("pk"))


# -- with every call -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        ({"keep_alive": "30m"}, 1800),
        ({"keep_alive": "1h30m"}, 5400),
        ({"keep_alive": "90"}, 90),
        ({"keep_alive": "-1"}, -1),
        ({"pinned": True, "keep_alive": "5m"}, -1),
        ({}, 300),
    ],
)
def test_it_goes_with_every_call_to_that_model_there(tiny, host, answered, kept, seconds):
    AgentModel.objects.filter(pk=tiny.pk).update(**kept)
    assert answered("hello", model="tiny:1b").state == "success"
    (runner,) = host.memory.loaded()
    assert runner.keep_alive == seconds


def test_no_time_at_all_takes_the_model_out_after_each_call(tiny, host, answered):
    services.keep_model(tiny, by=SYSTEM, keep_alive="0")
    assert answered("hello", model="tiny:1b").state == "success"
    assert host.memory.loaded() == []


def test_other_models_and_hosts_are_kept_as_before(tiny, host, answered):
    services.keep_model(tiny, by=SYSTEM, keep_alive="2h")
    answered("hello", model="seer:7b")
    (runner,) = host.memory.loaded()
    assert runner.keep_alive == host.settings.keep_alive


# -- changing it ---------------------------------------------------------------------------------


def test_a_change_is_written_down_and_a_model_in_memory_is_told_at_once(
    tiny, host, people, go, check
):
    host.memory.preload(host.model("tiny:1b"))
    check(tiny.agent)
    tiny.refresh_from_db()
    assert services.keep_model(tiny, by=Actor(people.owner), keep_alive="2h")
    line = AuditEntry.objects.get(action="changed keeping on")
    assert line.details == {"model": "tiny:1b", "keep_alive": "2h"}
    (job,) = loads()
    assert go(job).state == "success"
    (runner,) = host.memory.loaded()
    assert (runner.keep_alive, host.memory.loads["tiny:1b"]) == (7200, 1)


def test_what_is_so_already_is_no_change(tiny):
    assert not services.keep_model(tiny, by=SYSTEM, keep_alive="", pinned=False)
    assert not AuditEntry.objects.filter(action="changed keeping on").exists()


@pytest.mark.parametrize(
    "text", ["soon", "5 m", "-5m", "1.5h", "-2", "30m\n", "٣٠m", "9" * 10, "1d", "m"]
)
def test_what_is_no_time_is_refused_with_examples(tiny, text):
    with pytest.raises(BadInput, match="keep_alive: Use a time such as 30m"):
        services.keep_model(tiny, by=SYSTEM, keep_alive=text)
    tiny.refresh_from_db()
    assert tiny.keep_alive == ""


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_only_owners_of_the_hosts_team_change_it(tiny, people, who):
    services.share_agent(tiny.agent, [people.theirs], by=SYSTEM)
    with pytest.raises(Forbidden):
        services.keep_model(tiny, by=Actor(getattr(people, who)), pinned=True)
    tiny.refresh_from_db()
    assert not tiny.pinned


def test_a_host_that_leaves_its_memory_to_nobody_is_refused(settle):
    with running(FakeHost("vllm", pace=0)) as host:
        held = settle("birch", host).models.get()
        with pytest.raises(BadInput, match="agents: birch speaks OpenAI-compatible"):
            services.keep_model(held, by=SYSTEM, pinned=True)


# -- pins ----------------------------------------------------------------------------------------


def test_a_pinned_model_is_loaded_by_the_next_check_and_stays(tiny, host, check, go):
    services.keep_model(tiny, by=SYSTEM, pinned=True)
    assert Health.objects.get().due_at <= timezone.now()
    assert loads() == []  # nothing waits for the host meanwhile
    check(tiny.agent)
    (job,) = loads()
    assert (job.created_by, go(job).state) == (None, "success")
    check(tiny.agent)
    tiny.refresh_from_db()
    assert tiny.resident
    assert tiny.resident_until.year > 2200
    assert len(loads()) == 1


def test_a_pinned_model_is_loaded_again_when_the_host_lost_it(tiny, host, check, go):
    services.keep_model(tiny, by=SYSTEM, pinned=True)
    check(tiny.agent)
    go(*loads())
    ModelJob.objects.update(created_at=timezone.now() - timedelta(hours=2))
    host.memory.unload(host.model("tiny:1b"))
    check(tiny.agent)
    assert len(loads()) == 2


def test_pins_that_do_not_fit_beside_each_other_do_not_drive_each_other_out_all_day(
    oak, host, check, go
):
    host.settings.max_loaded = 1
    oak.models.filter(model__name__in=["tiny:1b", "seer:7b"]).update(pinned=True)
    for _ in range(12):
        check(oak)
        for job in ModelJob.objects.open():
            go(job)
    assert host.memory.loads == {"tiny:1b": 1, "seer:7b": 1}
    ModelJob.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    check(oak)
    assert len(loads()) == 3  # a pause, not for ever; the next one is longer


@pytest.mark.parametrize(
    ("agent", "health"),
    [
        ({"maintenance": True}, {}),
        ({}, {"open_until": timezone.now() + timedelta(hours=1), "call_failures": 3}),
        ({"preferred_model": "nosuch"}, {}),
    ],
)
def test_no_pinned_model_is_loaded_on_a_host_that_should_be_left_alone(
    oak, host, check, agent, health
):
    oak.models.filter(model__name="tiny:1b").update(pinned=True)
    Agent.objects.update(**agent)
    Health.objects.update(**health) if health else None
    check(oak)
    assert loads() == []


def test_no_pinned_model_is_loaded_while_calls_run_or_another_model_is_loaded(
    oak, check, record, started
):
    oak.models.filter(model__name="tiny:1b").update(pinned=True)
    (call,) = record(state="running", agent=oak, model_name="seer:7b", finished_at=None)
    check(oak)
    assert loads() == []
    type(call).objects.update(state="success")
    started("load", "seer:7b", oak)
    check(oak)
    assert [job.model_name for job in loads()] == ["seer:7b"]


def test_a_pinned_model_that_is_being_pulled_is_left_alone(oak, check, started):
    oak.models.filter(model__name="tiny:1b").update(pinned=True)
    started("pull", "tiny:1b", oak)
    assert check(oak).status == "online"
    assert loads() == []


def test_a_pinned_model_is_unpinned_before_it_is_unloaded(tiny, started, go):
    services.keep_model(tiny, by=SYSTEM, pinned=True)
    with pytest.raises(Conflict) as refused:
        started("unload", "tiny:1b", tiny.agent)
    assert refused.value.message == "tiny:1b is pinned on oak. Unpin it first."
    services.keep_model(tiny, by=SYSTEM, pinned=False)
    assert go(started("unload", "tiny:1b", tiny.agent)).state == "success"


def test_a_list_that_is_asked_for_while_one_is_read_is_read_again(oak, host, carry, monkeypatch):
    """A pull that ends while a check has its list already must not be overlooked."""
    look = health._look

    async def overtaken(*args):
        seen = await look(*args)
        monkeypatch.setattr(health, "_look", look)
        host.catalog.add("newcomer:3b")
        await sync_to_async(health.refresh_soon)(oak)
        return seen

    monkeypatch.setattr(health, "_look", overtaken)
    Health.objects.update(models_at=timezone.now(), due_at=timezone.now())
    assert carry("health") == 2
    assert oak.models.filter(model__name="newcomer:3b").exists()
