"""Writing spreadsheets: xlsx, xls and ods. A text stays text: it never becomes a formula."""

import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workflows.engine.errors import NodeError

Row = Sequence[Any]
MOST_XLS_ROWS, MOST_XLS_COLUMNS = 65_536, 256


def write_xlsx(rows: Sequence[Row], name: str, compressed: bool) -> bytes:
    """Return a workbook of one sheet."""
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxWriterException

    made = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False, "nan_inf_to_errors": True,
    }  # fmt: skip
    try:
        with xlsxwriter.Workbook(made, options) as book:
            page = book.add_worksheet(name)
            for place, row in enumerate(rows):
                page.write_row(place, 0, [_cell(one) for one in row])
    except XlsxWriterException as error:
        raise NodeError(f"The spreadsheet cannot be written: {error}") from error
    return made.getvalue()


def write_xls(rows: Sequence[Row], name: str, compressed: bool) -> bytes:
    """Return a workbook of one sheet in the format before 2007."""
    import xlwt

    if len(rows) > MOST_XLS_ROWS or max(map(len, rows), default=0) > MOST_XLS_COLUMNS:
        raise NodeError(
            f"An xls file has at most {MOST_XLS_ROWS} rows and {MOST_XLS_COLUMNS} columns; "
            "write an xlsx file instead."
        )
    book = xlwt.Workbook(encoding="utf-8")
    try:
        page = book.add_sheet(name)
        for place, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell is not None:
                    page.write(place, column, _cell(cell))
    except Exception as error:
        raise NodeError(f"The spreadsheet cannot be written: {error}") from error
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _cell(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | float | int):
        return cell if not isinstance(cell, int) or abs(cell) < 2**53 else str(cell)
    return str(cell)


_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODS_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest manifest:version="1.2" '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
    "</manifest:manifest>"
)
_ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content office:version="1.2" '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    "<office:body><office:spreadsheet>"
)
_ODS_TAIL = "</office:spreadsheet></office:body></office:document-content>"


def write_ods(rows: Sequence[Row], name: str, compressed: bool) -> bytes:
    """Return an OpenDocument spreadsheet of one sheet (OASIS ODF 1.2)."""
    import zipfile

    lines = [
        f"<table:table-row>{''.join(_ods_cell(cell) for cell in row)}</table:table-row>"
        for row in rows
    ]
    head = f'<table:table table:name="{html.escape(name)}">'
    table = f"{head}{''.join(lines)}</table:table>"
    made = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mimetype", _ODS_TYPE)  # first and stored, as the format wants it
        archive.writestr("META-INF/manifest.xml", _ODS_MANIFEST, method)
        archive.writestr("content.xml", f"{_ODS_HEAD}{table}{_ODS_TAIL}", method)
    return made.getvalue()


def _ods_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, bool):
        word = "true" if cell else "false"
        typed = f'office:value-type="boolean" office:boolean-value="{word}"'
    elif isinstance(cell, int | float):
        typed = f'office:value-type="float" office:value="{cell!r}"'
    else:
        typed = 'office:value-type="string"'
    words = html.escape(_xml_text(cell), quote=False)
    lines = "".join(f"<text:p>{line}</text:p>" for line in words.split("\n"))
    return f"<table:table-cell {typed}>{lines}</table:table-cell>"


def _xml_text(cell: Any) -> str:
    """Return a cell's text without the characters XML cannot hold."""
    return "".join(one for one in str(cell) if one in "\t\n" or one >= " ")


WRITERS: Mapping[str, Callable[[Sequence[Row], str, bool], bytes]] = {
    "xlsx": write_xlsx,
    "xls": write_xls,
    "ods": write_ods,
}
