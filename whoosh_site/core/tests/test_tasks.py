"""Short jobs of the ground room."""

from datetime import timedelta

import pytest
from django.utils import timezone

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


def test_failed_tries_are_forgotten_after_two_hours():
    for subject, minutes in (("old", 121), ("lately", 119)):
        Lockout.objects.create(subject=subject, failures=9, last_at=ago(minutes=minutes))
    tasks.tidy()
    assert [row.subject for row in Lockout.objects.all()] == ["lately"]
