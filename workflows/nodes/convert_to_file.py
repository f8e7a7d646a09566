"""Convert to File: items into a file."""

import base64
import binascii
import json as json_text
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, pairs
from workflows.engine.node import Context, Node
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
from workflows.engine.paths import field as field_of
from workflows.engine.values import UNDEFINED, plain
from workflows.nodes import shelf
from workflows.nodes.files import blobs, fields
from workflows.nodes.files.calendar import write_calendar
from workflows.nodes.files.encodings import encoded
from workflows.nodes.files.targets import TABLES, write_table

OPERATIONS = {
    "csv": "Convert to CSV",
    "html": "Convert to HTML",
    "iCal": "Convert to ICS",
    "toJson": "Convert to JSON",
    "ods": "Convert to ODS",
    "rtf": "Convert to RTF",
    "toText": "Convert to Text File",
    "xls": "Convert to XLS",
    "xlsx": "Convert to XLSX",
    "toBinary": "Move Base64 String to File",
}
_PERSON = (text("name", "Name"), text("email", "Email", required=True))
_EVENT = (
    groups(
        "attendeesUi", "Attendees",
        group("attendeeValues", "Attendees", *_PERSON, flag("rsvp", "RSVP")),
    ),
    choice("busyStatus", "Busy Status", {"BUSY": "Busy", "TENTATIVE": "Tentative"}),
    text("calName", "Calendar Name"),
    text("description", "Description"),
    text("fileName", "File Name", "event.ics"),
    groups(
        "geolocationUi", "Geolocation",
        group("geolocationValues", "Place", text("lat", "Latitude"), text("lon", "Longitude")),
        many=False,
    ),
    text("location", "Location"),
    text("recurrenceRule", "Recurrence Rule"),
    groups("organizerUi", "Organizer", group("organizerValues", "Organizer", *_PERSON), many=False),
    number("sequence", "Sequence", 0),
    choice(
        "status", "Status",
        {"CONFIRMED": "Confirmed", "CANCELLED": "Cancelled", "TENTATIVE": "Tentative"}, "CONFIRMED",
    ),
    text("uid", "UID"),
    text("url", "URL"),
    flag("useWorkflowTimezone", "Use Workflow Timezone"),
)  # fmt: skip


