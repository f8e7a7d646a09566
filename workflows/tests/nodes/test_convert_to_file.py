"""Convert to File and Extract from File: what one writes the other reads."""

import json

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.convert_to_file import ConvertToFile
from workflows.nodes.extract_from_file import ExtractFromFile

ROWS = [{"city": "Köln", "people": 1, "open": True}, {"city": "=1+1", "people": 2.5}]


def converted(run, operation, items=ROWS, **parameters):
    (found,) = run(ConvertToFile, {"operation": operation, **parameters}, items)
    return found


def bytes_of(outside, one, field="data"):
    return outside.blobs[one["binary"][field]["id"]]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_a_spreadsheet_keeps_numbers_and_texts_apart(run, kind):
    found = converted(run, kind)
    (rows,) = run(ExtractFromFile, {"operation": kind}, found)
    assert [one["json"] for one in rows] == ROWS
    assert [one["pairedItem"] for one in rows] == [{"item": 0}, {"item": 0}]


def test_csv_gives_texts(run):
    (rows,) = run(ExtractFromFile, {"options": {"enableBOM": True}}, converted(run, "csv"))
    assert [one["json"] for one in rows] == [
        {"city": "Köln", "people": "1", "open": "TRUE"},
        {"city": "=1+1", "people": "2.5"},
    ]


def test_csv_is_written_as_n8n_does(run, outside):
    (one,) = converted(run, "csv", [{"a": 'x "y"', "b": {"c": 1}}])
    assert bytes_of(outside, one) == b'\xef\xbb\xbfa,b.c\n"x ""y""",1'
    assert one["binary"]["data"]["fileName"] == "File.csv"
    assert one["pairedItem"] == [{"item": 0}]


def test_csv_can_have_another_delimiter_and_no_header(run, outside):
    options = {"delimiter": ";", "headerRow": False, "fileName": "report.csv"}
    (one,) = converted(run, "csv", [{"a": 1, "b": 2}], options=options)
    assert bytes_of(outside, one) == b"\xef\xbb\xbf1;2"
    assert one["binary"]["data"]["fileName"] == "report.csv"


def test_html_tables_are_read_back_with_their_types(run):
    (rows,) = run(ExtractFromFile, {"operation": "html"}, converted(run, "html"))
    assert [one["json"] for one in rows] == ROWS


def test_rtf_tables_are_read_back_as_texts(run):
    (rows,) = run(
        ExtractFromFile, {"operation": "rtf"}, converted(run, "rtf", [{"a": "ü{1}", "b": 2}])
    )
    assert [one["json"] for one in rows] == [{"a": "ü{1}", "b": "2"}]


def test_json_of_all_items_is_one_file(run, outside):
    (one,) = converted(run, "toJson")
    assert json.loads(bytes_of(outside, one)) == ROWS
    assert one["pairedItem"] == [{"item": 0}, {"item": 1}]


def test_json_of_each_item_is_a_file_each(run):
    found = converted(run, "toJson", mode="each")
    (back,) = run(ExtractFromFile, {"operation": "fromJson"}, found)
    assert [one["json"] for one in back] == [{"data": row} for row in ROWS]


def test_base64_becomes_bytes(run, outside):
    (one,) = converted(run, "toBinary", [{"a": {"b": "aGk="}}], sourceProperty="a.b")
    assert bytes_of(outside, one) == b"hi"
    (back,) = run(ExtractFromFile, {"operation": "binaryToPropery", "destinationKey": "x.y"}, [one])
    assert back[0]["json"] == {"x": {"y": "aGk="}}


def test_what_is_no_base64_is_refused(run):
    with pytest.raises(NodeError, match="no base64 text") as caught:
        converted(run, "toBinary", [{"a": "!"}], sourceProperty="a")
    assert caught.value.item == 0


def test_text_takes_an_encoding(run, outside):
    options = {"encoding": "utf16le", "addBOM": True}
    (one,) = converted(run, "toText", [{"a": "é"}], sourceProperty="a", options=options)
    assert bytes_of(outside, one) == "\ufeffé".encode("utf-16-le")
    (back,) = run(ExtractFromFile, {"operation": "text"}, [one])
    assert back[0]["json"] == {"data": "é"}


def test_a_missing_field_is_named(run):
    with pytest.raises(NodeError, match="The value in 'b' is not set"):
        converted(run, "toText", [{"a": 1}], sourceProperty="b")


def test_an_event_is_read_back(run):
    more = {
        "description": "with, comma",
        "attendeesUi": {"attendeeValues": [{"name": "Ada", "email": "a@x.org", "rsvp": True}]},
        "recurrenceRule": "FREQ=WEEKLY;COUNT=3",
    }
    found = converted(
        run, "iCal", [{}], title="Talk", start="2024-01-03T10:00:00",
        end="2024-01-03T11:00:00+01:00", additionalFields=more,
    )  # fmt: skip
    (back,) = run(ExtractFromFile, {"operation": "fromIcs"}, found)
    (event,) = back[0]["json"]["data"]["events"]
    assert (event["summary"], event["description"]) == ("Talk", "with, comma")
    assert event["start"] == {"date": "2024-01-03T10:00:00.000Z", "type": "DATE-TIME"}
    assert event["end"]["date"] == "2024-01-03T10:00:00.000Z"
    assert event["attendees"] == [{"email": "a@x.org", "name": "Ada", "rsvp": True}]
    assert event["recurrenceRule"] == {"frequency": "WEEKLY", "count": 3}


def test_an_event_of_whole_days_includes_its_last(run, outside):
    (one,) = converted(run, "iCal", [{}], start="2024-01-03", end="2024-01-04", allDay=True)
    assert b"DTSTART;VALUE=DATE:20240103" in bytes_of(outside, one)
    assert b"DTEND;VALUE=DATE:20240105" in bytes_of(outside, one)


def test_a_start_that_is_no_date_is_named(run):
    with pytest.raises(NodeError, match="Start is 'soon', which is no date"):
        converted(run, "iCal", [{}], start="soon", end="")


def test_where_the_node_goes_on_a_bad_item_tells_its_error(run):
    (found,) = run(
        ConvertToFile, {"operation": "toText", "sourceProperty": "a"}, [{"b": 1}, {"a": "x"}],
        onError="continueRegularOutput",
    )  # fmt: skip
    assert found[0]["json"] == {"error": "The value in 'a' is not set"}
    assert "binary" in found[1]
