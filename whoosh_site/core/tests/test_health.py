"""What is wrong right now: findings, their order, and who sees them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from whoosh_site.core import health, owner
from whoosh_site.core.models import Process
from whoosh_site.core.watches import canary_owner

pytestmark = pytest.mark.django_db


def alive(job, name, *, ago=0.0) -> None:
    """Write a sign of life."""
    at = timezone.now() - timedelta(seconds=ago)
    Process.objects.create(job=job, owner=name, host=owner.host(), pid=1, beat_at=at)


@pytest.fixture
def workers():
    alive(Process.Job.RUNNER, owner.me())
    alive(Process.Job.TASKS, canary_owner())


def workers_found() -> list[tuple[str, str]]:
    return [(f.level, f.text) for f in health.findings()["workers"]]


def test_without_workers_both_are_missed():
    assert [level for level, _ in workers_found()] == ["error", "error"]


def test_living_workers_are_fine(workers):
    assert workers_found() == [("ok", "Runner and workers are alive")]


def test_an_old_sign_of_life_is_none():
    alive(Process.Job.RUNNER, owner.me(), ago=3600)
    alive(Process.Job.TASKS, canary_owner(), ago=3600)
    assert [level for level, _ in workers_found()] == ["error", "error"]


def test_a_long_backlog_is_a_warning(workers):
    row = {"key": "whoosh", "payload": "", "lock": timezone.now()}
    OrmQ.objects.bulk_create([OrmQ(**row) for _ in range(health.LONG_BACKLOG + 1)])
    assert workers_found() == [("warning", "101 short jobs wait for a worker.")]


def test_a_full_disk_is_an_error_that_says_what_to_do(monkeypatch):
    usage = type("Usage", (), {"free": 3 * 2**20})
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)
    [found] = health.findings()["disk"]
    assert (found.level, "3 MB" in found.text, "WHOOSH_VAR" in found.advice) == (
        "error",
        True,
        True,
    )


def test_every_error_says_what_to_do():
    errors = [f for group in health.findings().values() for f in group if f.level == "error"]
    assert errors
    assert [finding for finding in errors if not finding.advice] == []


def test_the_worst_finding_is_the_verdict():
    ok, warning, error = (health.Finding(level, "") for level in ("ok", "warning", "error"))
    assert health.worst({"a": [ok]}) == "ok"
    assert health.worst({"a": [ok], "b": [warning]}) == "warning"
    assert health.worst({"a": [ok, error], "b": [warning]}) == "error"
    assert health.worst({}) == "ok"


def test_ready_needs_workers_alive_does_not(client, workers):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    Process.objects.all().delete()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "No runner is alive" not in answer.content.decode() or "password" not in str(answer)


def test_an_agent_that_is_down_does_not_make_the_system_unready(client, workers, make_agent):
    agent = make_agent()
    type(agent.health).objects.filter(agent=agent).update(status="offline")
    assert client.get("/readyz").status_code == 200


def test_a_person_hears_of_their_own_teams_agents_only(people, make_agent):
    agent = make_agent("elm", team=people.theirs)
    type(agent.health).objects.filter(agent=agent).update(status="offline", reason="gone")

    def heard(user):
        return str([f for group in health.findings(user).values() for f in group])

    assert "elm" in heard(people.stranger)
    assert "elm" not in heard(people.member)
