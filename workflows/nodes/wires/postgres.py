"""A PostgreSQL server: signing in at a checked address, and what the node asks of it."""

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.nodes.wires import rows
from workflows.nodes.wires.reaching import LONGEST, Place, Taken
from workflows.nodes.wires.statements import POSTGRES, Statement

_BIGINT, _NUMERIC = 20, 1700
_SEVERAL = "42601"
_KNOWN = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2"  # noqa: E501


class Session:
    """One run of the node."""

    def __init__(self, context: Context, place: Place) -> None:
        self.context = context
        self.place = place
        self.options = context.value("options", 0, {}) or {}
        self.taken = Taken(context)
        self.columns: dict[tuple[str, str], dict[str, str]] = {}

    async def items(self) -> Items:
        """Do what each item asks for: together, or each by itself."""
        import psycopg  # heavy

        alone = self.options.get("queryBatching", rows.SINGLE) == rows.ALONE
        try:
            async with asyncio.timeout(LONGEST), self._connected(alone) as connection:
                return await self._all(connection, alone)
        except TimeoutError as error:
            raise self.place.silent() from error
        except psycopg.Error as error:
            raise self._failure(error) from error

    async def _all(self, connection: Any, alone: bool) -> Items:
        made: Items = []
        for index, one in self.context.each():
            try:
                made += await self._item(connection, index, one)
            except NodeError as error:
                if not self.context.goes_on:
                    raise self.context.blamed(error, index) from None
                failed = self.context.failed(error, index)
                if not alone:  # nothing of the others holds
                    await connection.rollback()
                    return [failed]
                made.append(failed)
        return made

    @asynccontextmanager
    async def _connected(self, alone: bool) -> AsyncIterator[Any]:
        import psycopg  # heavy

        place = self.place
        seconds = rows.count(self.options.get("connectionTimeout", 30), "Connection Timeout")
        addresses = await place.context.outside.addresses(place.host, place.port)
        connection = await psycopg.AsyncConnection.connect(
            host=",".join([place.host] * len(addresses)), hostaddr=",".join(addresses),
            port=place.port, user=place.text("user"), password=place.text("password") or None,
            dbname=place.text("database") or "postgres",
            sslmode=place.text("ssl") or "disable", connect_timeout=max(2, min(seconds, 60)),
            application_name="whoosh", autocommit=alone, prepare_threshold=None,
            # Nothing of the account this process runs under signs in with it.
            passfile="/dev/null", sslcertmode="disable", gssencmode="disable",
        )  # fmt: skip
        try:
            async with connection:
                yield connection
        finally:
            await connection.close()

    def _failure(self, error: Any) -> NodeError:
        told = error.diag.message_primary
        if told is None:
            return self.place.failed(error)
        more = [text for text in (error.diag.message_detail, error.diag.message_hint) if text]
        return NodeError(f"{self.place}: {told}", description=" ".join(more))

    # -- one item ------------------------------------------------------------------------------

    async def _item(self, connection: Any, index: int, one: Item) -> Items:
        import psycopg  # heavy

        try:
            made = await self._statement(connection, index, one)
            found = await self._run(connection, made)
        except psycopg.Error as error:
            raise self._failure(error) from error
        if found is None:
            found = [{"success": True}]
        return [{"json": row, "pairedItem": {"item": index}} for row in found]

    async def _statement(self, connection: Any, index: int, one: Item) -> Statement:
        operation = str(self.context.value("operation", index))
        if operation not in rows.OPERATIONS:
            raise NodeError(f"Operation: there is no {operation!r}.")
        if operation == "executeQuery":
            return await rows.written(self.context, index, POSTGRES)
        schema = str(self.context.value("schema", index) or "public")
        table = str(self.context.value("table", index) or "")
        name = f"{POSTGRES.name(schema, 'Schema')}.{POSTGRES.name(table, 'Table')}"
        if operation not in rows.WRITES:
            return rows.asked(self.context, index, POSTGRES, name)
        row = rows.row(self.context, index, one, operation)
        known = await self._known(connection, schema, table)
        if missing := [column for column in row.values if column not in known]:
            raise NodeError(f"Columns: the table {schema}.{table} has no column {missing[0]!r}.")
        values = {column: _fitting(value, known[column]) for column, value in row.values.items()}
        made = _write(operation, name, rows.Row(values, row.matching), self.options)
        return rows.outputs(made.sql(" RETURNING "), self.options)

    async def _known(self, connection: Any, schema: str, table: str) -> dict[str, str]:
        found = self.columns.get((schema, table))
        if found is None:
            asking = Statement(POSTGRES, _KNOWN, [schema, table])
            told = await self._run(connection, asking) or []
            found = {row["column_name"]: row["data_type"] for row in told}
            if not found:
                raise NodeError(f"Table: there is no {schema}.{table} this user may see.")
            self.columns[schema, table] = found
        return found

    async def _run(self, connection: Any, made: Statement) -> list[dict[str, Any]] | None:
        """Return the rows a statement gives; None for one that gives none at all."""
        import psycopg  # heavy

        values = [_sent(value) for value in made.values]
        found: list[dict[str, Any]] = []
        several = False
        async with psycopg.AsyncRawCursor(connection) as cursor:
            try:
                async for row in cursor.stream(made.text, values):
                    found.append(self._row(cursor, row))  # noqa: PERF401 - what came stays where it breaks off
            except psycopg.ProgrammingError as error:
                if error.sqlstate is None and not found:
                    return None  # a command
                several = error.sqlstate == _SEVERAL and "multiple commands" in str(error)
                if not several or values:
                    raise
        return await self._several(connection, made.text) if several else found

    async def _several(self, connection: Any, text: str) -> list[dict[str, Any]] | None:
        """Return the rows of several statements at once, which take no values."""
        import psycopg  # heavy

        if not connection.autocommit:
            await connection.rollback()  # the server read nothing of it yet
        found, gave = [], False
        async with psycopg.AsyncRawCursor(connection) as cursor:
            await cursor.execute(text)
            while True:
                if cursor.description is not None:
                    gave = True
                    found += [self._row(cursor, row) for row in await cursor.fetchall()]
                if not cursor.nextset():
                    return found if gave else None

    def _row(self, cursor: Any, row: tuple[Any, ...]) -> dict[str, Any]:
        numbers = self.options.get("largeNumbersOutput") == "numbers"
        made = {}
        for column, value in zip(cursor.description, row, strict=True):
            large = column.type_code in (_BIGINT, _NUMERIC)
            made[column.name] = _large(value, numbers) if large else plain(value)
        self.taken.add(*made.values())
        return made


