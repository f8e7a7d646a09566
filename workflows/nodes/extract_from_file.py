"""Extract from File: what is in a file, as items."""

import base64
from typing import Any, ClassVar

import orjson

from workflows.engine.bounds import vet_values
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, text
from workflows.engine.paths import parts, put
from workflows.nodes import shelf
from workflows.nodes.files import blobs, fields
from workflows.nodes.files.aside import Aside
from workflows.nodes.files.calendar import read_calendar
from workflows.nodes.files.encodings import decoded
from workflows.nodes.files.sources import read_table

TABLES = ("csv", "html", "ods", "rtf", "xls", "xlsx")
MOVES = ("binaryToPropery", "fromJson", "text", "fromIcs", "xml")
OPERATIONS = {
    "csv": "Extract From CSV",
    "html": "Extract From HTML",
    "fromIcs": "Extract From ICS",
    "fromJson": "Extract From JSON",
    "ods": "Extract From ODS",
    "pdf": "Extract From PDF",
    "rtf": "Extract From RTF",
    "text": "Extract From Text File",
    "xml": "Extract From XML",
    "xls": "Extract From XLS",
    "xlsx": "Extract From XLSX",
    "binaryToPropery": "Move File to Base64 String",
}


@shelf.add
class ExtractFromFile(Node):
    """Turn files into items: rows of tables, text, JSON, calendars, PDF text."""

    key = "n8n-nodes-base.extractFromFile"
    label = "Extract from File"
    group = "Files"
    icon = "file-import"
    versions = (1, 1.1)
    fields: ClassVar[tuple[Field, ...]] = (
        choice("operation", "Operation", OPERATIONS, "csv", literal=True),
        text("binaryPropertyName", "Input Binary Field", "data", required=True),
        text(
            "destinationKey", "Destination Output Field", "data", required=True,
            when={"operation": MOVES},
        ),
        collection("options", "Options", *fields.TABLE_OPTIONS, when={"operation": TABLES}),
        collection("options", "Options", *fields.PDF_OPTIONS, when={"operation": ["pdf"]}),
        collection(
            "options", "Options", fields.KEEP_SOURCE, fields.ENCODING, fields.STRIP_BOM,
            when={"operation": ["text", "fromJson", "fromIcs", "xml"]},
        ),
        collection(
            "options", "Options", fields.KEEP_SOURCE, when={"operation": ["binaryToPropery"]},
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Read each item's file; rows of a table become an item each."""
        async with Aside() as aside:

            async def work(index: int, one: Item) -> Items:
                return await _extracted(context, aside, index, one)

            return [await blobs.for_each(context, work)]


async def _extracted(context: Context, aside: Aside, index: int, one: Item) -> Items:
    operation = context.value("operation", index)
    field = str(context.value("binaryPropertyName", index) or "data")
    options = context.value("options", index, {}) or {}
    if operation in TABLES:
        data = await blobs.read(context, one, field)
        rows = await read_table(aside, data, operation, options)
        return [{"json": row, "pairedItem": {"item": index}} for row in rows]
    if operation == "pdf":
        data = await blobs.read(context, one, field)
        pdf = await read_pdf(aside, data, options)
        return [fields.with_source(one, pdf, options, index)]
    if operation not in MOVES:
        raise NodeError(f"The operation {operation!r} is not there.")
    data = await blobs.read(context, one, field)
    target = str(context.value("destinationKey", index) or "data")
    found = put({}, parts(target), _moved(data, operation, options))
    return [fields.with_source(one, found, options, index, moved=field)]


def _moved(data: bytes, operation: str, options: dict[str, Any]) -> Any:
    if operation == "binaryToPropery":
        return base64.b64encode(data).decode()
    words = decoded(data, str(options.get("encoding") or ""), bom=options.get("stripBOM", True))
    if operation == "fromJson":
        if not words.strip():
            return {}
        vet_values(words, "The file")
        try:
            return orjson.loads(words)
        except ValueError as error:
            raise NodeError(
                f"The file's data is not valid JSON: {error}",
                description="Check what is in the file, or use 'Extract From Text File'.",
            ) from error
    if operation == "fromIcs":
        return read_calendar(words)
    return words


async def read_pdf(aside: Aside, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """Return a PDF's facts and text; `password`, `maxPages` and `joinPages` as n8n has them."""
    found: dict[str, Any] = await aside.read(
        "pdf", data, password=str(options.get("password") or ""),
        pages=int(options.get("maxPages") or 0), join=options.get("joinPages", True) is not False,
    )  # fmt: skip
    return found
