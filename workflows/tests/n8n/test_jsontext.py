"""JSON as text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoosh_site.core.errors import BadInput
from workflows.n8n import jsontext

TEXT = '{"a": {"b":[1,2.0]}, "c" : [ ] , "a":1e3,"d":"x:,{\\"","e":{}, "f": -0.0}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def as_written(text):
    return json.loads(
        text, parse_int="int {}".format, parse_float="float {}".format, object_pairs_hook=list
    )


def test_members_are_found_with_the_last_of_a_doubled_key():
    found = [(p.key, jsontext.cut(TEXT, p)) for p in jsontext.pieces(TEXT)]
    assert found[:3] == [("a", '{"b":[1,2.0]}'), ("c", "[ ]"), ("a", "1e3")]
    assert jsontext.cut(TEXT, jsontext.member(TEXT, "a")) == "1e3"
    assert jsontext.member(TEXT, "b") is None


def test_laying_out_keeps_keys_order_and_numbers():
    laid = jsontext.laid_out(TEXT)
    assert as_written(laid) == as_written(TEXT)
    assert laid.splitlines()[1:4] == ['  "a": {', '    "b": [', "      1,"]


@given(VALUES)
def test_any_json_laid_out_says_the_same(value):
    text = json.dumps(value)
    assert as_written(jsontext.laid_out(text)) == as_written(text)


@given(st.lists(VALUES, max_size=5), st.dictionaries(st.text(), VALUES, max_size=5))
def test_pieces_are_the_values(items, members):
    text = json.dumps(items)
    assert [json.loads(jsontext.cut(text, p)) for p in jsontext.pieces(text)] == items
    text = json.dumps(members, indent=1)
    assert {p.key: json.loads(jsontext.cut(text, p)) for p in jsontext.pieces(text)} == members


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"name": "a", "n": 1.0}', '{"name": "b\\"", "n": 1.0}'),
        ('{"n": 1.0}', '{"name": "b\\"",' + '"n": 1.0}'),
        ("{ }", '{"name": "b\\"" }'),
    ],
)
def test_a_member_is_replaced_or_put_first(text, after):
    assert jsontext.with_member(text, "name", 'b"') == after


def test_doubled_keys_are_noticed():
    assert jsontext.read(TEXT).doubled == ["a"]
    assert type(jsontext.read('{"a": 1}')) is dict


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "there is no JSON in it"),
        ('{"a":', "breaks off at line 1, column 6"),
        ('{\n"a": 1,\n}', "at line 3, column 1"),
        ("[NaN]", "NaN is no JSON"),
        ('["a\tb"]', "Invalid control character at line 1"),
        ("[" * 201, "deeper than 200 levels"),
        ('"' * 200_001, "This is no JSON"),
    ],
)
def test_what_is_no_json_says_where_and_why(text, said):
    with pytest.raises(BadInput, match=said):
        jsontext.read(text)


def test_numbers_too_long_to_count_with_are_read_all_the_same():
    assert jsontext.read("[" + "9" * 5000 + "]") == [float("inf")]
