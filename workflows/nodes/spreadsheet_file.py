"""Spreadsheet File: rows of a spreadsheet as items, and items as a spreadsheet."""

from typing import ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, pairs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, flag, since, text
from workflows.engine.values import plain
from workflows.nodes import shelf
from workflows.nodes.files import blobs, fields
from workflows.nodes.files.aside import Aside
from workflows.nodes.files.sources import read_table
from workflows.nodes.files.targets import write_table

FORMATS = {
    "csv": "CSV",
    "html": "HTML",
    "ods": "ODS",
    "rtf": "RTF",
    "xls": "XLS",
    "xlsx": "XLSX",
}
READ, WRITE = {"operation": ["fromFile"]}, {"operation": ["toFile"]}
NOT_CSV = {"/fileFormat": [*FORMATS, "autodetect"][1:]}


@shelf.add
class SpreadsheetFile(Node):
    """Read rows from a spreadsheet file, or write items into one."""

    key = "n8n-nodes-base.spreadsheetFile"
    label = "Spreadsheet File"
    group = "Files"
    icon = "table"
    hint = "Extract from File and Convert to File do the same."
    versions = (1, 2)
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "operation", "Operation",
            {"fromFile": "Read From File", "toFile": "Write to File"}, "fromFile", literal=True,
        ),
        choice(
            "fileFormat", "File Format", {"autodetect": "Autodetect", **FORMATS}, "autodetect",
            when=READ, versions=since(2),
        ),
        choice("fileFormat", "File Format", FORMATS, "xls", when=WRITE),
        text("binaryPropertyName", "Binary Property", "data", required=True),
        collection(
            "options", "Options",
            fields.FILE_NAME, fields.HEADER_ROW,
            flag("compression", "Compression", when={"/fileFormat": ["xlsx", "ods"]}),
            text("sheetName", "Sheet Name", "Sheet", when={"/fileFormat": ["ods", "xls", "xlsx"]}),
            when=WRITE,
        ),
        collection(
            "options", "Options",
            *fields.csv_options(versions=since(2), when={"/fileFormat": ["csv"]}),
            fields.HEADER_ROW, flag("includeEmptyCells", "Include Empty Cells"),
            *fields.sheet_options(),
            when=READ,
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Read each item's file into an item a row, or write all items into one file."""
        operation = context.value("operation")
        if operation == "toFile":
            return [await _written(context)]
        if operation != "fromFile":
            raise NodeError(f"The operation {operation!r} is not there.")
        async with Aside() as aside:

            async def work(index: int, one: Item) -> Items:
                kind = str(context.value("fileFormat", index) or "autodetect")
                field = str(context.value("binaryPropertyName", index) or "data")
                data = await blobs.read(context, one, field)
                if kind == "autodetect" and _says_csv(one, field) and context.version >= 2:
                    kind = "csv"
                rows = await read_table(
                    aside, data, kind, context.value("options", index, {}) or {}
                )
                return [{"json": row, "pairedItem": {"item": index}} for row in rows]

            return [await blobs.for_each(context, work)]


def _says_csv(one: Item, field: str) -> bool:
    record = blobs.record_of(one, field)
    mime = str(record.get("mimeType") or "").partition(";")[0]
    return mime == "text/csv" or (mime == "text/plain" and record.get("fileExtension") == "csv")


async def _written(context: Context) -> Items:
    options = context.value("options", 0, {}) or {}
    kind = str(context.value("fileFormat") or "xls")
    if kind not in FORMATS:
        raise NodeError(f"The file format {kind!r} cannot be written.")
    try:
        values = [plain(one["json"]) for one in context.items]
        data, mime, name = write_table(values, kind, {**options, "fileName": ""})
        name = str(options.get("fileName") or f"spreadsheet.{kind}")
        record = await blobs.keep(context, data, mime=mime, name=name)
    except NodeError as error:
        if not context.goes_on:
            raise
        return [context.failed(error, 0)]
    field = str(context.value("binaryPropertyName") or "data")
    paired = pairs(range(len(context.items)))
    return [{"json": {}, "binary": {field: record}, "pairedItem": paired}]
