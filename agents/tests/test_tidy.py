"""Old calls go, and only they."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import tasks
from agents.models import Call, ModelJob
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM

pytestmark = pytest.mark.django_db


def ended(team, title, days):
    at = timezone.now() - timedelta(days=days)
    return Call(team=team, source="api", messages=[], title=title, state="success", finished_at=at)


def left() -> list[str]:
    return sorted(Call.objects.values_list("title", flat=True))


def test_calls_go_after_ninety_days(people):
    Call.objects.bulk_create([ended(people.ours, "old", 91), ended(people.ours, "new", 89)])
    tasks.tidy_calls()
    assert left() == ["new"]


def test_how_long_is_a_setting(people):
    tunables.change("call_retention", 2, by=SYSTEM)
    Call.objects.bulk_create([ended(people.ours, "old", 3), ended(people.ours, "new", 1)])
    tasks.tidy_calls()
    assert left() == ["new"]


def test_a_call_that_has_not_ended_stays_however_old(people):
    call = Call.objects.create(team=people.ours, source="api", messages=[], title="waits")
    Call.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(days=999))
    tasks.tidy_calls()
    assert left() == ["waits"]


def test_more_calls_than_one_batch_go_too(people):
    Call.objects.bulk_create(ended(people.ours, "old", 100) for _ in range(1100))
    tasks.tidy_calls()
    assert left() == []


def test_ended_jobs_at_hosts_go_as_well(make_agent):
    oak, now = make_agent("oak"), timezone.now()
    for name, days in (("old", 91), ("new", 89)):
        ended_at = now - timedelta(days=days)
        fields = {"state": "success", "finished_at": ended_at}
        ModelJob.objects.create(agent=oak, verb="load", model_name=name, **fields)
    old = now - timedelta(days=999)
    ModelJob.objects.create(agent=oak, verb="pull", model_name="waits", created_at=old)
    tasks.tidy_calls()
    assert sorted(ModelJob.objects.values_list("model_name", flat=True)) == ["new", "waits"]
