"""Writing notices and reading them back."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from whoosh_site.core import tunables
from whoosh_site.core.models.system import Notice

_gathered: ContextVar[list[Notice] | None] = ContextVar("gathered", default=None)
AT_ONCE = 300
"""Rows of one statement: older SQLites take 999 values."""
LATE = timedelta(seconds=30)
"""How long after it was overtaken a notice may still be committed: only PostgreSQL does that."""


def announce(*topics: str, teams: Iterable[int] = ()) -> None:
    """Say that something changed, in the caller's transaction.

    Args:
        topics: a list such as "agents" (needs `teams`) or an object such as "call:42".
        teams: ids of the teams whose lists changed.
    """
    team_ids = set(teams)
    names = [topic for topic in topics if ":" in topic]
    names += [f"{topic}@{team}" for topic in topics if ":" not in topic for team in team_ids]
    _write([Notice(topic=name) for name in names])


def stream(topic: str, data: Any) -> None:
    """Send a piece of a stream, such as a few tokens, to whoever watches `topic`."""
    # In ASCII: a character may be cut in two between pieces, and no column holds half of one.
    _write([Notice(topic=topic, data=json.dumps(data))])


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Write what is announced inside the block at its end: each change once, every piece."""
    if _gathered.get() is not None:
        yield
        return
    found: list[Notice] = []
    token = _gathered.set(found)
    try:
        yield
    finally:
        _gathered.reset(token)
    changes = {notice.topic: notice for notice in found if not notice.data}
    _write([*changes.values(), *(notice for notice in found if notice.data)])


def _write(notices: list[Notice]) -> None:
    gathered = _gathered.get()
    if gathered is not None:
        gathered += notices
        return
    if not notices:
        return
    _insert(notices)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('whoosh_live', '')")


def _insert(notices: list[Notice]) -> None:
    """Insert rows. Notices are what is written most: Django's own way costs several times this."""
    table = connection.ops.quote_name(Notice._meta.db_table)
    start = f"INSERT INTO {table} (topic, data, created_at) VALUES "  # noqa: S608
    moment = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        for first in range(0, len(notices), AT_ONCE):
            rows = notices[first : first + AT_ONCE]
            values = [value for row in rows for value in (row.topic, row.data, moment)]
            cursor.execute(start + ", ".join(["(%s, %s, %s)"] * len(rows)), values)


def last_seen() -> int:
    """Return a number up to which whoever reads now sees everything; nothing below it follows."""
    notices = Notice.objects.all()
    if connection.vendor == "postgresql":
        notices = notices.filter(created_at__lt=timezone.now() - LATE)
    return notices.aggregate(newest=Max("pk"))["newest"] or 0


def streamed(topic: str) -> list[Any]:
    """Return every piece still kept of a topic's stream, oldest first."""
    rows = Notice.objects.filter(topic=topic).exclude(data="").order_by("pk")
    return [json.loads(text) for text in rows.values_list("data", flat=True)]


def prune(now: datetime) -> int:
    """Delete notices older than the setting says, in batches; returns how many."""
    oldest = now - timedelta(seconds=tunables.value("notice_retention"))
    total = 0
    while True:
        batch = list(
            Notice.objects.filter(created_at__lt=oldest).values_list("pk", flat=True)[:1000]
        )
        if not batch:
            return total
        total += Notice.objects.filter(pk__in=batch).delete()[0]
