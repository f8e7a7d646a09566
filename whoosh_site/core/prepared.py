"""Queries that are asked many times a second: their statement is built once.

Building a statement from a queryset costs Django several times what a small SQLite or PostgreSQL
query costs. What is kept here is the compiler of one queryset, an inner part of Django: its rows
are those of `values_list`, with all conversions.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models

STAND_INS: dict[type, Any] = {
    datetime: datetime(1, 1, 3, tzinfo=UTC),
    int: -1_234_567_891,
    str: "\ue000 stands for a value",
}
"""What stands in a statement, while it is built, for values of a type."""


class Prepared:
    """A queryset of `values_list` with named places for values.

    `Prepared(lambda now: Call.objects.filter(due_at__lte=now).values_list("pk"), now=datetime)`;
    each type may be used for one place only.
    """

    def __init__(self, build: Callable[..., Any], **places: type) -> None:
        self._build = build
        self._places = places
        self._compiler: Any = None
        self._statement = ""
        self._parameters: list[Any] = []
        """A value, or the name of a place as a one-tuple."""

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return what the query finds now."""
        if self._compiler is None:
            self._prepare()
        given = [
            _stored(values[one[0]]) if isinstance(one, tuple) else one for one in self._parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._statement, given)
            found = cursor.fetchall()
        return list(self._compiler.results_iter([found], tuple_expected=True))

    def _prepare(self) -> None:
        stand_ins = {name: STAND_INS[kind] for name, kind in self._places.items()}
        query: models.sql.Query = self._build(**stand_ins).query
        compiler = query.get_compiler(connection=connection)
        self._statement, parameters = compiler.as_sql()
        names = {_stored(value): (name,) for name, value in stand_ins.items()}
        self._parameters = [names.get(one, one) for one in parameters]
        self._compiler = compiler


def _stored(value: Any) -> Any:
    is_moment = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_moment else value
