"""Reads spreadsheets, pages and PDF files in a process of its own: they may be hostile.

Run as a script by `workflows.nodes.files.aside`, with limits on memory and time. Requests and
replies go over stdin and stdout: two lengths (header, data), a JSON header, the data; back a
length and JSON, `{"value": ...}` or `{"error": "..."}`.
"""

import io
import json
import re
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO

MEMORY = 1536 * 1024 * 1024
SECONDS = 60
MOST_CELLS = 5_000_000
SECTIONS = ("thead", "tbody", "tfoot")
WIDEST = 1_000
FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 a spreadsheet's day 0 has no zone


def sheet(data: bytes, options: Mapping[str, Any]) -> list[list[Any]]:
    """Return the rows of one sheet (`sheet`: its name; the first when empty).

    Empty cells are None; dates are numbers of days, as spreadsheets store them. `anchored` keeps
    empty rows and columns before the first cell, so that places can be counted from A1.
    """
    import python_calamine

    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        name = options.get("sheet") or (book.sheet_names or [""])[0]
        if name not in book.sheet_names:
            raise ValueError(
                f"there is no sheet {name!r}; there are: {', '.join(book.sheet_names)}"
            )
        found = book.get_sheet_by_name(name)
        if (found.total_height or 0) * (found.total_width or 0) > MOST_CELLS:
            raise ValueError(f"the sheet has more than {MOST_CELLS} cells")
        rows = found.to_python(skip_empty_area=not options.get("anchored"))
    except python_calamine.PasswordError as error:
        raise ValueError("it is protected by a password") from error
    except python_calamine.CalamineError as error:
        raise ValueError(f"it is no spreadsheet that can be read ({error})") from error
    return [[_cell(one) for one in row] for row in rows]


def _cell(value: Any) -> Any:
    if value == "" or value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    if isinstance(value, time):
        return (value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    if isinstance(value, date):
        midnight = datetime.min.time()
        whole = value if isinstance(value, datetime) else datetime.combine(value, midnight)
        days = (whole - FIRST_DAY) / timedelta(days=1)
        return int(days) if days.is_integer() else days
    return value


def pdf(data: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the text and the facts of a PDF file; `password`, `pages` (0: all), `join`."""
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        found = pypdf.PdfReader(io.BytesIO(data))
        if found.is_encrypted and not found.decrypt(str(options.get("password") or "")):
            raise ValueError("it is encrypted and the password does not open it")
        count = len(found.pages)
        wanted = min(count, int(options.get("pages") or 0) or count)
        texts = [_tidy(found.pages[n].extract_text()) for n in range(wanted)]
        return {
            "numpages": count,
            "numrender": wanted,
            "info": _facts(found, data),
            **({"metadata": more} if (more := _metadata(found)) else {}),
            "text": "\n\n".join(texts) if options.get("join", True) else texts,
            "version": pypdf.__version__,
        }
    except PyPdfError as error:
        raise ValueError(f"it is no PDF file that can be read ({error})") from error


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def _facts(found: Any, data: bytes) -> dict[str, Any]:
    root = found.root_object
    form = root.get("/AcroForm")
    form = form.get_object() if form is not None else {}
    encryption = found.trailer.get("/Encrypt")
    info = {
        "PDFFormatVersion": found.pdf_header.removeprefix("%PDF-"),
        "Language": None if root.get("/Lang") is None else str(root["/Lang"]),
        "EncryptFilterName": None
        if encryption is None
        else str(encryption.get_object().get("/Filter", "/Standard")).lstrip("/"),
        "IsLinearized": b"/Linearized" in data[:1024],
        "IsAcroFormPresent": bool(form.get("/Fields")),
        "IsXFAPresent": "/XFA" in form,
        "IsCollectionPresent": "/Collection" in root,
        "IsSignaturesPresent": bool(int(form.get("/SigFlags", 0)) & 1),
    }
    for key, value in (found.metadata or {}).items():
        info[str(key).lstrip("/")] = str(value)
    return info


def _metadata(found: Any) -> dict[str, Any]:
    """Return what the file's XMP packet says, where it has one that can be read."""
    try:
        xmp = found.xmp_metadata
    except Exception:
        return {}
    names = {
        "dc:title": "dc_title", "dc:creator": "dc_creator", "dc:description": "dc_description",
        "dc:format": "dc_format", "xmp:createdate": "xmp_create_date",
        "xmp:modifydate": "xmp_modify_date", "xmp:creatortool": "xmp_creator_tool",
        "pdf:producer": "pdf_producer",
    }  # fmt: skip
    told = {} if xmp is None else {key: getattr(xmp, name, None) for key, name in names.items()}
    return {key: _plain(value) for key, value in told.items() if value}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return str(value.get("x-default") or next(iter(value.values()), ""))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else str(value)


def html(data: bytes, options: Mapping[str, Any]) -> list[list[list[Any] | None]]:
    """Return the first table of an HTML page (in UTF-8): of each cell its text, and whether it is
    marked as text; None where another cell spans. `data-t` and `data-v` are SheetJS's marks.
    """
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(re.sub(rb"(?i)<br\s*/?>", b"\n", data))
    table = page.css_first("table")
    if table is None:
        raise ValueError("it has no table")
    lines = []
    for part in table.iter():
        lines += [part] if part.tag == "tr" else part.iter() if part.tag in SECTIONS else []
    return [
        [cell for one in line.iter() if one.tag in ("td", "th") for cell in _html_cells(one)]
        for line in lines
        if line.tag == "tr"
    ]


def _html_cells(node: Any) -> list[list[Any] | None]:
    hints = node.attributes
    marked = hints.get("data-v") if hints.get("data-t") in ("n", "b") else None
    text = node.text(deep=True).strip() if marked is None else marked
    span = hints.get("colspan") or "1"
    width = min(max(int(span), 1), WIDEST) if re.fullmatch(r"\d{1,9}", span) else 1
    return [[text, hints.get("data-t") == "s"], *[None] * (width - 1)]


KINDS: Mapping[str, Callable[[bytes, Mapping[str, Any]], Any]] = {
    "sheet": sheet,
    "pdf": pdf,
    "html": html,
}


def answer(header: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """Read one file; what goes wrong is told, whatever it is."""
    try:
        return {"value": KINDS[header["kind"]](data, header["options"])}
    except ValueError as error:
        return {"error": str(error)}
    except (MemoryError, RecursionError):
        return {"error": "it needs more memory than a file may take"}
    except Exception as error:
        return {"error": f"it is damaged ({type(error).__name__}: {str(error)[:200]})"}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the other side closes."""
    while len(lengths := source.read(8)) == 8:
        header_length, data_length = struct.unpack(">II", lengths)
        header = json.loads(source.read(header_length))
        reply = json.dumps(answer(header, source.read(data_length))).encode()
        sink.write(struct.pack(">I", len(reply)) + reply)
        sink.flush()


def confine() -> None:
    """Limit what this process may take. Where the system has no such limits, none hold."""
    import resource

    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue


if __name__ == "__main__":
    confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)
