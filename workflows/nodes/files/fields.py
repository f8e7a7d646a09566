"""Parameters several file nodes share, under n8n's names."""

from typing import Any

from workflows.engine.items import Item
from workflows.engine.parameters import (
    choice,
    flag,
    group,
    groups,
    number,
    text,
)
from workflows.nodes.files import blobs
from workflows.nodes.files.encodings import ENCODINGS

CSV = {"/operation": ["csv"]}
SHEETS = {"/operation": ["html", "ods", "rtf", "xls", "xlsx"]}
ENCODING = choice("encoding", "File Encoding", ENCODINGS, "utf8")
STRIP_BOM = flag("stripBOM", "Strip BOM", True)
ADD_BOM = flag("addBOM", "Add Byte Order Mark (BOM)")
FILE_NAME = text("fileName", "File Name")
HEADER_ROW = flag("headerRow", "Header Row", True)
KEEP_SOURCE = choice(
    "keepSource", "Keep Source",
    {"json": "JSON", "binary": "Binary", "both": "Both"}, "json",
)  # fmt: skip


def csv_options(**more: Any) -> tuple[Any, ...]:
    """Return the options of reading CSV."""
    return (
        text("delimiter", "Delimiter", ",", **more),
        choice("encoding", "Encoding", ENCODINGS, "utf8", **more),
        flag("enableBOM", "Exclude Byte Order Mark (BOM)", **more),
        number("fromLine", "Starting Line", 0, **more),
        number("maxRowCount", "Max Number of Rows to Load", -1, **more),
        flag("relaxQuotes", "Preserve Quotes", **more),
        groups(
            "skipRecordsWithErrors", "Skip Records With Errors",
            group(
                "value", "Skip Records With Errors",
                flag("enabled", "Enabled"),
                number("maxSkippedRecords", "Max Skipped Records", -1),
            ),
            many=False, **more,
        ),
    )  # fmt: skip


def sheet_options(**more: Any) -> tuple[Any, ...]:
    """Return the options of reading spreadsheets."""
    return (
        flag("rawData", "RAW Data", **more),
        flag("readAsString", "Read As String", **more),
        text("range", "Range", **more),
        text("sheetName", "Sheet Name", **more),
    )


TABLE_OPTIONS = (
    *csv_options(when=CSV),
    HEADER_ROW,
    flag("includeEmptyCells", "Include Empty Cells"),
    *sheet_options(when=SHEETS),
)
PDF_OPTIONS = (
    flag("joinPages", "Join Pages", True),
    KEEP_SOURCE,
    number("maxPages", "Max Pages", 0),
    text("password", "Password", secret=True),
)


def with_source(
    one: Item, found: dict[str, Any], options: dict[str, Any], index: int, *, moved: str = ""
) -> Item:
    """Return the item made of a file, with what `keepSource` wants kept of the item it was in.

    `moved` names the binary field that was turned into JSON: the others stay.
    """
    wanted = options.get("keepSource")
    made: Item = {"json": found, "pairedItem": {"item": index}}
    if wanted in ("json", "both"):
        made["json"] = {**one["json"], **found}
    if wanted in ("binary", "both"):
        made["binary"] = dict(one.get("binary") or {})
    elif moved and (others := blobs.without(one, moved)):
        made["binary"] = others
    return made
