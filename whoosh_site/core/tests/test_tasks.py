"""Short jobs of the ground room."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Task

from whoosh_site.core import owner, tasks, tunables
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import IdempotentRequest, Lockout, Notice, OneTimeLink, Process
from whoosh_site.core.watches import canary_owner

pytestmark = pytest.mark.django_db


def ago(**since):
    return timezone.now() - timedelta(**since)


def test_the_canary_signs_for_this_hosts_cluster():
    tasks.canary()
    Process.objects.update(beat_at=ago(hours=1))
    tasks.canary()
    row = Process.objects.get()
    assert (row.owner, row.job, row.host) == (canary_owner(), "tasks", owner.host())
    assert row.beat_at > ago(minutes=1)


def test_notices_go_after_an_hour():
    Notice.objects.create(topic="old", created_at=ago(minutes=61))
    Notice.objects.create(topic="new", created_at=ago(minutes=59))
    tasks.tidy()
    assert [notice.topic for notice in Notice.objects.all()] == ["new"]


def test_how_long_notices_stay_is_a_setting():
    tunables.change("notice_retention", 120, by=SYSTEM)
    Notice.objects.create(topic="old", created_at=ago(seconds=130))
    Notice.objects.create(topic="new", created_at=ago(seconds=110))
    tasks.tidy()
    assert [notice.topic for notice in Notice.objects.all()] == ["new"]


def test_more_notices_than_one_batch_go_too():
    Notice.objects.bulk_create(Notice(topic="old", created_at=ago(hours=2)) for _ in range(2100))
    tasks.tidy()
    assert not Notice.objects.exists()


def test_kept_answers_go_after_a_day(people):
    for key, hours in (("old", 25), ("new", 23)):
        IdempotentRequest.objects.create(
            user=people.owner, key=key, path="/", fingerprint="x", created_at=ago(hours=hours)
        )
    tasks.tidy()
    assert [row.key for row in IdempotentRequest.objects.all()] == ["new"]


def test_links_go_a_day_after_they_expired():
    for digest, hours in (("old", 25), ("just expired", 1), ("good", -1)):
        OneTimeLink.objects.create(purpose="setup", digest=digest, expires_at=ago(hours=hours))
    tasks.tidy()
    assert {row.digest for row in OneTimeLink.objects.all()} == {"just expired", "good"}


def test_signs_of_the_dead_go_after_ten_minutes():
    for name, minutes in (("old", 11), ("lately", 9)):
        Process.objects.create(job="web", host="h", owner=name, pid=1, beat_at=ago(minutes=minutes))
    tasks.tidy()
    assert [row.owner for row in Process.objects.all()] == ["lately"]


def test_sessions_go_when_they_have_expired():
    for key, hours in (("old", -1), ("good", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=ago(hours=-hours))
    tasks.tidy()
    assert [row.session_key for row in Session.objects.all()] == ["good"]


def test_results_of_failed_jobs_go_after_a_week():
    for name, days in (("old", 8), ("lately", 6)):
        at = ago(days=days)
        Task.objects.create(
            id=name, name=name, func="x", started=at, stopped=at, success=False, attempt_count=1
        )
    tasks.tidy()
    assert [row.name for row in Task.objects.all()] == ["lately"]


def test_the_administrations_own_log_goes_after_ninety_days(people):
    for text, days in (("old", 91), ("lately", 89)):
        row = LogEntry.objects.create(user=people.admin, action_flag=1, object_repr=text)
        LogEntry.objects.filter(pk=row.pk).update(action_time=ago(days=days))
    tasks.tidy()
    assert [row.object_repr for row in LogEntry.objects.all()] == ["lately"]


def test_failed_tries_are_forgotten_after_two_hours():
    for subject, minutes in (("old", 121), ("lately", 119)):
        Lockout.objects.create(subject=subject, failures=9, last_at=ago(minutes=minutes))
    tasks.tidy()
    assert [row.subject for row in Lockout.objects.all()] == ["lately"]
