"""What the tests of live pages share: the notices that were written."""

import pytest
from django.db import connection
from django.utils import timezone

from whoosh_site.core.live import notices
from whoosh_site.core.models import Notice

POSTGRES_ONLY = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only there ids commit out of order"
)


def newest():
    """Return the number of the newest notice."""
    return Notice.objects.latest("pk").pk


def long_ago():
    """Make every notice one that no transaction of today can overtake; return the newest."""
    Notice.objects.update(created_at=timezone.now() - notices.LATE)
    return newest()
