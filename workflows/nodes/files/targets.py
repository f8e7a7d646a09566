"""Writing objects as a table file of any of the kinds there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.nodes.files.kinds import mime_of
from workflows.nodes.files.sheets import WRITERS
from workflows.nodes.files.tables import table_of, write_csv, write_html, write_rtf

TABLES = ("csv", "html", "ods", "rtf", "xls", "xlsx")


def write_table(
    values: Sequence[Mapping[str, Any]], kind: str, options: Mapping[str, Any]
) -> tuple[bytes, str, str]:
    """Return a file's bytes, MIME type and name. CSV begins with a byte order mark (n8n)."""
    rows = table_of(values, header=options.get("headerRow", True) is not False)
    name = str(options.get("fileName") or f"File.{kind}")
    if kind in WRITERS:
        sheet = str(options.get("sheetName") or "Sheet")
        data = WRITERS[kind](rows, sheet, options.get("compression") is True)
    elif kind == "csv":
        data = ("\ufeff" + write_csv(rows, str(options.get("delimiter") or ","))).encode()
    elif kind == "html":
        data = write_html(rows).encode()
    else:
        data = write_rtf(rows).encode()
    return data, mime_of(f"x.{kind}"), name
