"""What the nodes of SQL databases share: parameters, and the statements made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.node import Context
from workflows.engine.parameters import (
    Field,
    before,
    choice,
    choices,
    collection,
    flag,
    group,
    groups,
    number,
    since,
    text,
)  # fmt: skip
from workflows.nodes.wires.statements import CONDITIONS, Dialect, Statement, order, query, where

OPERATIONS = {
    "deleteTable": "Delete", "executeQuery": "Execute SQL", "insert": "Insert",
    "upsert": "Insert or Update", "select": "Select", "update": "Update",
}  # fmt: skip
WRITES = ("insert", "upsert", "update")
_DELETES = {"truncate": "Truncate", "delete": "Delete", "drop": "Drop"}
_CHOSEN = {"__rl": True, "mode": "list", "value": ""}
DIRECT, MAPPED = "autoMapInputData", "defineBelow"
SINGLE, ALONE, TOGETHER = "single", "independently", "transaction"


def fields(*, schema: bool, mapper_since: float) -> tuple[Field, ...]:
    """Return the node's fields; from `mapper_since` on columns are mapped at once."""
    named = {"operation": [one for one in OPERATIONS if one != "executeQuery"]}
    old, new = before(mapper_since), since(mapper_since)
    matched = {"operation": ["update", "upsert"]}
    picked = {"operation": ["select"]}
    chosen = {"operation": ["select", "deleteTable"]}
    places = [Field("table", "Table", "locator", _CHOSEN, required=True, when=named)]
    if schema:
        usual = {"__rl": True, "mode": "list", "value": "public"}
        places.insert(0, Field("schema", "Schema", "locator", usual, required=True, when=named))
    return (
        choice("operation", "Operation", OPERATIONS, "insert"),
        *places,
        text("query", "Query", required=True, language="sql", when={"operation": ["executeQuery"]}),
        choice("dataMode", "Data Mode", {DIRECT: "Auto-Map Input Data to Columns", MAPPED: "Map Each Column Below"}, DIRECT, when={"operation": WRITES}, versions=old),  # noqa: E501
        Field("columnToMatchOn", "Column to Match On", "locator", _CHOSEN, when=matched, versions=old),  # noqa: E501
        text("valueToMatchOn", "Value of Column to Match On", when={**matched, "dataMode": [MAPPED]}, versions=old),  # noqa: E501
        groups("valuesToSend", "Values to Send", group("values", "Values", text("column", "Column"), text("value", "Value")), when={"operation": WRITES, "dataMode": [MAPPED]}, versions=old),  # noqa: E501
        Field("columns", "Columns", "mapper", {"mappingMode": MAPPED, "value": None}, when={"operation": WRITES}, versions=new),  # noqa: E501
        choice("deleteCommand", "Command", _DELETES, "truncate", when={"operation": ["deleteTable"]}),  # noqa: E501
        flag("returnAll", "Return All", when=picked),
        number("limit", "Limit", 50, when={**picked, "returnAll": [False]}),
        groups(
            "where", "Select Rows",
            group("values", "Values", text("column", "Column"), choice("condition", "Operator", CONDITIONS, "equal"), text("value", "Value")),  # noqa: E501
            when=chosen,
        ),
        choice("combineConditions", "Combine Conditions", {"AND": "AND", "OR": "OR"}, "AND", when=chosen),  # noqa: E501
        groups(
            "sort", "Sort",
            group("values", "Values", text("column", "Column"), choice("direction", "Direction", {"ASC": "ASC", "DESC": "DESC"}, "ASC")),  # noqa: E501
            when=picked,
        ),
    )  # fmt: skip


