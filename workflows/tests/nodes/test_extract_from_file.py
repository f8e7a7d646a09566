"""Extract from File."""

import asyncio
import datetime
import io

import pytest
import xlsxwriter

from workflows.engine.errors import NodeError
from workflows.nodes.extract_from_file import ExtractFromFile
from workflows.nodes.files.aside import Aside


@pytest.fixture
def extract(run, outside):
    """`extract(b"...", "csv", option=...)`: the JSON of the items that come out."""

    def extracted(data, operation="csv", version=1.1, **options):
        record = asyncio.run(outside.keep(data, mime="text/plain"))
        given = {"json": {"kept": 1}, "binary": {"data": record, "other": record}}
        parameters = {"operation": operation, "options": options}
        (items,) = run(ExtractFromFile, parameters, [given], version=version)
        return items

    return extracted


def values(items):
    return [one["json"] for one in items]


def test_empty_cells_are_left_out_unless_wanted(extract):
    assert values(extract(b"a,b\n1,\n")) == [{"a": "1"}]
    assert values(extract(b"a,b\n1,\n", includeEmptyCells=True)) == [{"a": "1", "b": ""}]


def test_csv_without_header_counts_the_cells(extract):
    assert values(extract(b"x,y\n", headerRow=False)) == [{"row": {"0": "x", "1": "y"}}]


def test_csv_lines_can_be_chosen(extract):
    found = extract(b"# a comment\na\n1\n2\n3\n", fromLine=2, maxRowCount=2)
    assert values(found) == [{"a": "1"}, {"a": "2"}]


def test_a_bad_csv_line_is_named_or_skipped(extract):
    bad = b'a,b\n"x"y,2\n3,4\n'
    with pytest.raises(NodeError, match="Line 2 of the CSV file"):
        extract(bad)
    skip = {"value": {"enabled": True, "maxSkippedRecords": -1}}
    assert values(extract(bad, skipRecordsWithErrors=skip)) == [{"a": "3", "b": "4"}]


def test_a_spreadsheet_is_not_taken_for_csv(extract):
    with pytest.raises(NodeError, match="no CSV but a spreadsheet"):
        extract(book(lambda page: page.write(0, 0, "a")))


def test_a_delimiter_of_two_signs_is_refused(extract):
    with pytest.raises(NodeError, match="no single character"):
        extract(b"a", delimiter="::")


def test_the_encoding_is_found_or_named(extract):
    text = "straße,größe\nweiß,süß\n"
    assert values(extract(text.encode("cp1252"), encoding="windows1252")) == [
        {"straße": "weiß", "größe": "süß"}
    ]
    with pytest.raises(NodeError, match="'klingon' is not known"):
        extract(b"a", encoding="klingon")


def book(write, names=("First",), options=None):
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, options) as found:
        for name in names:
            write(found.add_worksheet(name))
    return made.getvalue()


def test_a_range_and_a_sheet_can_be_chosen(extract):
    def write(page):
        for row, cells in enumerate([["", ""], ["", "n", "m"], ["", 1, page.name]]):
            page.write_row(row, 0, cells)

    data = book(write, ["First", "Second"])
    assert values(extract(data, "xlsx", range="B2:C3", sheetName="Second")) == [
        {"n": 1, "m": "Second"}
    ]
    with pytest.raises(NodeError, match="there is no sheet 'Third'; there are: First, Second"):
        extract(data, "xlsx", sheetName="Third")
    with pytest.raises(NodeError, match="The range 'here' is none"):
        extract(data, "xlsx", range="here")


def test_columns_without_a_name_or_with_the_same_get_one(extract):
    def write(page):
        page.write_row(0, 0, ["a", "a", "", "b"])
        page.write_row(1, 0, [1, 2, 3, 4])

    assert values(extract(book(write), "xlsx")) == [{"a": 1, "a_1": 2, "__EMPTY": 3, "b": 4}]


def test_a_sheet_that_would_fill_the_memory_is_refused(extract):
    def write(page):
        page.write(0, 0, 1)
        page.write(1_048_575, 16_383, 1)

    with pytest.raises(NodeError, match="could not be read"):
        extract(book(write), "xlsx")


def test_a_page_that_would_take_for_ever_is_given_up(extract, monkeypatch):
    monkeypatch.setattr(Aside.__init__, "__defaults__", (0.5,))
    with pytest.raises(NodeError, match="within 0.5 s, so it was given up"):
        extract(b"<table><tr><td>" + b"<div>" * 200_000, "html")


def test_a_table_of_a_page_is_read(extract):
    page = (
        b"<p>x<table><thead><tr><th>a<th colspan=2>b</thead>"
        b"<tr><td>1<br>2<td>&lt;&eacute;<td>3</tr>"
        b"<tr><td data-t=s>007<td><table><tr><td>in</table><td></table><table><tr><td>no</table>"
    )
    assert values(extract(page, "html")) == [
        {"a": "1\n2", "b": "<\u00e9", "__EMPTY": 3}, {"a": "007", "b": "in"},
    ]  # fmt: skip
    with pytest.raises(NodeError, match="has no table"):
        extract(b"<p>", "html")


def test_dates_are_numbers_of_days_as_in_spreadsheets(extract):
    def write(page):
        page.write(0, 0, "when")
        page.write_datetime(1, 0, datetime.datetime(2024, 1, 1, 12))  # noqa: DTZ001

    data = book(write, options={"default_date_format": "yyyy-mm-dd hh:mm"})
    assert values(extract(data, "xlsx")) == [{"when": 45292.5}]


def test_what_is_no_spreadsheet_is_refused(extract):
    with pytest.raises(NodeError, match="no spreadsheet that can be read"):
        extract(b"PK\x03\x04 and no more", "xlsx")


def test_json_that_is_none_is_refused(extract):
    with pytest.raises(NodeError, match="The file's data is not valid JSON"):
        extract(b"{", "fromJson")


@pytest.mark.parametrize("text", [b"[" * 200_000, b"NaN", b'{"a":1} trailing'])
def test_json_that_only_python_would_take_is_refused(extract, text):
    with pytest.raises(NodeError, match="not valid JSON"):
        extract(text, "fromJson")


def test_an_item_without_the_file_is_refused(run):
    with pytest.raises(NodeError, match="binary file 'data', but none was found"):
        run(ExtractFromFile, {"operation": "text"}, [{"a": 1}])


def test_the_other_files_stay_and_the_source_may(extract):
    (one,) = extract(b"hi", "text")
    assert (one["json"], list(one["binary"])) == ({"data": "hi"}, ["other"])
    (one,) = extract(b"hi", "text", keepSource="both")
    assert (one["json"], list(one["binary"])) == ({"kept": 1, "data": "hi"}, ["data", "other"])


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n" * 2,
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\nEND:VCALENDAR\n",
    ],
)
def test_a_calendar_that_is_none_is_refused(extract, text):
    with pytest.raises(NodeError, match="no calendar that can be read"):
        extract(text.encode(), "fromIcs")
