"""The process that answers one SQL query: tables in memory, closed in, only reading allowed.

1. The tables are made of the JSON objects it was given, and the process closes itself in.
2. From then on SQLite's authorizer lets through nothing but reading; a clock stops what is endless.
3. Values come back as JSON has them: true and false, objects, lists.
"""

import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workflows.scripts.confine import confine
from workflows.scripts.worker import watch

Rows = Sequence[Mapping[str, Any]]

READS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
}  # fmt: skip
REFUSED = {"load_extension", "fts3_tokenizer"}
NOTHING = "(nothing)"
"""The column of a table that has no other: SQLite knows no table without one."""
BOOLEAN = "BOOLBLOB"
"""What columns of true and false are declared as; BLOB in the name keeps SQLite from converting."""
MOST_COLUMNS, LONGEST_VALUE, LONGEST_QUERY, STEPS = 2000, 16 << 20, 100_000, 10_000
_NO_COLUMN = re.compile(r"no such column: (?:.*\.)?(.+)")


class Refused(Exception):
    """The query cannot be answered; says why, and what to do."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class Tables:
    """The inputs as tables of a database in memory."""

    def __init__(self, given: Mapping[str, Rows]) -> None:
        self.database = sqlite3.connect(
            ":memory:", detect_types=sqlite3.PARSE_DECLTYPES, isolation_level=None
        )
        self.database.execute("PRAGMA temp_store=MEMORY")
        self.database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        self.database.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_QUERY)
        self.database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self.like_json: set[str] = set()  # texts that look like JSON and are not
        self.empty = [name for name, rows in given.items() if not any(rows)]
        for name, rows in given.items():
            self._fill(name, rows)

    def _fill(self, table: str, rows: Rows) -> None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        _check(table, columns)
        made = ", ".join(f"{quoted(name)} {_kind(rows, name)}" for name in columns)
        self.database.execute(f"CREATE TABLE {quoted(table)} ({made or quoted(NOTHING)})")
        places = ", ".join("?" * max(len(columns), 1))
        self.database.executemany(
            f"INSERT INTO {quoted(table)} VALUES ({places})",  # noqa: S608  (names are quoted)
            ([self._stored(row.get(name)) for name in columns or [NOTHING]] for row in rows),
        )

    def _stored(self, value: Any) -> Any:
        """Return a value as SQLite holds it; objects and lists as JSON text."""
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return float(value)
        if isinstance(value, str) and value[:1] in ("{", "["):
            self.like_json.add(value)
        return value

    def rows(self, query: str) -> tuple[list[str], list[list[Any]]]:
        """Return the columns and rows of a SELECT."""
        cursor = self._executed(query)
        if cursor.description is None:
            raise Refused("the query gives no rows.", "Write one SELECT.")
        names = [one[0] for one in cursor.description]
        places = [n for n, name in enumerate(names) if name != NOTHING]
        return [names[n] for n in places], [
            [self._given_back(row[n]) for n in places] for row in cursor
        ]

    def _executed(self, query: str) -> sqlite3.Cursor:
        for _ in range(MOST_COLUMNS):
            try:
                return self.database.execute(query)
            except sqlite3.OperationalError as error:
                missing = _NO_COLUMN.fullmatch(str(error))
                if missing is None or not self._add(missing[1]):
                    raise
        raise Refused(f"it names more than {MOST_COLUMNS} columns that are not there.")

    def _add(self, column: str) -> bool:
        """Give a column the query asks for to the tables without items; False if none lacks it."""
        self.database.set_authorizer(None)
        added = False
        for table in self.empty:
            known = self.database.execute(f"PRAGMA table_info({quoted(table)})")
            if column.lower() not in [row[1].lower() for row in known]:
                self.database.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(column)}")
                added = True
        self.database.set_authorizer(reads_only)
        return added

    def _given_back(self, value: Any) -> Any:
        """Return a value of a result as JSON has it: texts that are objects or lists are those."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
            return None
        if isinstance(value, str) and value[:1] in ("{", "[") and value not in self.like_json:
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                return value
        return value


def _check(table: str, columns: Sequence[str]) -> None:
    if len(columns) > MOST_COLUMNS - 1:
        raise Refused(f"{table} has {len(columns)} fields; {MOST_COLUMNS - 1} can be columns.")
    known: dict[str, str] = {}
    for name in columns:
        if "\0" in name:
            raise Refused(f"a field of {table} cannot be a column: its name holds a zero byte.")
        if (other := known.setdefault(name.lower(), name)) != name:
            raise Refused(
                f"{table} has the fields {other!r} and {name!r}, which are one column in SQL.",
                "Rename one of them before (Rename Keys, Edit Fields).",
            )


def _kind(rows: Rows, name: str) -> str:
    values = [row[name] for row in rows if row.get(name) is not None]
    return BOOLEAN if values and all(isinstance(one, bool) for one in values) else ""


def quoted(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def reads_only(action: int, first: str | None, second: str | None, *_: Any) -> int:
    """SQLite's authorizer: reading, and functions that only compute."""
    if action not in READS or (action == sqlite3.SQLITE_FUNCTION and second in REFUSED):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def answer(order: Mapping[str, Any], memory: int = 0) -> dict[str, Any]:
    """Answer an order; with `memory` the process is closed in first."""
    if not str(order["query"]).strip():
        return {"error": "there is no query.", "advice": "Write one, such as SELECT * FROM input1."}
    try:
        tables = Tables(order["tables"])
        if memory:
            confine(memory)
        tables.database.set_authorizer(reads_only)
        until = time.monotonic() + order["limit"]
        tables.database.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        columns, rows = tables.rows(order["query"])
    except Refused as refused:
        return {"error": str(refused), "advice": refused.advice}
    except MemoryError:
        return {"error": f"the query wants more than {memory >> 20} MB."}
    except (sqlite3.Error, sqlite3.Warning) as error:
        return _told(error, order["limit"])
    return {"columns": columns, "rows": rows}


def _told(error: Exception, limit: float) -> dict[str, Any]:
    words = str(error)
    if words in ("not authorized", "authorization denied"):
        words = "refused"
    known = {
        "refused": ("only SELECT is allowed.", "Write one SELECT; it changes nothing."),
        "interrupted": (f"the query took longer than {limit:g} s.", "Join on fields that match."),
        "You can only execute one statement at a time.": (
            "there is more than one statement.", "Write one SELECT.",
        ),
    }  # fmt: skip
    message, advice = known.get(words, (f"{words}.", "The dialect is SQLite's, not AlaSQL's."))
    return {"error": message, "advice": advice}


def main(parent: str) -> None:
    """Entry point of `python -c`."""
    watch(int(parent))
    order = json.load(sys.stdin)
    sqlite3.register_converter(BOOLEAN, lambda value: value == b"1")
    print(json.dumps(answer(order, order["memory"])), flush=True)  # noqa: T201
    os._exit(0)  # nothing can be tidied up from in here


START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from workflows.scripts.sql_worker import main; main(sys.argv[2])"
)
