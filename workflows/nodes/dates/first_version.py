"""Version 1 of Date & Time: moment's formats, one field written per item."""

from datetime import UTC, datetime
from math import copysign, floor
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.node import Context
from workflows.engine.parameters import Field, choice, collection, flag, number, shown_when, text
from workflows.engine.values import UNDEFINED, DateTimeText
from workflows.nodes.dates import moment
from workflows.nodes.dates.moving import MONTHS, plus
from workflows.nodes.dates.reading import as_number, from_number, from_text, zone
from workflows.nodes.dates.words import iso
from workflows.nodes.lists.paths import put

FORMATS = {
    "MM/DD/YYYY": "MM/DD/YYYY",
    "YYYY/MM/DD": "YYYY/MM/DD",
    "MMMM DD YYYY": "MMMM DD YYYY",
    "MM-DD-YYYY": "MM-DD-YYYY",
    "YYYY-MM-DD": "YYYY-MM-DD",
    "X": "Unix Timestamp",
    "x": "Unix Ms Timestamp",
}
UNITS = {
    "quarters": "Quarters",
    "years": "Years",
    "months": "Months",
    "weeks": "Weeks",
    "days": "Days",
    "hours": "Hours",
    "minutes": "Minutes",
    "seconds": "Seconds",
    "milliseconds": "Milliseconds",
}
FROM_FORMAT = text("fromFormat", "From Format", hint="Where the date is not understood by itself")

FIELDS: tuple[Field, ...] = (
    choice(
        "action",
        "Action",
        {"calculate": "Calculate a Date", "format": "Format a Date"},
        "format",
    ),
    text("value", "Value", required=True, hint="The date"),
    text("dataPropertyName", "Property Name", "data", required=True, hint="The field to write"),
    *shown_when(
        {"action": ["format"]},
        flag("custom", "Custom Format"),
        text("toFormat", "To Format", when={"custom": [True]}, hint="Tokens of moment"),
        choice("toFormat", "To Format", FORMATS, "MM/DD/YYYY", when={"custom": [False]}),
        collection(
            "options",
            "Options",
            FROM_FORMAT,
            text("fromTimezone", "From Timezone", "UTC"),
            text("toTimezone", "To Timezone", "UTC"),
        ),
    ),
    *shown_when(
        {"action": ["calculate"]},
        choice("operation", "Operation", {"add": "Add", "subtract": "Subtract"}, "add"),
        number("duration", "Duration", 0),
        choice("timeUnit", "Time Unit", UNITS, "days"),
        collection("options", "Options", FROM_FORMAT),
    ),
)


def work(context: Context, one: Item, index: int) -> Item | None:
    """Return the item with its date written; None where there is no value (n8n drops it)."""
    value = context.value("value", index, None)
    if value is None and context.parameters.get("value") is not None:
        value = _or_null(context, index)
    if value is UNDEFINED:
        context.warn("Items without a value for the date were left out")
        return None
    name = str(context.value("dataPropertyName", index, "data"))
    if context.value("action", index) == "calculate":
        made = _calculated(context, value, index)
    else:
        made = _formatted(context, value, index)
    json = dict(one["json"])
    head = name.partition(".")[0]
    if "." in name and isinstance(json.get(head), dict):
        json[head] = dict(json[head])
    put(json, name, made)
    return {**one, "json": json}


def _or_null(context: Context, index: int) -> Any:
    """Tell null from undefined, which `Context.value` does not."""
    return context.resolved(context.parameters["value"], index)


def _formatted(context: Context, value: Any, index: int) -> str:
    source, target = (
        context.value(f"options.{n}", index, "") for n in ("fromTimezone", "toTimezone")
    )
    own = context.scope.timezone
    form = context.value("options.fromFormat", index, None)
    local = zone(source or own) if source or target else UTC
    date = _read(context, value, form, local, index)
    if source or target:
        date = date.astimezone(zone(target or own))
    elif not isinstance(value, DateTimeText):
        date = date.astimezone(UTC)
    return moment.write(date, str(context.value("toFormat", index, "MM/DD/YYYY")))


def _calculated(context: Context, value: Any, index: int) -> str:
    form = context.value("options.fromFormat", index, None)
    date = _read(context, value, form, UTC, index)
    amount = as_number(context.value("duration", index, 0))
    if amount is None:
        raise NodeError("'Duration' is not a number")
    if context.value("operation", index) == "subtract":
        amount = -amount
    unit = str(context.value("timeUnit", index, "days"))
    return iso(plus(date.astimezone(UTC), _rounded(unit, amount)), utc=True)


def _rounded(unit: str, amount: float) -> dict[str, float]:
    """Return an amount as moment moves by it: in whole months, in whole days, or by the clock."""
    for whole, factors in (("months", MONTHS), ("days", {"weeks": 7, "days": 1})):
        if unit in factors:
            return {whole: copysign(floor(abs(amount) * factors[unit] + 0.5), amount)}
    return {unit: amount}


def _read(context: Context, value: Any, form: Any, local: Any, index: int) -> datetime:
    found: datetime | None = None
    if isinstance(value, DateTimeText):
        return _known(from_text(value), index)
    number = 0 if value is None or value == "" else as_number(value)
    if number is not None:
        found = from_number(number)
    elif isinstance(value, str) and form:
        found = moment.read(value, str(form), local)
    elif isinstance(value, str):
        found = from_text(value, local)
    return _known(found, index)


def _known(found: datetime | None, index: int) -> datetime:
    if found is None:
        raise NodeError(
            'The date input format could not be recognized. Please set the "From Format" field',
        )
    return found
