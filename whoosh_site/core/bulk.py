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


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _stored(field: Any, values: Mapping[str, Any]) -> Any:
    value = values["pk"] if field.primary_key and "pk" in values else values[field.name]
    return field.get_db_prep_save(getattr(value, "pk", value), connection)
