"""Date & Time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    Field,
    choice,
    choices,
    collection,
    flag,
    number,
    shown_when,
    text,
)
from workflows.engine.values import DateTimeText
from workflows.nodes import shelf
from workflows.nodes.dates import first_version, luxon
from workflows.nodes.dates.moving import apart, iso_duration, plus, start_of
from workflows.nodes.dates.reading import as_number, from_number, from_text, zone
from workflows.nodes.dates.words import iso

FORMATS = {
    "custom": "Custom Format",
    "MM/dd/yyyy": "MM/DD/YYYY",
    "yyyy/MM/dd": "YYYY/MM/DD",
    "MMMM dd yyyy": "MMMM DD YYYY",
    "MM-dd-yyyy": "MM-DD-YYYY",
    "yyyy-MM-dd": "YYYY-MM-DD",
    "X": "Unix Timestamp",
    "x": "Unix Ms Timestamp",
}
PARTS = {
    "year": "Year",
    "month": "Month",
    "week": "Week",
    "day": "Day",
    "hour": "Hour",
    "minute": "Minute",
    "second": "Second",
}
KEEP = flag("includeInputFields", "Include Input Fields", hint="Whether to keep the item's fields")
TO_FIELD = "The field to write the result to"


def _target(name: str) -> Field:
    return text("outputFieldName", "Output Field Name", name, hint=TO_FIELD)


def _moving(operation: str, name: str) -> tuple[Field, ...]:
    verb = "Add" if operation == "addToDate" else "Subtract"
    return shown_when(
        {"operation": [operation]},
        text("magnitude", f"Date to {verb} {'To' if verb == 'Add' else 'From'}", required=True),
        choice("timeUnit", f"Time Unit to {verb}", first_version.UNITS, "days"),
        number("duration", "Duration", 0, hint="How many time units"),
        _target(name),
        collection("options", "Options", KEEP),
    )


FIELDS: tuple[Field, ...] = (
    choice(
        "operation",
        "Operation",
        {
            "addToDate": "Add to a Date",
            "extractDate": "Extract Part of a Date",
            "formatDate": "Format a Date",
            "getCurrentDate": "Get Current Date",
            "getTimeBetweenDates": "Get Time Between Dates",
            "roundDate": "Round a Date",
            "subtractFromDate": "Subtract From a Date",
        },
        "getCurrentDate",
    ),
    *shown_when(
        {"operation": ["getCurrentDate"]},
        flag("includeTime", "Include Current Time", True, hint="Off: the beginning of today"),
        _target("currentDate"),
        collection("options", "Options", KEEP, text("timezone", "Timezone", hint="IANA name")),
    ),
    *_moving("addToDate", "newDate"),
    *_moving("subtractFromDate", "newDate"),
    *shown_when(
        {"operation": ["formatDate"]},
        text("date", "Date", required=True),
        choice("format", "Format", FORMATS, "MM/dd/yyyy"),
        text("customFormat", "Custom Format", when={"format": ["custom"]}, hint="Tokens of Luxon"),
        _target("formattedDate"),
        collection(
            "options",
            "Options",
            KEEP,
            text("fromFormat", "From Date Format", hint="Tokens of Luxon, where the date needs it"),
            flag("timezone", "Use Workflow Timezone", hint="Off: the date's own zone, or UTC"),
        ),
    ),
    *shown_when(
        {"operation": ["roundDate"]},
        text("date", "Date", required=True),
        choice("mode", "Mode", {"roundDown": "Round Down", "roundUp": "Round Up"}, "roundDown"),
        choice("toNearest", "To Nearest", PARTS, "month", when={"mode": ["roundDown"]}),
        choice("to", "To", {"month": "End of Month"}, "month", when={"mode": ["roundUp"]}),
        _target("roundedDate"),
        collection("options", "Options", KEEP),
    ),
    *shown_when(
        {"operation": ["getTimeBetweenDates"]},
        text("startDate", "Start Date", required=True),
        text("endDate", "End Date", required=True),
        choices("units", "Units", {**PARTS, "millisecond": "Millisecond"}, ["day"]),
        _target("timeDifference"),
        collection(
            "options", "Options", KEEP, flag("isoString", "Output as ISO String", hint="P1DT2H")
        ),
    ),
    *shown_when(
        {"operation": ["extractDate"]},
        text("date", "Date", required=True),
        choice("part", "Part", PARTS, "month"),
        _target("datePart"),
        collection("options", "Options", KEEP),
    ),
)


@shelf.add
class DateTime(Node):
    """Read, write, move, round and compare dates."""

    key = "n8n-nodes-base.dateTime"
    label = "Date & Time"
    icon = "calendar-time"
    hint = "Manipulate date and time values"
    versions = (1, 2)
    fields = FIELDS
    chunks = True
    varies = True  # it may look at the clock

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields; version 1 has its own."""
        return cls.fields if version >= 2 else first_version.FIELDS

    async def run(self, context: Context) -> Outputs:
        """Work on the date of each item."""
        made = []
        for index, one in context.each():
            try:
                if context.version < 2:
                    done = first_version.work(context, one, index)
                else:
                    done = _with_result(context, one, index)
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                done = context.failed(error, index)
            if done is not None:
                made.append(done)
        return [made]


