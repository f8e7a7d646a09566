"""Data tables as nodes see them: columns with types, checked values, and filters on rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from workflows.engine.errors import NodeError

TYPES = ("string", "number", "boolean", "date")
OWN = ("id", "createdAt", "updatedAt")
"""Columns every table has by itself."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
MOST_COLUMNS = 100

Values = Mapping[str, Any]
Columns = Mapping[str, str]
"""Type by name, in their order."""


def vet_columns(columns: Columns) -> None:
    """Raise NodeError, naming the column, where a table cannot have these."""
    if len(columns) > MOST_COLUMNS:
        raise NodeError(f"columns: at most {MOST_COLUMNS}; these are {len(columns)}.")
    for name, kind in columns.items():
        if not NAME.fullmatch(name):
            raise NodeError(
                f"{name}: a column's name begins with a letter and has up to 63 letters, digits "
                "and _."
            )
        if name.lower() in [one.lower() for one in OWN]:
            raise NodeError(f"{name}: every table has this column by itself.")
        if kind not in TYPES:
            raise NodeError(f"{name}: the type {kind!r} is none of {', '.join(TYPES)}.")
    if len({name.lower() for name in columns}) < len(columns):
        raise NodeError("columns: two of them differ in capital letters only.")


def checked(columns: Columns, values: Values) -> dict[str, Any]:
    """Return values in the types of their columns; raises NodeError naming the column."""
    made = {}
    for name, value in values.items():
        if name not in columns:
            known = ", ".join(columns) or "none yet"
            raise NodeError(
                f"The table has no column {name!r}.", description=f"Its columns: {known}."
            )
        made[name] = None if value is None else _READ[columns[name]](name, value)
    return made


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _wrong(name, "a text", value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        found = float(value) if isinstance(value, str) and value.strip() else None
    except ValueError:
        found = None
    if found is None or found != found or found in (float("inf"), float("-inf")):
        raise _wrong(name, "a number", value)
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _flag(name: str, value: Any) -> bool:
    found = {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())
    if found is None or isinstance(value, Mapping | list):
        raise _wrong(name, "true or false", value)
    return found


def _date(name: str, value: Any) -> str:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise _wrong(name, "a date such as 2026-03-01T12:00:00Z", value) from None
    return stamp(found if found.tzinfo else found.replace(tzinfo=UTC))


def stamp(moment: datetime) -> str:
    """Return a moment as rows hold it: ISO text in UTC with milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _wrong(name: str, wanted: str, value: Any) -> NodeError:
    return NodeError(f"The column {name!r} holds {wanted}; {str(repr(value))[:80]} is none.")


_READ: dict[str, Callable[[str, Any], Any]] = {
    "string": _text, "number": _number, "boolean": _flag, "date": _date,
}  # fmt: skip


# -- which rows ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Condition:
    """One condition on a column. Nothing equals nothing, and is neither more nor less."""

    column: str
    how: str
    value: Any = None

    def holds(self, row: Values) -> bool:
        """Whether a row fulfils it."""
        found = row.get(self.column)
        if self.how in _ALONE:
            return _ALONE[self.how](found)
        if found is None or self.value is None:
            same = found is self.value
            return {"eq": same, "neq": not same}.get(self.how, False)
        return _COMPARED[self.how](found, self.value)


def _like(found: Any, pattern: Any, flags: int = 0) -> bool:
    parts = (re.escape(part) for part in re.split(r"%+", str(pattern)))
    return re.fullmatch(".*".join(parts), str(found), flags | re.DOTALL) is not None


_ALONE: dict[str, Callable[[Any], bool]] = {
    "isEmpty": lambda found: found is None,
    "isNotEmpty": lambda found: found is not None,
    "isTrue": lambda found: found is True,
    "isFalse": lambda found: found is False,
}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, value: bool(found == value),
    "neq": lambda found, value: bool(found != value),
    "gt": lambda found, value: bool(found > value),
    "gte": lambda found, value: bool(found >= value),
    "lt": lambda found, value: bool(found < value),
    "lte": lambda found, value: bool(found <= value),
    "like": _like,
    "ilike": lambda found, value: _like(found, value, re.IGNORECASE),
}
CONDITIONS = (*_COMPARED, *_ALONE)


@dataclass(frozen=True)
class Filter:
    """Conditions, all of which or any of which must hold. None at all: every row."""

    conditions: Sequence[Condition] = ()
    all: bool = False

    def holds(self, row: Values) -> bool:
        """Whether a row is meant."""
        if not self.conditions:
            return True
        return (all if self.all else any)(one.holds(row) for one in self.conditions)

    def typed(self, columns: Columns) -> "Filter":
        """Return it with values in the types of their columns; raises NodeError naming one."""
        known = {**columns, "id": "number", "createdAt": "date", "updatedAt": "date"}
        made = []
        for one in self.conditions:
            if one.how not in CONDITIONS:
                raise NodeError(f"There is no condition {one.how!r}: {', '.join(CONDITIONS)}.")
            if one.how in ("like", "ilike") or one.how in _ALONE:
                checked(known, {one.column: None})
                made.append(one)
            else:
                value = checked(known, {one.column: one.value})[one.column]
                made.append(Condition(one.column, one.how, value))
        return Filter(made, self.all)


class Tables(Protocol):
    """The data tables of a run's team. A table is named by its id or its name.

    Rows are objects with `id`, `createdAt`, `updatedAt` and the columns. Every verb raises
    NodeError where the table is not there, a value fits no column, or there is no room.
    """

    async def insert(self, which: str, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Add rows, all or none; returns them."""
        ...

    async def find(
        self, which: str, wanted: Filter, *, most: int = 0, order: str = "", down: bool = False
    ) -> list[dict[str, Any]]:
        """Return rows, the oldest first unless an order is given; at most so many (0: all)."""
        ...

    async def update(
        self, which: str, wanted: Filter, values: Values, *, insert: bool = False
    ) -> list[dict[str, Any]]:
        """Change rows; with `insert`, add one where none is meant. Returns them."""
        ...

    async def delete(self, which: str, wanted: Filter) -> list[dict[str, Any]]:
        """Delete rows; returns them as they were."""
        ...


class NoTables:
    """A run that belongs to no team has no tables."""

    async def _refused(self, which: str, *args: Any, **how: Any) -> list[dict[str, Any]]:
        raise NodeError(
            f"The data table {which!r} cannot be used: this run belongs to no team.",
            description="Import the workflow and run it on its page, or by run_workflow --save.",
        )

    insert = find = update = delete = _refused
