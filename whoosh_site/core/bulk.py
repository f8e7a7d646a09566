"""Conditional updates of many rows, without building the same statement for each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

Change = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What must stand in a row, and what is written there."""


def update_each(model: type[models.Model], changes: Sequence[Change]) -> list[bool]:
    """Write each change to the one row that fits it; say of each whether there was one.

    All changes name the same fields: `{"pk": 7, "state": "queued"}, {"state": "running"}`.
    """
    if not changes:
        return []
    conditions, values = ([_field(model, name) for name in part] for part in changes[0])
    quote = connection.ops.quote_name
    settings = ", ".join(f"{quote(field.column)} = %s" for field in values)
    tests = " AND ".join(f"{quote(field.column)} = %s" for field in conditions)
    table = quote(model._meta.db_table)
    statement = f"UPDATE {table} SET {settings} WHERE {tests}"  # noqa: S608  (names of columns)
    found = []
    with connection.cursor() as cursor:
        for where, news in changes:
            written = [_stored(field, news) for field in values]
            cursor.execute(statement, [*written, *(_stored(field, where) for field in conditions)])
            found.append(cursor.rowcount == 1)
    return found


AT_MOST = 900
"""Values of one statement: older SQLites take 999."""


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same fields; what they do not name gets its default."""
    if not rows:
        return
    blank = model()
    fields = [
        one for one in model._meta.concrete_fields if one.name in rows[0] or not one.primary_key
    ]
    standing = {
        one: one.get_db_prep_save(one.pre_save(blank, True), connection)
        for one in fields
        if one.name not in rows[0]
    }
    quote = connection.ops.quote_name
    names = ", ".join(quote(one.column) for one in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    start = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES "  # noqa: S608
    at_once = max(1, AT_MOST // len(fields))
    with connection.cursor() as cursor:
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            values = [
                standing[one] if one in standing else _stored(one, row)
                for row in some
                for one in fields
            ]
            cursor.execute(start + ", ".join([places] * len(some)), values)


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _stored(field: Any, values: Mapping[str, Any]) -> Any:
    value = values["pk"] if field.primary_key and "pk" in values else values[field.name]
    return field.get_db_prep_save(getattr(value, "pk", value), connection)
