"""Tables in text: CSV, HTML and RTF into rows, rows into objects and back."""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError

Row = Sequence[Any]
LONGEST_FIELD = 64 * 1024 * 1024


# -- rows and objects ----------------------------------------------------------------------------


def objects(
    rows: Sequence[Row], *, header: bool = True, empty: bool = False
) -> list[dict[str, Any]]:
    """Return rows as objects named by the first row; without `header`, as `{"row": [...]}`.

    Cells that are None are left out, or "" where `empty` asks for them; rows of nothing are too.
    """
    if not header:
        return [
            {"row": ["" if cell is None and empty else cell for cell in _trimmed(row)]}
            for row in rows
            if _trimmed(row)
        ]
    if not rows:
        return []
    names = _names(rows[0])
    made = []
    for row in rows[1:]:
        cells = dict(zip(names, row, strict=False))
        found = {name: cell for name, cell in cells.items() if cell is not None}
        if not found:
            continue
        made.append(dict.fromkeys(names, "") | found if empty else found)
    return made


def _trimmed(row: Row) -> list[Any]:
    cells = list(row)
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _names(row: Row) -> list[str]:
    """Return column names: a missing one is __EMPTY, a second `a` is a_1 (as SheetJS has it)."""
    names: list[str] = []
    taken: dict[str, int] = {}
    for cell in row:
        name = "__EMPTY" if cell is None or cell == "" else _word(cell)
        count = taken.get(name, 0)
        taken[name] = count + 1
        names.append(f"{name}_{count}" if count else name)
    return names


def table_of(values: Iterable[Mapping[str, Any]], *, header: bool = True) -> list[list[Any]]:
    """Return objects as rows under a row of their names; inner objects become `a.b` columns."""
    flat = [dict(_flat(value)) for value in values]
    names = list(dict.fromkeys(name for one in flat for name in one))
    rows = [[one.get(name) for name in names] for one in flat]
    return [[*names], *rows] if header else rows


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _flat(one, f"{path}.{place}" if path else str(place))
    else:
        yield path, value