@shelf.add
class ConvertToFile(Node):
    """Turn items into a file: tables, JSON, text, a calendar event, or bytes from base64."""

    key = "n8n-nodes-base.convertToFile"
    label = "Convert to File"
    group = "Files"
    icon = "file-export"
    versions = (1, 1.1)
    fields: ClassVar[tuple[Field, ...]] = (
        choice("operation", "Operation", OPERATIONS, "csv", literal=True),
        choice(
            "mode", "Mode",
            {"once": "All Items to One File", "each": "Each Item to Separate File"}, "once",
            when={"operation": ["toJson"]},
        ),
        text(
            "sourceProperty", "Input Field", required=True,
            when={"operation": ["toText", "toBinary"]},
        ),
        text("title", "Event Title", when={"operation": ["iCal"]}),
        Field("start", "Start", "date", required=True, when={"operation": ["iCal"]}),
        Field("end", "End", "date", required=True, when={"operation": ["iCal"]}),
        flag("allDay", "All Day", when={"operation": ["iCal"]}),
        text("binaryPropertyName", "Put Output File in Field", "data", required=True),
        collection("additionalFields", "Options", *_EVENT, when={"operation": ["iCal"]}),
        collection(
            "options", "Options",
            flag("compression", "Compression", when={"/operation": ["ods", "xlsx"]}),
            text("delimiter", "Delimiter", ",", when={"/operation": ["csv"]}),
            fields.FILE_NAME, fields.HEADER_ROW,
            text(
                "sheetName", "Sheet Name", "Sheet", when={"/operation": ["ods", "xls", "xlsx"]},
            ),
            when={"operation": TABLES},
        ),
        collection(
            "options", "Options",
            fields.ADD_BOM, flag("format", "Format", when={"/operation": ["toJson"]}),
            fields.ENCODING, fields.FILE_NAME,
            when={"operation": ["toJson", "toText"]},
        ),
        collection(
            "options", "Options", fields.FILE_NAME, text("mimeType", "MIME Type"),
            flag("dataIsBase64", "Data Is Base64", True), fields.ENCODING,
            when={"operation": ["toBinary"]},
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Make one file of all items, or one of each, as the operation has it."""
        operation = context.value("operation")
        if operation not in OPERATIONS:
            raise NodeError(f"The operation {operation!r} is not there.")
        if operation in TABLES or (operation == "toJson" and context.value("mode") == "once"):
            return [await _one_file(context, str(operation))]

        async def work(index: int, one: Item) -> Items:
            return [await _file_of(context, str(operation), index, one)]

        return [await blobs.for_each(context, work)]


async def _one_file(context: Context, operation: str) -> Items:
    options = context.value("options", 0, {}) or {}
    field = str(context.value("binaryPropertyName") or "data")
    try:
        if operation == "toJson":
            data, mime, name = _json([one["json"] for one in context.items], options)
        else:
            values = [plain(one["json"]) for one in context.items]
            data, mime, name = write_table(values, operation, options)
        record = await blobs.keep(context, data, mime=mime, name=name)
    except NodeError as error:
        if not context.goes_on:
            raise
        return [context.failed(error, 0)]
    paired = pairs(range(len(context.items)))
    return [{"json": {}, "binary": {field: record}, "pairedItem": paired}]


async def _file_of(context: Context, operation: str, index: int, one: Item) -> Item:
    options = context.value("options", index, {}) or {}
    field = str(context.value("binaryPropertyName", index) or "data")
    if operation == "iCal":
        data, mime, name = _calendar(context, index)
    elif operation == "toJson":
        data, mime, name = _json(one["json"], options)
    else:
        source = str(context.value("sourceProperty", index) or "")
        value = field_of(one["json"], source)
        if value is UNDEFINED or value is None:
            raise NodeError(f"The value in '{source}' is not set")
        data, mime, name = _moved(plain(value), operation, options)
    record = await blobs.keep(context, data, mime=mime, name=name)
    return {"json": {}, "binary": {field: record}, "pairedItem": {"item": index}}


def _json(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str, str]:
    form: dict[str, Any] = {"indent": 2} if options.get("format") else {"separators": (",", ":")}
    words = json_text.dumps(plain(value), ensure_ascii=False, **form)
    return _encoded(words, options), "application/json", str(options.get("fileName") or "file.json")


def _moved(value: Any, operation: str, options: Mapping[str, Any]) -> tuple[bytes, str, str]:
    words = value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)
    name = str(options.get("fileName") or "")
    if operation == "toText":
        return _encoded(words, options), "text/plain", name or "file.txt"
    mime = str(options.get("mimeType") or "")
    if options.get("dataIsBase64", True) is False:
        return _encoded(words, options), mime, name or "file"
    return from_base64(words), mime, name or "file"


def from_base64(words: str) -> bytes:
    """Return the bytes of a base64 text, also of a data: URL and of the URL-safe kind."""
    words = words.partition(";base64,")[2] if words.startswith("data:") else words
    words = "".join(words.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(words + "=" * (-len(words) % 4), validate=True)
    except binascii.Error as error:
        raise NodeError(f"The value is no base64 text: {error}") from error


def _encoded(words: str, options: Mapping[str, Any]) -> bytes:
    return encoded(words, str(options.get("encoding") or ""), bom=options.get("addBOM") is True)


def _calendar(context: Context, index: int) -> tuple[bytes, str, str]:
    more = context.value("additionalFields", index, {}) or {}
    event = {
        **more,
        **{name: context.value(name, index) for name in ("title", "start", "end", "allDay")},
        "attendees": _people(more, "attendeesUi", "attendeeValues"),
        "organizer": (_people(more, "organizerUi", "organizerValues") or [None])[0],
        "geo": (more.get("geolocationUi") or {}).get("geolocationValues"),
    }
    zone = context.scope.timezone if more.get("useWorkflowTimezone") else "UTC"
    words = write_calendar(event, zone=zone, stamp=datetime.now(UTC), uid=uuid.uuid4().hex)
    return words.encode(), "text/calendar", str(more.get("fileName") or "event.ics")


def _people(more: Mapping[str, Any], name: str, inner: str) -> Sequence[Any]:
    found = (more.get(name) or {}).get(inner) or []
    return found if isinstance(found, list) else [found]
