"""Numbers of rows that are written later: taken from the table's own sequence, a few at a time."""

import asyncio
import time
from collections import deque

from asgiref.sync import sync_to_async
from django.db import connection, models, transaction

AT_ONCE = 32
KEPT = 1.0
"""Seconds after which unused numbers are let go, so that newer rows have higher ones."""


_all: "list[Numbers]" = []


def forget_numbers() -> None:
    """Let go of every number that was not used: the tables they are for are others now."""
    for one in _all:
        one.forget()


class Numbers:
    """Gives ids of rows of one table that no other row will have."""

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model
        self._found: deque[int] = deque()
        self._taken_at = 0.0
        self._taking: asyncio.Future[None] | None = None
        _all.append(self)

    async def next(self) -> int:
        """Return one."""
        while not self._found or time.monotonic() - self._taken_at > KEPT:
            if self._taking is None or self._taking.done():
                self._taking = asyncio.ensure_future(self._take())
            await asyncio.shield(self._taking)
        return self._found.popleft()

    def forget(self) -> None:
        """Let go of all that were not used."""
        self._found.clear()

    async def _take(self) -> None:
        numbers = await sync_to_async(reserve)(self._model, AT_ONCE)
        self._found = deque(numbers)
        self._taken_at = time.monotonic()


def reserve(model: type[models.Model], count: int) -> list[int]:
    """Take so many ids out of a table's sequence."""
    table = model._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = (
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
            )
            cursor.execute(sequence, [connection.ops.quote_name(table), count])
            return sorted(number for (number,) in cursor.fetchall())
        change = "UPDATE sqlite_sequence SET seq = seq + %s WHERE name = %s RETURNING seq"
        cursor.execute(change, [count, table])
        row = cursor.fetchone()
        if row is None:  # no row was ever written
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, count]
            )
            row = (count,)
    return list(range(row[0] - count + 1, row[0] + 1))