def _with_result(context: Context, one: Item, index: int) -> Item:
    operation = str(context.value("operation", index))
    name = str(context.value("outputFieldName", index, ""))
    if operation not in OPERATIONS:
        raise NodeError(f"Date & Time has no operation '{operation}'")
    value = OPERATIONS[operation](context, index)
    kept = one["json"] if context.value("options.includeInputFields", index, False) else {}
    return {"json": {**kept, name: value}, "pairedItem": {"item": index}}


# -- operations ----------------------------------------------------------------------------------


def _now(context: Context, index: int) -> str:
    name = context.value("options.timezone", index, "") or context.scope.timezone
    now = datetime.now(zone(str(name)))
    return iso(now if context.value("includeTime", index, True) else start_of(now, "day"))


def _moved(context: Context, index: int) -> str:
    date = _date(context, "magnitude", index)
    amount = as_number(context.value("duration", index, 0))
    if amount is None:
        raise NodeError("'Duration' is not a number")
    if context.value("operation", index) == "subtractFromDate":
        amount = -amount
    return iso(plus(date, {str(context.value("timeUnit", index, "days")): amount}))


def _formatted(context: Context, index: int) -> str | None:
    value = context.value("date", index)
    if value is None:
        return None
    own = context.value("options.timezone", index, False)
    form = context.value("options.fromFormat", index, "")
    date = _read(value, context.scope.timezone if own else "", str(form), index)
    pattern = str(context.value("format", index, "MM/dd/yyyy"))
    if pattern == "custom":
        pattern = str(context.value("customFormat", index, ""))
    return luxon.write(date, pattern)


def _rounded(context: Context, index: int) -> str:
    date = _date(context, "date", index)
    if context.value("mode", index) == "roundUp":
        unit = str(context.value("to", index, "month"))
        return iso(start_of(plus(date, {f"{unit}s": 1}), unit))
    return iso(start_of(date, str(context.value("toNearest", index, "month"))))


def _between(context: Context, index: int) -> Any:
    start, end = _date(context, "startDate", index), _date(context, "endDate", index)
    units = context.value("units", index, ["day"])
    if not isinstance(units, list) or not units:
        raise NodeError("Choose at least one unit for the time between the dates")
    amounts = apart(start, end, [str(unit) for unit in units])
    return iso_duration(amounts) if context.value("options.isoString", index, False) else amounts


def _part(context: Context, index: int) -> int:
    date = _date(context, "date", index)
    part = str(context.value("part", index, "month"))
    if part not in PARTS:
        raise NodeError(f"A date has no part '{part}'")
    return date.isocalendar().week if part == "week" else int(getattr(date, part))


OPERATIONS: dict[str, Callable[[Context, int], Any]] = {
    "addToDate": _moved,
    "extractDate": _part,
    "formatDate": _formatted,
    "getCurrentDate": _now,
    "getTimeBetweenDates": _between,
    "roundDate": _rounded,
    "subtractFromDate": _moved,
}


# -- reading -------------------------------------------------------------------------------------


def _date(context: Context, name: str, index: int) -> datetime:
    return _read(context.value(name, index), context.scope.timezone, "", index)


def _read(value: Any, timezone_name: str, form: str, index: int) -> datetime:
    """Read a date and show it in a zone; without one in its own offset, or UTC."""
    found: datetime | None = None
    number = as_number(value)
    if number is not None:
        found = from_number(number)
    elif isinstance(value, str):
        found = luxon.read(value, form, UTC) if form else from_text(value)
    if found is None:
        raise NodeError(
            "Invalid date format",
            description=f"This is not understood as a date: {value!r}. Name its format, or give "
            "it in ISO 8601, such as 2024-01-31T12:00:00Z.",
        )
    if timezone_name:
        return found.astimezone(zone(timezone_name))
    if isinstance(value, DateTimeText):
        return found
    offset = found.utcoffset() or timedelta()
    # Only offsets ahead of UTC are kept (n8n).
    return found.astimezone(timezone(offset) if offset > timedelta() else zone("Etc/UTC"))
