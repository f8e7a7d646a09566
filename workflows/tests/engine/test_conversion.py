"""Conversions, dates, patterns and paths."""

import pytest

from workflows.engine import paths
from workflows.engine.conversion import NotConverted, converted, number, number_text, text
from workflows.engine.errors import NodeError
from workflows.engine.moments import moment
from workflows.engine.patterns import Pattern, pattern
from workflows.engine.values import UNDEFINED, DateTimeText


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", 0), (" 5 ", 5), ("0x10", 16), ("1e3", 1000), (".5", 0.5), ("-Infinity", float("-inf")),
        (None, 0), (True, 1), ([], 0), (["7"], 7), ("007", 7),
    ],
)  # fmt: skip
def test_a_number_is_read_as_javascript_reads_it(value, found):
    assert number(value) == found


@pytest.mark.parametrize("value", ["5,5", "abc", "1_000", {}, [1, 2], UNDEFINED, "0x"])
def test_what_is_no_number_is_not_one(value):
    assert number(value) != number(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1"), (0.1, "0.1"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.00001, "0.00001"),
        (123456789012345680000, "123456789012345680000"), (float("nan"), "NaN"), (-0.5, "-0.5"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_javascript_writes_it(value, written):
    assert number_text(value) == written


def test_lists_and_objects_have_javascripts_texts():
    assert text([1, None, "a", [True]]) == "1,,a,true"
    assert text({"a": 1}) == "[object Object]"


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        (12, "string", "12"), ({"a": 1.0}, "string", '{"a":1}'), ("12.5", "number", 12.5),
        ("TRUE", "boolean", True), ("000", "boolean", False), (1, "boolean", True),
        ("['x']", "array", ["x"]), ("{a: 'b', c: [1,]}", "object", {"a": "b", "c": [1]}),
        (None, "number", None), (UNDEFINED, "array", None),
        (DateTimeText("2024-01-01T00:00:00.000+01:00[Europe/Paris]"), "string",
         "2024-01-01T00:00:00.000+01:00"),
    ],
)  # fmt: skip
def test_a_value_becomes_the_wanted_type(value, kind, made):
    assert converted("x", value, kind) == made


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("abc", "number", "'x' expects a number but we got 'abc'"),
        ("yes", "boolean", "'x' expects a boolean but we got 'yes'"),
        ("{}", "array", "'x' expects a array but we got '{}'"),
        ([1], "object", "'x' expects a object but we got array"),
        (1685084980, "dateTime", "'x' expects a dateTime but we got '1685084980'"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_field(value, kind, words):
    with pytest.raises(NotConverted) as caught:
        converted("x", value, kind)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2024-01-15", "2024-01-15T00:00:00+01:00"),
        ("2024-01-15T10:30:00.4999Z", "2024-01-15T10:30:00.499000+00:00"),
        ("2024-01-15 10:30:00", "2024-01-15T10:30:00+01:00"),
        ("2024-W03-1", "2024-01-15T00:00:00+01:00"),
        ("2024-015", "2024-01-15T00:00:00+01:00"),
        ("Tue, 4 Jun 2013 02:24:39 +0530", "2013-06-04T02:24:39+05:30"),
        ("Tue, 15 Nov 1994 12:45:26 GMT", "1994-11-15T12:45:26+00:00"),
        ("1-Feb-2024", "2024-02-01T00:00:00+01:00"),
        ("February 1, 2024 3:05 pm", "2024-02-01T15:05:00+01:00"),
        ("2/15/2024", "2024-02-15T00:00:00+01:00"),
        ("Sat Aug 31 2019 01:54:40 GMT+0300 (Somewhere)", "2019-08-31T01:54:40+03:00"),
    ],
)
def test_a_date_is_read_in_many_forms(written, iso):
    found = moment(written, "Europe/Paris")
    assert found is not None
    assert found.isoformat() == iso


@pytest.mark.parametrize("written", ["", "abc", "18-05-2020", "15/01/2024", "5,5", "2024-13-01"])
def test_what_is_no_date_is_none(written):
    assert moment(written) is None


@pytest.mark.parametrize(
    ("written", "text", "found"),
    [
        ("/^fo{2}$/g", "foo", True), ("^a$", "a\n", False), (r"(?<y>\d)-\k<y>", "1-1", True),
        ("/A/", "a", False), ("/A/i", "a", True), ("[^]", "\n", True), (r"\u{41}", "A", True),
        (r"a\/b", "a/b", True), ("/É/i", "é", True), (r"^\w$", "é", False),
    ],
)  # fmt: skip
def test_a_pattern_is_read_as_javascripts(written, text, found):
    assert pattern(written).found(text) is found


def test_a_bad_pattern_is_told():
    with pytest.raises(NodeError, match="Invalid regular expression: /\\(/"):
        pattern("(")


@pytest.mark.parametrize(
    "source", ["((a{100}){100}){100}", "(?:" * 5000 + ")" * 5000, "a" * 200_000]
)
def test_a_pattern_that_grows_too_large_is_refused(source):
    with pytest.raises(NodeError, match="Invalid regular expression"):
        Pattern(source)


def test_a_pattern_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr("workflows.engine.patterns.LONGEST", 0.05)
    with pytest.raises(NodeError, match="took longer than"):
        Pattern("^(a|a)*$").found("a" * 40 + "b")


def test_a_path_is_read_and_put_without_changing_what_was_there():
    before = {"a": {"b": [1]}}
    after = paths.put(before, paths.parts("a.b[2].c"), 5)
    assert after == {"a": {"b": [1, None, {"c": 5}]}}
    assert before == {"a": {"b": [1]}}
    assert paths.at(after, paths.parts("a['b'][2].c")) == 5
    assert paths.without(after, paths.parts("a.b")) == {"a": {}}


def test_a_path_may_not_make_a_list_without_end():
    with pytest.raises(ValueError, match="beyond"):
        paths.put({}, paths.parts("a[99999999]"), 1)
