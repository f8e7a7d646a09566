"""SQL over the inputs of a node: SQLite in memory, in a process of its own that is closed in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.values import dumps
from workflows.scripts.once import asked
from workflows.scripts.sql_worker import START

LIMIT = 10.0  # seconds
MEMORY = 256 << 20
LARGEST = 64 << 20
"""Bytes of the inputs."""


async def run_sql(
    query: str, tables: Mapping[str, Sequence[Mapping[str, Any]]], *, limit: float = LIMIT
) -> list[dict[str, Any]]:
    """Run one SELECT over tables of JSON objects; returns its rows as objects.

    `limit` is in seconds.

    Raises:
        ScriptTimeout: it took longer.
        NodeError: the query is wrong, does more than read, or wants too much.
    """
    rows = dumps({name: list(found) for name, found in tables.items()})
    if len(rows) > LARGEST:
        raise NodeError(
            f"The inputs are {len(rows):,} bytes as JSON; {LARGEST:,} can be queried at once."
        )
    head = json.dumps({"query": query, "limit": limit, "memory": MEMORY}).encode()
    order = head[:-1] + b',"tables":' + rows + b"}"
    answer = await asked(START, order, "The query", limit=limit)
    try:
        if "error" in answer:
            raise NodeError(f"SQL: {answer['error']}", description=str(answer.get("advice", "")))
        columns, found = answer["columns"], answer["rows"]
        return [_row(columns, values) for values in found]
    except (KeyError, TypeError, AttributeError):
        raise NodeError("The query's process gave an answer that cannot be read.") from None


def _row(columns: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return a row as an object; of columns with one name the last that is not null stays."""
    row: dict[str, Any] = {}
    for name, value in zip(columns, values, strict=True):
        if value is not None or name not in row:
            row[name] = value
    return row
