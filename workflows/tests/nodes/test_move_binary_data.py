"""Convert to/from binary data."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.move_binary_data import MoveBinaryData


@pytest.fixture
def holding(outside):
    def made(data):
        record = asyncio.run(outside.keep(data, mime="text/plain"))
        return [{"json": {"kept": 1}, "binary": {"data": record}}]

    return made


def to_binary(run, items, **parameters):
    (found,) = run(MoveBinaryData, {"mode": "jsonToBinary", **parameters}, items)
    return found[0]


def test_all_data_goes_there_and_back(run):
    one = to_binary(run, [{"a": 1, "b": {"c": "é"}}])
    assert (one["json"], one["binary"]["data"]["mimeType"]) == ({}, "application/json")
    (back,) = run(MoveBinaryData, {}, [one])
    assert back == [{"json": {"a": 1, "b": {"c": "é"}}, "pairedItem": {"item": 0}}]


def test_one_field_is_moved(run, outside):
    one = to_binary(
        run, [{"a": {"b": "aGk=", "c": 1}}], convertAllData=False, sourceKey="a.b",
        destinationKey="file", options={"dataIsBase64": True, "mimeType": "text/x"},
    )  # fmt: skip
    assert one["json"] == {"a": {"c": 1}}
    assert outside.blobs[one["binary"]["file"]["id"]] == b"hi"


def test_raw_data_is_not_turned_into_json(run, outside):
    for raw, expected in ((True, b"hi"), (False, b'"hi"')):
        options = {"useRawData": raw, "keepSource": True, "fileName": "a.txt"}
        one = to_binary(run, [{"a": "hi"}], convertAllData=False, sourceKey="a", options=options)
        assert outside.blobs[one["binary"]["data"]["id"]] == expected
        assert one["json"] == {"a": "hi"}


def test_a_file_is_put_into_a_field(run, holding):
    parameters = {"setAllData": False, "destinationKey": "x.y"}
    for options, expected in (
        ({}, '{"a":1}'), ({"jsonParse": True}, {"a": 1}), ({"keepAsBase64": True}, "eyJhIjoxfQ=="),
    ):  # fmt: skip
        (items,) = run(MoveBinaryData, {**parameters, "options": options}, holding(b'{"a":1}'))
        assert items[0]["json"] == {"kept": 1, "x": {"y": expected}}
        assert "binary" not in items[0]


def test_an_item_without_the_file_goes_no_further(run, holding):
    (items,) = run(MoveBinaryData, {}, [{"a": 1}, *holding(b"{}")])
    assert [one["pairedItem"] for one in items] == [{"item": 1}]


def test_what_is_no_json_or_not_there_is_named(run, holding):
    with pytest.raises(NodeError, match="not valid JSON"):
        run(MoveBinaryData, {}, holding(b"{"))
    with pytest.raises(NodeError, match="'x' is not set"):
        to_binary(run, [{}], convertAllData=False, sourceKey="x")
