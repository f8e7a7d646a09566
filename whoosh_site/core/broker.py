"""The queue's broker: claims in one statement and starts work within milliseconds.

django-q2's own ORM broker polls every 0.2 s and claims a row at a time (start p50 104 ms). This
one sleeps on the database's own signs of change: `PRAGMA data_version` on SQLite, LISTEN on
PostgreSQL. Each cluster also serves a queue of its own host, so the supervisor can ask after the
cluster beside it and nobody else's. A claimed job says which host holds it, so that the supervisor
gives back at once what a cluster it restarts had claimed, not after Conf.RETRY seconds.
"""

import time
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from whoosh_site.core import owner

LOOK_EVERY = 0.005
LOOK_AT_LEISURE = 0.1


def here(cluster: str) -> str:
    """Return the name of a cluster's queue on this host alone."""
    return f"{cluster}@{owner.host()}"[-100:]


def held(cluster: str) -> str:
    """Return the name under which this host's cluster holds the shared jobs it has claimed."""
    return f"{cluster}={owner.host()}"[:100]


class Broker(ORM):
    """django-q2's database broker with a quick start. Rows are OrmQ's own."""

    _seen_version: int | None = None
    _listening: Any = None

    def enqueue(self, task: str) -> int:
        """Queue a signed task, in the caller's transaction."""
        key = self.list_key or Conf.CLUSTER_NAME
        row = OrmQ.objects.create(key=key, payload=task, lock=timezone.now())
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify('whoosh_queue', '')")
        return row.pk

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Wait up to Conf.POLL seconds for work and claim up to Conf.BULK rows."""
        if transaction.get_autocommit():
            close_old_connections()
        wait = self._wait_sqlite if connection.vendor == "sqlite" else self._wait_postgres
        return (wait() and self._claim()) or None

    def _due(self) -> bool:
        return (
            OrmQ.objects.filter(lock__lte=timezone.now())
            .filter(
                Q(key__in=[self.list_key, here(self.list_key)])
                # held for too long by any host's cluster: it died
                | Q(key__startswith=f"{self.list_key}=")
            )
            .exists()
        )

    def _wait_sqlite(self) -> bool:
        """Look whenever another connection has committed, and once at the end."""
        # Only short jobs are in a hurry; the runner's cluster gets one message in half an hour.
        pause = LOOK_EVERY if self.list_key == Conf.PREFIX else LOOK_AT_LEISURE
        connection.ensure_connection()
        look = connection.connection.execute  # the bare driver: two hundred looks a second
        end = time.monotonic() + Conf.POLL
        while time.monotonic() < end:
            version = look("PRAGMA data_version").fetchone()[0]
            if version != self._seen_version:
                self._seen_version = version
                if self._due():
                    return True
            time.sleep(pause)
        return self._due()

    def _wait_postgres(self) -> bool:
        if connection.connection is None or self._listening is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute("LISTEN whoosh_queue")
            self._listening = connection.connection
        if self._due():
            return True
        for _ in self._listening.notifies(timeout=max(Conf.POLL, 1.0), stop_after=1):
            pass
        return self._due()

    def _claim(self) -> list[tuple[int, str]]:
        now = timezone.now()
        adapt = connection.ops.adapt_datetimefield_value
        skip = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
        # Materialised, as in leases: the limit must hold whatever plan the database makes.
        statement = f"""
            WITH chosen AS MATERIALIZED (
                SELECT id FROM django_q_ormq
                WHERE (key IN (%s, %s) OR key LIKE %s) AND lock<=%s
                ORDER BY id LIMIT %s {skip})
            UPDATE django_q_ormq SET lock=%s, key=CASE WHEN key=%s THEN key ELSE %s END
            WHERE id IN (SELECT id FROM chosen)
            RETURNING id, payload"""  # noqa: S608  (no value is put in)
        shared, mine = self.list_key, here(self.list_key)
        chosen = [shared, mine, f"{shared}=%", adapt(now), Conf.BULK]
        again = adapt(now + timedelta(seconds=Conf.RETRY))
        with connection.cursor() as cursor:
            cursor.execute(statement, [*chosen, again, mine, held(shared)])
            rows = cursor.fetchall()
        self._seen_version = None  # our own commit does not move data_version; look again at once
        return sorted(rows)
