"""What waits: the first call of each kind of need, how many there are, and what they are told.

A queue of any length is looked at through its indexes, kind by kind; its length, which only
estimates need, is counted anew at every pass while it is short and once a second when it is long.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Count, Min
from django.db.models.expressions import RawSQL
from django.utils import timezone

from agents.models import Call
from whoosh_site.core import leases, live
from whoosh_site.core.prepared import Prepared

AT_ONCE = 50
"""How many calls one transaction places: others write meanwhile."""
KINDS = 500
"""How many kinds of need one pass looks at."""
SHORT = 500
"""Waiting calls that are counted at every pass."""
COUNT_AGAIN = 1.0
TOLD = 100
"""How many waiting calls are told of a new reason one by one; lists hear of all."""
PLACED_BY = tuple(f.attname for f in Call._meta.concrete_fields if f.name not in Call.HEARD)
"""The columns that are read of a call to be placed."""
TELL_AGAIN = 0.001
"""Seconds, for each call of a kind, until all of them are told of another reason."""


_counted = Prepared(
    lambda now: (
        Call.objects.filter(state=leases.QUEUED, due_at__lte=now)
        .order_by()
        .values_list("need_key", "wanted_model", "wanted_agent")
        .annotate(n=Count("pk"), turn=Min("turn_at"))
    ),
    now=datetime,
)


@dataclass
class Waiting:
    """How many calls wait."""

    kinds: dict[str, int] = field(default_factory=dict)
    """By kind of need."""
    models: dict[tuple[str, str], int] = field(default_factory=dict)
    """By the model and the agent they ask for; no agent is empty."""
    turns: dict[tuple[str, str], float] = field(default_factory=dict, compare=False)
    """By the same: place in the queue of the first of them."""

    def at(self, agent: str) -> list[tuple[str, int, float]]:
        """Return the models asked for that an agent may serve: how many calls, the first turn."""
        mine = [wanted for wanted in self.models if wanted[1] in ("", agent)]
        return [(wanted[0], self.models[wanted], self.turns.get(wanted, 0.0)) for wanted in mine]


def count() -> Waiting:
    """Count what waits now."""
    found = Waiting()
    for key, model, agent, number, first in _counted.rows(now=timezone.now()):
        found.kinds[key] = found.kinds.get(key, 0) + number
        if model:
            wanted, turn = (model, agent), first.timestamp()
            found.models[wanted] = found.models.get(wanted, 0) + number
            found.turns[wanted] = min(found.turns.get(wanted, turn), turn)
    return found


class Counter:
    """Counts what waits, a long queue only now and then."""

    def __init__(self) -> None:
        self._last = Waiting()
        self._counted_at = 0.0

    def count(self) -> Waiting:
        """Return how many calls wait, about."""
        long = sum(self._last.kinds.values()) > SHORT
        if not long or time.monotonic() > self._counted_at + COUNT_AGAIN:
            self._last, self._counted_at = count(), time.monotonic()
        return self._last


def first_of_each_kind() -> list[Call]:
    """Return the call of each kind of need whose turn it is, in the order of their turns."""
    return [_call(row) for row in _first.rows(now=timezone.now())]


def _call(row: tuple[Any, ...]) -> Call:
    return Call.from_db(connection.alias, PLACED_BY, row)


def _first_calls(now: datetime) -> Any:
    table = connection.ops.quote_name(Call._meta.db_table)
    due = "state=%s AND due_at<=%s"
    # From key to key by the index: a plain DISTINCT would read the whole queue.
    statement = f"""
        WITH RECURSIVE kind(need_key) AS (
            SELECT (SELECT need_key FROM {table} WHERE {due} ORDER BY need_key LIMIT 1)
            UNION ALL
            SELECT (SELECT need_key FROM {table} WHERE {due} AND need_key > kind.need_key
                    ORDER BY need_key LIMIT 1)
            FROM kind WHERE kind.need_key IS NOT NULL)
        SELECT (SELECT id FROM {table} WHERE {due} AND need_key = kind.need_key
                ORDER BY turn_at, id LIMIT 1)
        FROM kind WHERE kind.need_key IS NOT NULL"""  # noqa: S608  (only the table's own name)
    moment = connection.ops.adapt_datetimefield_value(now)
    first = RawSQL(statement, [leases.QUEUED, moment] * 3)  # noqa: S611  (values are parameters)
    calls = Call.objects.filter(pk__in=first).order_by("turn_at", "pk")
    return calls.values_list(*PLACED_BY)[:KINDS]


_first = Prepared(_first_calls, now=datetime)


@cache
def _alike(number: int) -> Prepared:
    """Return the question for the first calls of a kind."""
    due = Call.objects.filter(state=leases.QUEUED).order_by("turn_at", "pk")
    return Prepared(
        lambda key, now: due.filter(need_key=key, due_at__lte=now).values_list(*PLACED_BY)[:number],
        key=str,
        now=datetime,
    )


class Line:
    """The calls of one kind of need in the order of their turn; read when they are needed."""

    def __init__(self, first: Call, most: int) -> None:
        """Begin with the first; once `most` are taken, no more are read."""
        self._key = first.need_key
        self._most = most
        self._rows = [first]
        self._taken: list[int] = []

    def take(self) -> Call:
        """Take the call whose turn it is."""
        call = self._rows.pop(0)
        self._taken.append(call.pk)
        return call

    def next_turn(self) -> datetime | None:
        """Return when the next one came."""
        if not self._rows and len(self._taken) < self._most:
            self._rows = self._more()
        return self._rows[0].turn_at if self._rows else None

    def _more(self) -> list[Call]:
        """Read a few at first: what is not placed is read in vain."""
        number = min(5 * len(self._taken), AT_ONCE)
        found = map(_call, _alike(number).rows(key=self._key, now=timezone.now()))
        return [call for call in found if call.pk not in self._taken]


class Teller:
    """Writes at waiting calls what they wait for, where that is news."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}

    def tell(self, call: Call, reason: str, waiting: Waiting) -> None:
        """Tell a call and all of its kind. Very many are not told of every change at once."""
        alike = Call.objects.due().filter(need_key=call.need_key)
        newest = alike.order_by("-turn_at", "-pk").values_list("trouble", flat=True).first()
        now = time.monotonic()
        if newest is None or {call.trouble, newest} == {reason}:
            return
        if now < self._not_before.get(call.need_key, 0.0):
            return
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        if (number := waiting.kinds.get(call.need_key, 0)) > TOLD:
            self._not_before[call.need_key] = now + TELL_AGAIN * number
        news = alike.exclude(trouble=reason)
        pks: Sequence[int] = list(news.values_list("pk", flat=True)[:TOLD])
        if news.update(trouble=reason):
            live.announce("calls", *(f"call:{pk}" for pk in pks), teams=[call.team_id])
