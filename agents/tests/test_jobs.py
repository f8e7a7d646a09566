"""Jobs at hosts: pulled with progress, gone on with after every trouble, never two of a kind."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import services
from agents.kinds import ModelJobs
from agents.models import Agent, AgentModel, Call, Health, ModelJob
from agents.panels import JobsEnd
from agents.services import jobs, managing
from agents.tests.conftest import until
from tests.fake_agent import FakeHost, running
from whoosh_site.core import leases, owner
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Conflict
from whoosh_site.core.models import AuditEntry, Notice
from whoosh_site.core.runner import _database

GONE = f"{owner.host()}:1:1.00"
SIZE = 1_800_000_000
PULL = ("/api/pull",)


@pytest.fixture
def oak(settle, host):
    """An agent that answers."""
    return settle("oak", host)


def cut(host, **fault):
    """Let the host break a pull off, after its lines had time to arrive."""
    host.clock.pace = 0.05
    host.faults.add(**{"kind": "cut", "after": 4, "uses": 1, "paths": PULL} | fault)


def names(host):
    return [model.name for model in host.catalog]


# -- pulling -----------------------------------------------------------------------------------


def test_a_pull_brings_the_model_and_the_registry_knows_it_at_once(
    oak, host, started, go, carry, people
):
    job = started("pull", "newcomer:3b", oak)
    assert (job.state, job.created_by, str(job)) == (
        "queued", people.owner, "Pull newcomer:3b on oak",
    )  # fmt: skip
    go(job)
    assert (job.state, job.completed, job.total, job.error) == ("success", SIZE, SIZE, "")
    assert job.finished_at
    carry("health")
    assert oak.models.get(model__name="newcomer:3b").size == SIZE
    line = AuditEntry.objects.get(action="started pull on")
    assert (line.actor, line.target) == ("owner", "oak")
    assert line.details == {"job": job.pk, "model": "newcomer:3b"}


def test_a_call_that_waits_for_the_model_is_placed_after_the_pull(
    oak, host, settle, started, go, carry, asked, check
):
    with running(FakeHost("ollama", models=("newcomer:3b",), pace=0)) as other:
        settle("ash", other, enabled=True)
        call = asked("hello", model="newcomer:3b")
        Agent.objects.filter(name="ash").update(enabled=False)
        carry("call")
        assert Call.objects.get().state == "queued"
        go(started("pull", "newcomer:3b", oak))
        check(oak)
        carry("call")
    call.refresh_from_db()
    assert (call.state, call.agent_name) == ("success", "oak")


def test_progress_is_written_while_the_pull_runs_and_pages_are_told(
    oak, host, started, resident, monkeypatch
):
    monkeypatch.setattr(jobs, "WRITE_EVERY", 0)
    host.faults.add("stall", after=4, seconds=60, paths=PULL)
    job = started("pull", "newcomer:3b", oak)
    Notice.objects.all().delete()

    half = (SIZE - 1000) // 2
    resident(lambda: until(lambda: ModelJob.objects.get().completed == half), "job")
    job.refresh_from_db()
    assert (job.state, job.total) == ("queued", SIZE - 1000)  # the runner stopped: no death
    assert (job.deaths, job.completed) == (0, half)
    assert job.said.startswith("pulling ")
    assert Notice.objects.filter(topic=f"jobs@{oak.team_id}").count() > 2


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ({"kind": "cut"}, "broke off in the middle of"),
        ({"kind": "error", "text": "max retries exceeded: unexpected EOF"}, "unexpected EOF"),
        ({"kind": "malformed"}, "sent something that is no JSON"),
    ],
)
def test_a_pull_that_breaks_off_goes_on_where_it_was(oak, host, started, carry, go, fault, trouble):
    cut(host, **fault)
    job = started("pull", "newcomer:3b", oak)
    carry("job")
    job.refresh_from_db()
    assert job.state == "queued"
    assert trouble in job.trouble
    assert job.due_at > timezone.now()
    reached = job.completed
    assert 0 < reached < SIZE
    go(job)
    assert (job.state, job.trouble) == ("success", "")
    assert host.downloads.fetched == {"newcomer:3b": SIZE}  # not a byte twice


def test_a_pull_waits_for_a_host_that_is_away_however_long_that_is(
    oak, host, started, carry, go, check
):
    job = started("pull", "newcomer:3b", oak)
    host.down()
    for _ in range(jobs.TRIES + 2):
        ModelJob.objects.update(due_at=timezone.now())
        carry("job")
    job.refresh_from_db()
    assert job.state == "queued"
    assert "cannot be reached: connection refused" in job.waits_for
    assert job.due_at - timezone.now() > timedelta(seconds=50)  # it asks ever less often
    assert Health.objects.get().due_at <= timezone.now()
    host.up()
    assert go(job).state == "success"


def test_a_host_that_fails_again_and_again_without_a_byte_ends_the_pull(oak, host, started, go):
    host.faults.add("error", after=1, paths=PULL, text="no space left on device")
    job = go(started("pull", "newcomer:3b", oak))
    assert (job.state, job.error_code) == ("error", "agent_failed")
    assert job.error.endswith("failed: no space left on device")
    pulls = [seen for seen in host.requests if seen.path == "/api/pull"]
    assert len(pulls) == jobs.TRIES + 1


def test_every_byte_renews_the_patience_with_a_host_that_fails(oak, host, started, go):
    host.settings.pull_steps = 20
    cut(host, after=3, uses=None)
    job = started("pull", "newcomer:3b", oak)
    assert go(job, most=15).state == "queued"
    host.faults.clear()
    assert go(job).state == "success"
    assert host.downloads.fetched == {"newcomer:3b": SIZE}


def test_a_model_no_registry_has_ends_the_pull_at_once(oak, host, started, go):
    host.settings.registry = ()
    job = go(started("pull", "nosuch", oak))
    assert (job.state, job.error_code, job.attempt) == ("error", "model_missing", 1)
    assert job.error == "The registry has no model nosuch:latest. Check the name and its tag."


def test_a_pull_without_a_new_byte_is_asked_for_anew(oak, host, started, carry, monkeypatch):
    monkeypatch.setattr(jobs, "STALLED", -1)
    job = started("pull", "newcomer:3b", oak)
    carry("job")
    job.refresh_from_db()
    assert (job.state, job.trouble) == ("queued", f"{host.url} makes no progress with the pull.")


def test_a_long_pull_is_handed_over_so_that_its_runner_may_end(
    oak, host, started, carry, go, monkeypatch
):
    monkeypatch.setattr(jobs, "SHIFT", -1)
    job = started("pull", "newcomer:3b", oak)
    carry("job")
    job.refresh_from_db()
    assert (job.state, job.trouble, job.deaths, job.tries) == ("queued", "", 0, 0)
    monkeypatch.undo()
    assert go(job).state == "success"


def test_a_pull_of_a_dead_runner_is_gone_on_with_by_the_next(oak, host, started, carry, go):
    cut(host)
    job = started("pull", "newcomer:3b", oak)
    carry("job")
    reached = ModelJob.objects.get().completed
    ModelJob.objects.update(state="running", owner=GONE, lease_until=timezone.now())
    assert leases.give_back(ModelJob).queued == [job.pk]
    job.refresh_from_db()
    assert job.completed == reached
    go(job)
    assert (job.state, job.deaths) == ("success", 0)
    assert host.downloads.fetched == {"newcomer:3b": SIZE}


def test_after_the_third_death_a_job_is_in_quarantine_and_says_so(oak, started, people):
    job = started("pull", "newcomer:3b", oak)
    ModelJob.objects.update(state="running", owner=GONE, deaths=2)
    Notice.objects.all().delete()
    ModelJobs().returned(leases.give_back(ModelJob))
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("quarantined", "quarantined")
    assert job.error == "its process died (3 of 3)"
    assert job.finished_at
    assert Notice.objects.filter(topic__startswith="jobs@").exists()
    (finding,) = JobsEnd().ask(people.viewer)
    assert (finding.level, finding.text) == ("error", "1 job at hosts put in quarantine today.")
    assert [found.level for found in JobsEnd().ask(people.stranger)] == ["ok"]


def test_what_the_host_says_of_its_bytes_counts_even_if_it_is_less(oak, host, started, carry, go):
    cut(host)
    job = started("pull", "newcomer:3b", oak)
    carry("job")
    before = ModelJob.objects.get().completed
    host.downloads.forget(host.catalog.add("newcomer:3b"))
    host.catalog.remove(host.model("newcomer:3b"))
    cut(host, after=3)
    ModelJob.objects.update(due_at=timezone.now())
    carry("job")
    assert 0 < ModelJob.objects.get().completed < before
    assert go(job).state == "success"


# -- one of a kind -----------------------------------------------------------------------------


def test_a_second_ask_for_the_same_returns_the_job_under_way(oak, started):
    first = started("pull", "newcomer", oak)
    assert started("pull", "Newcomer:latest", oak) == first
    assert ModelJob.objects.count() == 1
    assert AuditEntry.objects.filter(action="started pull on").count() == 1


def test_the_database_keeps_a_second_job_out_when_two_ask_at_once(oak, started, monkeypatch):
    first, look = started("pull", "newcomer", oak), managing._open_job
    looks = iter([lambda *_: None])  # the first look comes before the other's commit
    monkeypatch.setattr(managing, "_open_job", lambda *args: next(looks, look)(*args))
    assert started("pull", "newcomer", oak) == first


def test_something_else_is_refused_while_a_model_is_being_pulled(oak, started):
    job = started("pull", "tiny:1b", oak)
    with pytest.raises(Conflict) as refused:
        started("delete", "tiny:1b", oak)
    assert refused.value.message == ("tiny:1b is being pulled on oak. Wait for that, or cancel it.")
    assert refused.value.details == {"job": job.pk}


def test_a_host_pulls_two_models_at_a_time_and_another_host_does_not_wait(
    oak, host, settle, started
):
    with running(FakeHost("ollama", pace=0)) as other:
        ash = settle("ash", other)
        for number in range(4):
            started("pull", f"m{number}", oak)
        started("load", "tiny:1b", oak)
        started("pull", "m0", ash)
        first = [lease.pk for lease in services.claim_jobs("me:1:1", 100)]
        running_now = ModelJob.objects.filter(pk__in=first)
        assert sorted(running_now.values_list("agent__name", "verb", "model_name")) == [
            ("ash", "pull", "m0:latest"),
            ("oak", "load", "tiny:1b"),
            ("oak", "pull", "m0:latest"),
            ("oak", "pull", "m1:latest"),
        ]
        assert services.claim_jobs("me:1:1", 100) == []
        ModelJob.objects.filter(model_name="m0:latest", agent=oak).update(state="success")
        (next_one,) = services.claim_jobs("me:1:1", 100)
        assert ModelJob.objects.get(pk=next_one.pk).model_name == "m2:latest"


def test_jobs_at_a_host_that_is_switched_off_wait_for_it(oak, host, started, carry, go):
    job = started("pull", "newcomer:3b", oak)
    services.switch(oak, by=SYSTEM, on=False)
    assert carry("job") == 0
    job = ModelJob.objects.select_related("agent").get()
    assert job.waits_for == "oak is switched off"
    services.switch(oak, by=SYSTEM, on=True)
    assert go(job).state == "success"


# -- canceling ---------------------------------------------------------------------------------


def test_a_waiting_job_ends_at_once(oak, started, people):
    job = started("pull", "newcomer:3b", oak)
    assert services.cancel_job(job, by=Actor(people.owner))
    job.refresh_from_db()
    assert (job.state, bool(job.finished_at)) == ("canceled", True)
    assert not services.cancel_job(job, by=Actor(people.owner))
    assert AuditEntry.objects.filter(action="canceled").count() == 1


def test_a_running_pull_is_broken_off_at_its_host(oak, host, started, people, resident):
    host.faults.add("stall", after=3, seconds=60, paths=PULL)
    job = started("pull", "newcomer:3b", oak)

    async def scene():
        await until(lambda: host.in_flight == 1)
        await _database(services.cancel_job, job, by=Actor(people.owner))
        await until(lambda: ModelJob.objects.filter(state="canceled").exists())
        await until(lambda: host.in_flight == 0)

    resident(scene, "job")
    job.refresh_from_db()
    assert (job.owner, job.lease_until, host.canceled) == ("", None, 1)
    assert job.finished_at


def test_a_job_whose_end_was_asked_for_meanwhile_is_not_begun(oak, host, started, carry):
    job = started("pull", "newcomer:3b", oak)
    ModelJob.objects.update(cancel_asked=True)
    carry("job")
    job.refresh_from_db()
    assert job.state == "canceled"
    assert not any(seen.path == "/api/pull" for seen in host.requests)


def test_a_pull_that_lost_its_lease_writes_nothing_and_lets_go_of_the_host(
    oak, host, started, inside, monkeypatch
):
    job, real = started("pull", "newcomer:3b", oak), jobs.Hearing._write
    (lease,) = services.claim_jobs(GONE, 1)

    def after_another_took_it(hearing, teams):
        ModelJob.objects.filter(pk=job.pk).update(attempt=99)
        return real(hearing, teams)

    async def late():
        monkeypatch.setattr(jobs.Hearing, "_write", after_another_took_it)
        await services.run_job(lease)
        await services.close_doors()

    inside(late())
    job.refresh_from_db()
    assert (job.state, job.attempt, job.layers) == ("running", 99, {})


# -- loading, unloading, deleting ----------------------------------------------------------------


def test_a_model_is_loaded_and_unloaded(oak, host, started, go, check):
    assert go(started("load", "tiny:1b", oak)).state == "success"
    assert [runner.model.name for runner in host.memory.loaded()] == ["tiny:1b"]
    check(oak)
    assert oak.models.get(model__name="tiny:1b").resident
    assert go(started("unload", "tiny:1b", oak)).state == "success"
    assert host.memory.loaded() == []
    check(oak)
    assert not oak.models.filter(resident=True).exists()


def test_a_model_that_only_embeds_is_loaded_too(oak, host, started, go):
    assert go(started("load", "embedder:latest", oak)).state == "success"
    assert host.memory.loads == {"embedder:latest": 1}


def test_how_long_loading_took_is_known_afterwards(oak, host, started, go, monkeypatch):
    monkeypatch.setattr(jobs, "LOADED_IN", 0)
    go(started("load", "tiny:1b", oak))
    assert oak.models.get(model__name="tiny:1b").load_ms > 0


def test_a_model_is_deleted_with_its_pin(oak, host, started, go, check):
    AgentModel.objects.filter(model__name="tiny:1b").update(pinned=True, keep_alive="2h")
    assert go(started("delete", "tiny:1b", oak)).state == "success"
    assert "tiny:1b" not in names(host)
    check(oak)
    assert not oak.models.filter(model__name="tiny:1b").exists()
    host.catalog.add("tiny:1b")
    services.refresh(oak, by=SYSTEM)
    check(oak)
    row = oak.models.get(model__name="tiny:1b")
    assert (row.pinned, row.keep_alive) == (False, "")


def test_what_is_gone_already_is_deleted(oak, host, started, go):
    host.catalog.remove(host.model("tiny:1b"))
    assert go(started("delete", "tiny:1b", oak)).state == "success"


def test_a_quick_job_that_fails_says_why_and_is_not_tried_again(oak, host, started, go):
    host.down()
    job = go(started("load", "tiny:1b", oak))
    assert (job.state, job.error_code, job.attempt) == ("error", "agent_offline", 1)


@pytest.mark.parametrize("verb", ["unload", "delete"])
def test_a_model_at_work_is_neither_unloaded_nor_deleted_unless_forced(
    oak, host, started, go, record, people, verb
):
    (mine,) = record(state="running", agent=oak, model_name="tiny:1b", finished_at=None)
    record(state="running", agent=oak, model_name="tiny:1b", team=people.theirs)
    record(state="running", agent=oak, model_name="seer:7b")
    with pytest.raises(Conflict) as refused:
        started(verb, "tiny:1b", oak)
    assert refused.value.message == (
        f"tiny:1b is at work on oak for call {mine.pk}, 1 more. Wait for that, or force it."
    )
    assert refused.value.details == {"calls": [mine.pk]}
    assert go(started(verb, "tiny:1b", oak, force=True)).state == "success"


def test_a_call_that_began_meanwhile_is_not_disturbed(oak, host, started, go, record):
    job = started("delete", "tiny:1b", oak)
    record(state="running", agent=oak, model_name="tiny:1b", finished_at=None)
    assert go(job).state == "error"
    assert "tiny:1b is at work on oak for 1 call. Wait" in job.error
    assert "tiny:1b" in names(host)
