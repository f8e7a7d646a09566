"""Spreadsheet File."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.spreadsheet_file import SpreadsheetFile

ROWS = [{"a": 1, "b": "x"}, {"a": 2}]


@pytest.mark.parametrize("kind", ["xls", "xlsx", "ods", "html"])
@pytest.mark.parametrize("version", [1, 2])
def test_what_is_written_is_read_back_whatever_it_is(run, kind, version):
    (files,) = run(SpreadsheetFile, {"operation": "toFile", "fileFormat": kind}, ROWS)
    assert files[0]["binary"]["data"]["fileName"] == f"spreadsheet.{kind}"
    assert files[0]["pairedItem"] == [{"item": 0}, {"item": 1}]
    (rows,) = run(SpreadsheetFile, {}, files, version=version)
    assert [one["json"] for one in rows] == ROWS


@pytest.fixture
def reading(run, outside):
    def made(data, mime="text/csv", version=2, **parameters):
        record = asyncio.run(outside.keep(data, mime=mime))
        items = [{"json": {}, "binary": {"data": record}}]
        (rows,) = run(SpreadsheetFile, parameters, items, version=version)
        return [one["json"] for one in rows]

    return made


def test_csv_is_text_since_version_2_and_guessed_before(reading):
    assert reading(b"a\n1\n") == [{"a": "1"}]
    assert reading(b"a\n1\n", version=1) == [{"a": 1}]
    assert reading(b"a\n1\n", mime="x/y", fileFormat="csv") == [{"a": "1"}]


def test_a_byte_order_mark_is_kept_unless_excluded(reading):
    data = "\ufeffa\n1\n".encode()
    assert reading(data, fileFormat="csv") == [{"\ufeffa": "1"}]
    assert reading(data, fileFormat="csv", options={"enableBOM": True}) == [{"a": "1"}]


def test_rows_without_header_are_lists(reading):
    options = {"headerRow": False}
    assert reading(b"a,b\n1,2\n", version=1, options=options) == [
        {"row": ["a", "b"]}, {"row": [1, 2]},
    ]  # fmt: skip


def test_a_format_that_is_none_is_named(run):
    with pytest.raises(NodeError, match="'docx' cannot be written"):
        run(SpreadsheetFile, {"operation": "toFile", "fileFormat": "docx"}, ROWS)
