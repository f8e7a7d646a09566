"""Data Table: rows that stay from run to run."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    flag,
    group,
    groups,
    number,
    text,
)
from workflows.engine.tables import CONDITIONS, OWN, Condition, Filter
from workflows.engine.values import UNDEFINED, plain
from workflows.nodes import shelf

OPERATIONS = {
    "deleteRows": "Delete",
    "get": "Get",
    "rowExists": "If Row Exists",
    "rowNotExists": "If Row Does Not Exist",
    "insert": "Insert",
    "update": "Update",
    "upsert": "Upsert",
}
WORDS = {
    "eq": "Equals", "neq": "Not Equals", "gt": "Greater Than", "gte": "Greater Than or Equal",
    "lt": "Less Than", "lte": "Less Than or Equal", "like": "Contains (Case-Sensitive)",
    "ilike": "Contains (Case-Insensitive)", "isEmpty": "Is Empty", "isNotEmpty": "Is Not Empty",
    "isTrue": "Is True", "isFalse": "Is False",
}  # fmt: skip
FILTERED = ("deleteRows", "get", "rowExists", "rowNotExists", "update", "upsert")
NEEDS_CONDITIONS = ("deleteRows", "rowExists", "rowNotExists", "update", "upsert")

FIELDS = (
    choice("resource", "Resource", {"row": "Row"}, "row"),
    choice("operation", "Operation", OPERATIONS, "insert"),
    Field("dataTableId", "Data Table", "locator", "", required=True),
    choice(
        "matchType", "Must Match", {"anyCondition": "Any Condition", "allConditions":
        "All Conditions"}, "anyCondition", when={"operation": FILTERED},
    ),
    groups(
        "filters", "Conditions",
        group(
            "conditions", "Condition",
            text("keyName", "Column"),
            choice("condition", "Condition", {one: WORDS[one] for one in CONDITIONS}, "eq"),
            text("keyValue", "Value", hint="With % for any text where it must contain it"),
        ),
        when={"operation": FILTERED},
    ),
    Field(
        "columns", "Columns", "mapper", {"mappingMode": "defineBelow", "value": None},
        when={"operation": ["insert", "update", "upsert"]},
    ),
    flag("returnAll", "Return All", when={"operation": ["get"]}),
    number("limit", "Limit", 50, when={"operation": ["get"], "returnAll": [False]}),
    flag("orderBy", "Order By", when={"operation": ["get"]}),
    text(
        "orderByColumn", "Order By Column", "createdAt",
        when={"operation": ["get"], "orderBy": [True]},
    ),
    choice(
        "orderByDirection", "Order By Direction", {"ASC": "Ascending", "DESC": "Descending"},
        "DESC", when={"operation": ["get"], "orderBy": [True]},
    ),
    collection(
        "options", "Options",
        flag("optimizeBulk", "Optimize Bulk", hint="Gives how many were inserted, no rows"),
        flag("dryRun", "Dry Run"),
    ),
)  # fmt: skip


@shelf.add
class DataTable(Node):
    """Keep rows in a data table of the team, and find them again."""

    key = "n8n-nodes-base.dataTable"
    label = "Data Table"
    group = "Core"
    icon = "table"
    hint = "Rows that stay from run to run"
    versions = (1, 1.1)
    reaches_out = True
    fields = FIELDS
    unsupported = (
        Unsupported("resource", ("table",), "is not there: make tables under Data tables"),
        Unsupported("options.dryRun"),
    )

    async def run(self, context: Context) -> Outputs:
        """Insert all items at once; do anything else for one item after the other."""
        if context.items and context.value("operation") == "insert" and not context.goes_on:
            return [await _insert_all(context)]
        made: Items = []
        for index in range(len(context.items)):
            try:
                made += await _done(context, index)
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]


async def _insert_all(context: Context) -> Items:
    made: Items = []
    for which, indexes in groupby(range(len(context.items)), lambda n: _table(context, n)):
        some = list(indexes)
        rows = await context.outside.tables.insert(which, [_values(context, n) for n in some])
        made += [
            {"json": row, "pairedItem": {"item": n}} for n, row in zip(some, rows, strict=True)
        ]
    if context.value("options.optimizeBulk", 0, False) is True:
        return [{"json": {"success": True, "insertedRows": len(made)}, "pairedItem": {"item": 0}}]
    return made


async def _done(context: Context, index: int) -> Items:
    tables, which = context.outside.tables, _table(context, index)
    operation = context.value("operation", index)
    pair = {"item": index}
    if operation == "insert":
        rows = await tables.insert(which, [_values(context, index)])
        return [{"json": row, "pairedItem": pair} for row in rows]
    wanted = _filter(context, index)
    if operation in NEEDS_CONDITIONS and not wanted.conditions:
        raise NodeError(
            "At least one condition is needed.",
            description="Without one, every row would be meant. Name a column and a value.",
        )
    if operation in ("rowExists", "rowNotExists"):
        there = bool(await tables.find(which, wanted, most=1))
        passed = there == (operation == "rowExists")
        return [{**context.items[index], "pairedItem": pair}] if passed else []
    if operation == "get":
        rows = await tables.find(which, wanted, **_listing(context, index))
    elif operation == "deleteRows":
        rows = await tables.delete(which, wanted)
    elif operation in ("update", "upsert"):
        values, add = _values(context, index), operation == "upsert"
        rows = await tables.update(which, wanted, values, insert=add)
    else:
        raise NodeError(f"The operation {operation!r} is not there.")
    return [{"json": row, "pairedItem": pair} for row in rows]


def _table(context: Context, index: int) -> str:
    found = str(context.value("dataTableId", index) or "")
    if not found:
        raise NodeError("No data table is chosen.", description="Choose one at the node.")
    return found


def _listing(context: Context, index: int) -> dict[str, Any]:
    how: dict[str, Any] = {}
    if context.value("returnAll", index) is not True:
        most = context.value("limit", index)
        if not isinstance(most, int | float) or most < 1:
            raise NodeError(f"Limit is {most!r}; it must be a number from 1 on.")
        how["most"] = int(most)
    if context.value("orderBy", index) is True:
        how["order"] = str(context.value("orderByColumn", index) or "createdAt")
        how["down"] = context.value("orderByDirection", index) != "ASC"
    return how


def _values(context: Context, index: int) -> dict[str, Any]:
    mapped = context.value("columns", index)
    if not isinstance(mapped, Mapping):
        raise NodeError("Columns: say which columns get which values.")
    if mapped.get("mappingMode") == "autoMapInputData":
        given = context.items[index]["json"]
        return {name: plain(value) for name, value in given.items() if name not in OWN}
    given = mapped.get("value") or {}
    return {name: plain(value) for name, value in given.items() if value is not UNDEFINED}


def _filter(context: Context, index: int) -> Filter:
    given = context.value("filters", index)
    listed = (given.get("conditions") if isinstance(given, Mapping) else None) or []
    made = []
    for one in listed:
        value = one.get("keyValue")
        value = None if value is UNDEFINED else plain(value)
        made.append(Condition(str(one.get("keyName") or ""), str(one.get("condition")), value))
    return Filter(made, all=context.value("matchType", index) == "allConditions")
