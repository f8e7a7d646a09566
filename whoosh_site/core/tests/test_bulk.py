"""Conditional updates of many rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from whoosh_site.core.bulk import update_each
from whoosh_site.core.models import Process, Setting

pytestmark = pytest.mark.django_db


def test_each_row_that_fits_is_changed_and_the_others_are_told():
    rows = [Setting.objects.create(key=f"k{n}", value=n) for n in range(3)]
    changes = [({"pk": row.pk, "key": "k0" if n else row.key}, {"value": {"n": n}})
               for n, row in enumerate(rows)]  # fmt: skip
    assert update_each(Setting, changes) == [True, False, False]
    assert list(Setting.objects.order_by("pk").values_list("value", flat=True)) == [{"n": 0}, 1, 2]


def test_nothing_to_change_asks_nothing():
    with CaptureQueriesContext(connection) as queries:
        assert update_each(Setting, []) == []
    assert len(queries) == 0


def test_every_kind_of_value_is_stored_as_usual():
    now = timezone.now()
    row = Process.objects.create(job="web", host="a", owner="a:1:1", pid=1)
    news = {"job": Process.Job.RUNNER, "beat_at": now, "carrying": 7}
    assert update_each(Process, [({"pk": row.pk, "owner": "a:1:1"}, news)]) == [True]
    row.refresh_from_db()
    assert (row.job, row.beat_at, row.carrying) == ("runner", now, 7)
