"""Data tables: made and changed by people, read and written by the runs of their team."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from agents import services as agents
from whoosh_site.core import audit, tunables
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand
from workflows.engine.errors import NodeError
from workflows.engine.tables import OWN, Columns, Filter, Values, checked, vet_columns
from workflows.engine.values import dumps
from workflows.live import tell_table
from workflows.models import DataTable, DataTableRow
from workflows.n8n.reading import shortened

AT_ONCE = 500
LONGEST_NAME = 128

tunables.declare(
    tunables.Tunable(
        "data_table_rows",
        100_000,
        "Rows of a data table",
        "How many rows one data table may have.",
        1,
        10_000_000,
    ),
    tunables.Tunable(
        "data_table_megabytes",
        50,
        "Size of the data tables of a team",
        "What the rows of all data tables of one team may take together.",
        1,
        100_000,
        "MB",
    ),
)


# -- by people -----------------------------------------------------------------------------------


@transaction.atomic
def create_data_table(
    name: str, columns: Columns, *, by: Actor, team: Team | None = None
) -> DataTable:
    """Make a table with these columns (type by name).

    Raises:
        Forbidden: the caller may not make tables of the team.
        BadInput: names the field or the column.
        Conflict: there is one of this name.
    """
    team = team or agents.team_for(agents.Wish(()), by)
    demand(by, "data_table.change", [team.pk])
    _vetted(columns)
    made = DataTable(
        team=team, name=_named(name), columns=list(columns.items()), created_by=by.user
    )
    _saved(made, force_insert=True)
    audit.record(by, "created", made, {"columns": dict(columns)})
    tell_table(made)
    return made


@transaction.atomic
def change_data_table(
    table: DataTable,
    *,
    by: Actor,
    name: str | None = None,
    add: Columns | None = None,
    drop: Iterable[str] = (),
) -> None:
    """Rename it, add columns, and drop others with all that stands in them.

    Raises:
        Forbidden, BadInput, Conflict: as `create_data_table`.
    """
    demand(by, "data_table.change", [table.team_id])
    row = DataTable.objects.select_for_update().get(pk=table.pk)
    types, gone = row.types, list(drop)
    for column in gone:
        if column not in types:
            raise BadInput(f"drop: the table has no column {column!r}.")
        del types[column]
    for column in add or {}:
        if column in types:
            raise Conflict(f"{column}: the table has this column.")
    types |= add or {}
    _vetted(types)
    row.name = row.name if name is None else _named(name)
    row.columns = list(types.items())
    _saved(row)
    if gone:
        for one in row.rows.iterator(AT_ONCE):
            _kept(row, one, {k: v for k, v in one.values.items() if k not in gone})
        row.save(update_fields=["bytes"])
    audit.record(by, "changed", row, {"name": row.name, "columns": types})
    tell_table(row)
    table.refresh_from_db()


@transaction.atomic
def delete_data_table(table: DataTable, *, by: Actor) -> None:
    """Delete it with its rows."""
    demand(by, "data_table.delete", [table.team_id])
    audit.record(by, "deleted", table, {"rows": table.rows_count})
    tell_table(table)
    table.delete()


def _vetted(columns: Columns) -> None:
    try:
        vet_columns(columns)
    except NodeError as error:
        raise BadInput(error.message) from error


def _named(name: str) -> str:
    found = shortened(name)
    if not found or len(found) > LONGEST_NAME:
        raise BadInput(f"name: give the table a name of at most {LONGEST_NAME} characters.")
    return found


def _saved(table: DataTable, **how: Any) -> None:
    table.updated_at = timezone.now()
    try:
        with transaction.atomic():
            table.save(**how)
    except IntegrityError:
        raise Conflict(f"name: the team has a data table {table.name!r}.") from None


# -- by runs -------------------------------------------------------------------------------------


class TeamTables:
    """`workflows.engine.tables.Tables` of one team, in the database."""

    def __init__(self, team: int) -> None:
        self.team = team

    async def insert(self, which: str, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Add rows, all or none."""
        return await sync_to_async(self._changed)(which, lambda table: _inserted(table, rows))

    async def find(
        self, which: str, wanted: Filter, *, most: int = 0, order: str = "", down: bool = False
    ) -> list[dict[str, Any]]:
        """Return rows."""
        return await sync_to_async(self._found)(which, wanted, most, order, down)

    async def update(
        self, which: str, wanted: Filter, values: Values, *, insert: bool = False
    ) -> list[dict[str, Any]]:
        """Change rows, or add one."""

        def change(table: DataTable) -> list[dict[str, Any]]:
            new = checked(table.types, values)
            rows = list(_meant(table, wanted))
            if not rows and insert:
                return _inserted(table, [new])
            for one in rows:
                _kept(table, one, one.values | new)
            return [one.told(table.types) for one in rows]

        return await sync_to_async(self._changed)(which, change)

    async def delete(self, which: str, wanted: Filter) -> list[dict[str, Any]]:
        """Delete rows."""

        def change(table: DataTable) -> list[dict[str, Any]]:
            rows = list(_meant(table, wanted))
            for first in range(0, len(rows), AT_ONCE):
                some = [one.pk for one in rows[first : first + AT_ONCE]]
                DataTableRow.objects.filter(pk__in=some).delete()
            table.rows_count -= len(rows)
            table.bytes -= sum(one.bytes for one in rows)
            return [one.told(table.types) for one in rows]

        return await sync_to_async(self._changed)(which, change)

    @transaction.atomic
    def _changed(
        self, which: str, change: Callable[[DataTable], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Do something to a table that nobody else changes meanwhile, within its limits."""
        table = self._table(which, lock=True)
        before = table.bytes
        told = change(table)
        if not told:
            return told
        most = tunables.value("data_table_rows")
        if table.rows_count > most:
            raise NodeError(
                f"The data table {table.name!r} would have {table.rows_count:,} rows; {most:,} are "
                "allowed.",
                description="Delete old rows, or ask an administrator to raise data_table_rows.",
            )
        table.updated_at = timezone.now()
        table.save(update_fields=["rows_count", "bytes", "last_number", "updated_at"])
        size = DataTable.objects.filter(team=self.team).aggregate(size=Sum("bytes"))["size"]
        megabytes = tunables.value("data_table_megabytes")
        if table.bytes > before and size > megabytes << 20:
            raise NodeError(
                f"The data tables of the team would take more than {megabytes} MB.",
                description="Delete rows, or ask an administrator to raise data_table_megabytes.",
            )
        tell_table(table)
        return told

    def _table(self, which: str, *, lock: bool = False) -> DataTable:
        rows = DataTable.objects.filter(team=self.team)
        rows = rows.select_for_update() if lock else rows
        found = rows.filter(ref=which).first() or rows.filter(name=which).first()
        if found is None:
            raise NodeError(
                f"The data table {which!r} is not there.",
                description="It is not in this workflow's team. Make it under Data tables, or "
                "choose another at the node.",
            )
        return found

    def _found(
        self, which: str, wanted: Filter, most: int, order: str, down: bool
    ) -> list[dict[str, Any]]:
        table = self._table(which)
        made = []
        for one in _meant(table, wanted):
            made.append(one.told(table.types))
            if most and len(made) == most and not order:
                break
        if order:
            if order not in (*table.types, *OWN):
                raise NodeError(f"The data table {table.name!r} has no column {order!r}.")
            held = [row for row in made if row[order] is not None]
            held.sort(key=lambda row: row[order], reverse=down)
            made = held + [row for row in made if row[order] is None]
        return made[:most] if most else made


def _meant(table: DataTable, wanted: Filter) -> Iterable[DataTableRow]:
    wanted = wanted.typed(table.types)
    rows = table.rows.order_by("number")
    exact = [c.value for c in wanted.conditions if (c.column, c.how) == ("id", "eq")]
    if exact and (wanted.all or len(wanted.conditions) == 1):
        rows = rows.filter(number=exact[0]) if exact[0] in range(2**31) else rows.none()
    for one in rows.iterator(AT_ONCE):
        if wanted.holds(one.told(table.types)):
            yield one


def _inserted(table: DataTable, rows: Sequence[Values]) -> list[dict[str, Any]]:
    now = timezone.now()
    made = []
    for values in rows:
        table.last_number += 1
        new = checked(table.types, values)
        made.append(
            DataTableRow(
                table=table,
                number=table.last_number,
                values=new,
                bytes=_size(new),
                created_at=now,
                updated_at=now,
            )  # fmt: skip
        )
    table.rows_count += len(made)
    table.bytes += sum(one.bytes for one in made)
    DataTableRow.objects.bulk_create(made, batch_size=AT_ONCE)
    return [one.told(table.types) for one in made]


def _kept(table: DataTable, row: DataTableRow, values: Mapping[str, Any]) -> None:
    """Write new values of a row; the table's size follows, not saved yet."""
    size = _size(values)
    table.bytes += size - row.bytes
    row.values, row.bytes, row.updated_at = dict(values), size, timezone.now()
    row.save(update_fields=["values", "bytes", "updated_at"])


def _size(values: Mapping[str, Any]) -> int:
    return len(dumps(values)) + 50


def rows_of(table: DataTable, first: int, most: int) -> list[dict[str, Any]]:
    """Return some rows by their order, for pages and API."""
    rows = table.rows.order_by("number")[first : first + most]
    return [one.told(table.types) for one in rows]