def _write(operation: str, table: str, row: rows.Row, options: Any) -> Statement:
    made = Statement(POSTGRES)
    if operation == "update":
        made.sql(f"UPDATE {table} SET ")  # noqa: S608 - a quoted name
        for place, name in enumerate(row.others):
            made.sql(", " if place else "").name(name).sql(" = ").value(row.values[name])
        for place, name in enumerate(row.matching):
            made.sql(" AND " if place else " WHERE ").name(name).sql(" = ").value(row.values[name])
        return made
    made.sql(f"INSERT INTO {table} (").names(row.values).sql(") VALUES (")
    made.listed(list(row.values.values())).sql(")")
    if operation == "insert":
        return made.sql(" ON CONFLICT DO NOTHING" if options.get("skipOnConflict") else "")
    made.sql(" ON CONFLICT (").names(row.matching).sql(")")
    if not row.others:
        return made.sql(" DO NOTHING")
    made.sql(" DO UPDATE SET ")
    for place, name in enumerate(row.others):
        made.sql(", " if place else "").name(name).sql(" = EXCLUDED.").name(name)
    return made


def _fitting(value: Any, kind: str) -> Any:
    """Return a value for a column: lists are arrays, save where the column holds JSON."""
    json_column = kind in ("json", "jsonb")
    return json.dumps(value) if json_column and not isinstance(value, str | None) else value


def _sent(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return [_sent(one) for one in value]
    return value


def _large(value: Any, numbers: bool) -> Any:
    if value is None or not numbers:
        return None if value is None else str(value)
    return int(value) if value == int(value) else float(value)


def plain(value: Any) -> Any:
    """Return a value of a database as JSON has it: moments as ISO text, bytes as hexadecimal."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return f"{value.isoformat(timespec='milliseconds')}Z"
    if isinstance(value, datetime.date):
        return f"{value.isoformat()}T00:00:00.000Z"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    return str(value)
