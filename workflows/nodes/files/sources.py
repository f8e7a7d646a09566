"""Reading tables out of files of any of the kinds there are."""

import asyncio
from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.files.aside import Aside
from workflows.nodes.files.encodings import decoded
from workflows.nodes.files.tables import (
    CsvForm,
    cut,
    guessed,
    html_rows,
    objects,
    read_csv,
    read_rtf,
)

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


async def read_table(
    aside: Aside, data: bytes, kind: str, options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of a file as objects.

    `kind` is csv, or anything else: a spreadsheet goes by its bytes, as spreadsheet programs do.
    """
    if kind == "csv":
        if data.startswith((_ZIP, _OLE)):
            raise NodeError("The file is no CSV but a spreadsheet: choose its own kind.")
        text = _text(data, options, bom=options.get("enableBOM") is True)
        return await asyncio.to_thread(read_csv, text, _form(options))
    wanted = str(options.get("range") or "").strip()
    if data.startswith((_ZIP, _OLE)):
        rows = await aside.read(
            "sheet", data, sheet=str(options.get("sheetName") or ""), anchored=bool(wanted)
        )
    else:
        text = _text(data, options, bom=True)
        rows = await _from_text(aside, text, raw=options.get("rawData") is True)
    return objects(
        cut(rows, wanted) if wanted else rows,
        header=options.get("headerRow", True) is not False,
        empty=options.get("includeEmptyCells") is True,
    )


def _text(data: bytes, options: Mapping[str, Any], *, bom: bool) -> str:
    return decoded(data, str(options.get("encoding") or ""), bom=bom)


def _form(options: Mapping[str, Any]) -> CsvForm:
    skip = (options.get("skipRecordsWithErrors") or {}).get("value") or {}
    most = int(options.get("maxRowCount") or -1)
    return CsvForm(
        delimiter=str(options.get("delimiter") or ","),
        header=options.get("headerRow", True) is not False,
        empty=options.get("includeEmptyCells") is True,
        relaxed=options.get("relaxQuotes") is True,
        first_line=max(int(options.get("fromLine") or 1), 1),
        most_rows=most if most > 0 else -1,
        skipped=int(skip.get("maxSkippedRecords", -1)) if skip.get("enabled") else 0,
    )


async def _from_text(aside: Aside, text: str, *, raw: bool) -> list[list[Any]]:
    start = text.lstrip()[:500].lower()
    if start.startswith("{\\rtf"):
        return await asyncio.to_thread(read_rtf, text)
    if start.startswith("<?xml") and "<table" not in text.lower():
        raise NodeError("The file is XML; spreadsheets in XML cannot be read. Save it as xlsx.")
    if start.startswith("<"):
        rows = html_rows(await aside.read("html", text.encode("utf-8", "replace")))
        return [[None if one is None else str(one) for one in row] for row in rows] if raw else rows
    # SheetJS takes any other text for CSV.
    form = CsvForm(header=False, empty=True, relaxed=True)
    found = await asyncio.to_thread(read_csv, text, form)
    lines = [list(one["row"].values()) for one in found]
    return [[None if one == "" else one if raw else guessed(one) for one in row] for row in lines]