def options(*more: Field) -> Field:
    """Return the options both nodes have, and their own."""
    return collection(
        "options", "Options",
        number("connectionTimeout", "Connection Timeout (Seconds)", 30),
        choice("queryBatching", "Query Batching", {SINGLE: "Single Query", ALONE: "Independently", TOGETHER: "Transaction"}, SINGLE),  # noqa: E501
        text("queryReplacement", "Query Parameters", hint="Values of $1, $2 and so on, with commas between them; or an expression that gives a list."),  # noqa: E501
        choices("outputColumns", "Output Columns", {}),
        choice("largeNumbersOutput", "Output Large-Format Numbers As", {"numbers": "Numbers", "text": "Text"}, "text"),  # noqa: E501
        flag("skipOnConflict", "Skip on Conflict"),
        flag("replaceEmptyStrings", "Replace Empty Strings with NULL"),
        *more,
    )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What one item writes: values by column, and the columns that say which row is meant."""

    values: Mapping[str, Any]
    matching: Sequence[str]

    @property
    def others(self) -> list[str]:
        """The columns that are set, those left out that are matched."""
        return [name for name in self.values if name not in self.matching]


def row(context: Context, index: int, one: Item, operation: str) -> Row:
    """Return what an item writes; NodeError when that is nothing, or it matches nothing."""
    chosen = context.value("columns", index)
    if isinstance(chosen, Mapping):
        direct = chosen.get("mappingMode") == DIRECT
        values = dict(one["json"] if direct else chosen.get("value") or {})
        matching = [str(name) for name in chosen.get("matchingColumns") or []]
    else:
        given = context.value("valuesToSend", index, {}) or {}
        direct = context.value("dataMode", index) == DIRECT
        listed = {str(each.get("column")): each.get("value") for each in given.get("values") or []}
        values = dict(one["json"] if direct else listed)
        matching = [str(context.value("columnToMatchOn", index) or "")]
        if not direct and operation != "insert":
            values = {matching[0]: context.value("valueToMatchOn", index), **values}
    if (context.value("options", index, {}) or {}).get("replaceEmptyStrings"):
        values = {name: None if each == "" else each for name, each in values.items()}
    made = Row(values, [] if operation == "insert" else matching)
    if not values:
        raise NodeError("Columns: there is no value to write.")
    if operation != "insert" and not (matching and all(name in values for name in matching)):
        raise NodeError("Columns to Match On: choose some, and give each a value.")
    if operation == "update" and not made.others:
        raise NodeError("Columns: there is nothing to change beside the columns to match on.")
    return made


def asked(context: Context, index: int, dialect: Dialect, table: str) -> Statement:
    """Return the statement of Select and Delete: `table` is the quoted name."""
    made = Statement(dialect)
    options = context.value("options", index, {}) or {}
    conditions = context.value("where", index), context.value("combineConditions", index)
    if context.value("operation", index) == "select":
        made.sql("SELECT ")
        outputs(made, options).sql(f" FROM {table}")
        order(where(made, *conditions), context.value("sort", index))
        if not context.value("returnAll", index):
            made.sql(f" LIMIT {count(context.value('limit', index), 'Limit')}")
        return made
    command = context.value("deleteCommand", index)
    if command == "delete":
        return where(made.sql(f"DELETE FROM {table}"), *conditions)  # noqa: S608 - a quoted name
    if command not in _DELETES:
        raise NodeError(f"Command: there is no {command!r}.")
    made.sql(
        f"TRUNCATE TABLE {table}" if command == "truncate" else f"DROP TABLE IF EXISTS {table}"
    )
    if command == "truncate" and options.get("restartSequences"):
        made.sql(" RESTART IDENTITY")
    return made.sql(" CASCADE" if options.get("cascade") else "")


def outputs(made: Statement, options: Mapping[str, Any]) -> Statement:
    """Add the columns to give, all where none are named."""
    names = options.get("outputColumns") or []
    return made.sql("*") if not names or "*" in names else made.names(names, "Output Columns")


def count(value: Any, label: str) -> int:
    """Return a whole number that is not negative."""
    if isinstance(value, int | float) and value >= 0:
        return int(value)
    raise NodeError(f"{label}: enter a number, 0 or more.")


async def written(context: Context, index: int, dialect: Dialect) -> Statement:
    """Return the statement of Execute SQL, its parameters beside it."""
    text = str(context.value("query", index) or "").strip()
    if not text:
        raise NodeError("Query: it is empty.")
    if str(context.parameters.get("query", "")).startswith("="):
        context.warn(
            "The query is an expression: what stands in {{ }} becomes SQL as it is. Put values "
            "under Query Parameters and write $1, $2 in their places."
        )
    return query(dialect, text, await _replacements(context, index))


async def _replacements(context: Context, index: int) -> list[Any]:
    given = (context.parameters.get("options") or {}).get("queryReplacement")
    if isinstance(given, str) and given.startswith("="):
        parts = _split(given[1:])
        if len(parts) > 1:
            return [await _one(context, part, index) for part in parts]
        found = context.value("options.queryReplacement", index)
        return found if isinstance(found, list) else [found]
    if isinstance(given, list):
        return list(context.value("options.queryReplacement", index))
    return [part.strip() for part in _split(str(given))] if given not in (None, "") else []


async def _one(context: Context, part: str, index: int) -> Any:
    part = part.strip()
    return await context.evaluate(f"={part}", index) if "{{" in part else part


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside of {{ }}."""
    parts, depth, begin = [], 0, 0
    for place, sign in enumerate(text):
        pair = text[place : place + 2]
        depth += (pair == "{{") - (pair == "}}" and depth > 0)
        if sign == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]