def cut(rows: Sequence[Row], wanted: str) -> Sequence[Row]:
    """Return the part of a sheet, counted from A1, that a range names: A2:C9, or a first row."""
    if re.fullmatch(r"\d+", wanted):
        return rows[int(wanted) :]
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d*)(?::\$?([A-Z]{1,3})\$?(\d*))?", wanted.upper())
    if found is None:
        raise NodeError(
            f"The range {wanted!r} is none: write it like A2:C9, or the number of the first row."
        )
    left, top, right, bottom = found.groups()
    columns = slice(_column(left), _column(right or left) + 1)
    lines = slice(int(top or 1) - 1, int(bottom) if bottom else None if right else int(top or 1))
    return [row[columns] for row in rows[lines]]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _word(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e21:
        return str(int(cell))
    return str(cell)


# -- CSV -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CsvForm:
    """How a CSV text is to be read. `skipped` is how many bad lines are passed over; -1: any."""

    delimiter: str = ","
    header: bool = True
    empty: bool = False
    relaxed: bool = False
    first_line: int = 1
    most_rows: int = -1
    skipped: int = 0


def read_csv(text: str, form: CsvForm) -> list[dict[str, Any]]:
    """Return the rows of a CSV text as objects of texts; NodeError names the line that is none."""
    delimiter = {"\\t": "\t", "": ","}.get(form.delimiter, form.delimiter)
    if len(delimiter) != 1:
        raise NodeError(f"The delimiter {form.delimiter!r} is no single character.")
    csv.field_size_limit(LONGEST_FIELD)
    lines = io.StringIO(text, newline="")
    for _ in range(form.first_line - 1):
        lines.readline()
    rows = _csv_rows(csv.reader(lines, delimiter=delimiter, strict=not form.relaxed), form)
    made: list[dict[str, Any]] = []
    names: list[str] | None = None
    for row in rows:
        if form.header and names is None:
            names = row
        elif 0 <= form.most_rows <= len(made):
            break
        elif names is None:
            made.append({"row": {str(place): cell for place, cell in enumerate(row)}})
        else:
            cells = zip(names, row, strict=False)
            made.append({name: cell for name, cell in cells if cell != "" or form.empty})
    return made


def _csv_rows(reader: Any, form: CsvForm) -> Iterator[list[str]]:
    bad = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            bad += 1
            if form.skipped < 0 or bad <= form.skipped:
                continue
            line = reader.line_num + form.first_line - 1
            raise NodeError(
                f"Line {line} of the CSV file cannot be read: {error}",
                description="Mend the line, or turn on 'Relax Quotes' or 'Skip Records With "
                "Errors'.",
            ) from error
        if row:
            yield row


def write_csv(rows: Sequence[Row], delimiter: str = ",") -> str:
    """Return rows as CSV text, without a newline at its end."""
    delimiter = {"\\t": "\t", "": ","}.get(delimiter, delimiter)
    if len(delimiter) != 1:
        raise NodeError(f"The delimiter {delimiter!r} is no single character.")
    made = io.StringIO()
    writer = csv.writer(made, delimiter=delimiter, lineterminator="\n")
    writer.writerows([[_word(cell) for cell in row] for row in rows])
    return made.getvalue().removesuffix("\n")


# -- HTML ----------------------------------------------------------------------------------------


def html_rows(cells: Sequence[Sequence[Sequence[Any] | None]]) -> list[list[Any]]:
    """Return the rows of a table that `reader.html` found: numbers and true or false are typed."""
    return [
        [None if cell is None or cell[0] == "" else _html_value(*cell) for cell in row]
        for row in cells
    ]


def _html_value(text: str, is_text: bool) -> Any:
    return text if is_text else guessed(text)


def guessed(text: str) -> Any:
    """Return a cell's text as the number, truth value or text it looks like."""
    if re.fullmatch(r"-?(\d+|\d*\.\d+)([eE][+-]?\d+)?", text):
        number = float(text)
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    return {"TRUE": True, "FALSE": False, "true": True, "false": False}.get(text, text)


def write_html(rows: Sequence[Row]) -> str:
    """Return rows as an HTML page with one table."""
    lines = "".join(f"<tr>{''.join(_html_cell(cell) for cell in row)}</tr>" for row in rows)
    head = '<meta charset="utf-8"/><title>Table</title>'
    return f"<html><head>{head}</head><body><table>{lines}</table></body></html>"


def _html_cell(cell: Any) -> str:
    if cell is None:
        return "<td></td>"
    kind = "b" if isinstance(cell, bool) else "n" if isinstance(cell, int | float) else "s"
    words = html.escape(_word(cell))
    return f'<td data-t="{kind}" data-v="{words}">{words}</td>'


# -- RTF -----------------------------------------------------------------------------------------

_RTF = re.compile(r"\\([a-z]+)(-?\d+)? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}]+)", re.I)
_RTF_WORDS = {"par": "\n", "line": "\n", "tab": "\t", "emdash": "—", "endash": "–"}
_RTF_HIDDEN = ("fonttbl", "colortbl", "stylesheet", "info", "pict", "header", "footer")


def read_rtf(text: str) -> list[list[Any]]:
    """Return the table rows of an RTF text; cells are texts."""
    reader = _Rtf()
    for found in _RTF.finditer(text):
        reader.take(*found.groups())
    if not reader.rows:
        raise NodeError("The RTF file has no table.")
    return reader.rows


class _Rtf:
    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.row: list[Any] = []
        self.text = ""
        self.hidden: list[bool] = [False]
        self.replaced = 0

    def take(self, word: str, number: str, code: str, sign: str, brace: str, plain: str) -> None:
        """Take one piece of the text; one of the arguments is there."""
        if brace:
            self._brace(brace)
        elif word:
            self._word(word, number)
        elif self.hidden[-1]:
            if sign == "*":
                self.hidden[-1] = True
        elif code:
            self._add(bytes.fromhex(code).decode("cp1252", "replace"))
        elif sign == "*":
            self.hidden[-1] = True
        elif sign:
            self._add({"~": "\u00a0", "_": "-"}.get(sign, sign if sign in "\\{}" else ""))
        else:
            self._add(plain.replace("\r", "").replace("\n", ""))

    def _brace(self, brace: str) -> None:
        if brace == "{":
            self.hidden.append(self.hidden[-1])
        elif len(self.hidden) > 1:
            self.hidden.pop()

    def _word(self, word: str, number: str) -> None:
        if word in _RTF_HIDDEN:
            self.hidden[-1] = True
        elif self.hidden[-1]:
            return
        elif word == "trowd":
            self.row, self.text = [], ""
        elif word == "cell":
            self.row.append(self.text.strip() or None)
            self.text = ""
        elif word == "row":
            self.rows.append(self.row)
            self.row, self.text = [], ""
        elif word == "u" and number:
            self.text += chr(int(number) % 65_536)
            self.replaced = 1
        else:
            self.text += _RTF_WORDS.get(word, "")

    def _add(self, text: str) -> None:
        # After \u stands one character for readers that know no Unicode.
        self.text += text[self.replaced :]
        self.replaced = max(0, self.replaced - len(text))


def write_rtf(rows: Sequence[Row]) -> str:
    """Return rows as an RTF text with one table."""
    made = [r"{\rtf1\ansi"]
    for row in rows:
        edges = "".join(rf"\cellx{(n + 1) * 1440}" for n in range(len(row)))
        cells = "".join(rf" {_rtf_text(_word(cell))}\cell" for cell in row)
        made.append(rf"\trowd\trautofit1{edges}\pard\intbl{cells}\pard\intbl\row")
    return "".join([*made, "}"])


def _rtf_text(text: str) -> str:
    made = []
    for one in text:
        if one in "\\{}":
            made.append("\\" + one)
        elif one == "\n":
            made.append(r"\line ")
        elif ord(one) < 128:
            made.append(one)
        else:
            units = one.encode("utf-16-be")
            for place in range(0, len(units), 2):
                unit = int.from_bytes(units[place : place + 2], "big")
                made.append(rf"\u{unit - 65_536 if unit > 32_767 else unit}?")
    return "".join(made)
