"""Strict YAML: plain data with the line of every value, or one clear error."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoosh_site.core import yamlfile
from whoosh_site.core.errors import BadInput
from whoosh_site.core.yamlfile import dotted, read, write

TEXT = """\
whoosh:
  agents:
    oak:            # a comment
      endpoint: "http://10.0.0.1:11434"
      capabilities: [a, b]
      hardware:
        gpus:
          - gpu_type: X
          - gpu_type: Y
"""
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def problem(text) -> str:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_plain_data_comes_out():
    assert read(TEXT).data["whoosh"]["agents"]["oak"]["hardware"]["gpus"] == [
        {"gpu_type": "X"},
        {"gpu_type": "Y"},
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("whoosh",), 1),
        (("whoosh", "agents", "oak"), 3),
        (("whoosh", "agents", "oak", "endpoint"), 4),
        (("whoosh", "agents", "oak", "capabilities", 1), 5),
        (("whoosh", "agents", "oak", "hardware", "gpus", 1, "gpu_type"), 9),
    ],
)
def test_every_value_knows_its_line(path, line):
    assert read(TEXT).line(path) == line


def test_what_is_missing_has_the_line_of_what_is_around_it():
    document = read(TEXT)
    assert document.line(("whoosh", "agents", "oak", "model")) == 3
    assert document.line(("nothing", "like", "this")) == 1


def test_a_problem_names_line_and_key_path():
    error = read(TEXT).problem(("whoosh", "agents", "oak", "capabilities", 1), "too short")
    assert error.message == "line 5: whoosh.agents.oak.capabilities[1]: too short"
    assert error.details == {"line": 5, "path": "whoosh.agents.oak.capabilities[1]"}


def test_a_problem_with_everything_is_one_of_the_file():
    assert read("a: 1").problem((), "no").message == "line 1: the file: no"


def test_a_path_is_written_as_a_person_would():
    assert dotted(("a", "b", 0, 1, "c")) == "a.b[0][1].c"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: yes", {"a": True}),
        ("a: 1", {"a": 1}),
        ("1: a", {"1": "a"}),
        ("yes: a", {"yes": "a"}),
        ("a:", {"a": None}),
        ("a: '2024-01-01'", {"a": "2024-01-01"}),
        ("- 1\n- 2.5", [1, 2.5]),
        ("just text", "just text"),
        ("---\na: 1\n...\n", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("a: 'ü🌳'", {"a": "ü🌳"}),
    ],
)
def test_the_safe_subset_is_read(text, data):
    assert read(text).data == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a: 1\nb: !!python/object:os.system x",
            "line 2: tag:yaml.org,2002:python/object:os.system",
        ),
        ("a: !Ref x", "line 1: !Ref: tags are not allowed"),
        ("a: !!str 1", "tags are not allowed"),
        ("a: !!binary aGVsbG8=", "tags are not allowed"),
        ("a: 1\nb: &x 1", "line 2: &x: anchors are not allowed"),
        ("a: &x [1]\nb: *x", "line 1: &x: anchors are not allowed"),
        ("a: 1\nb: *x", "aliases are not allowed|undefined alias"),
        ("a: 1\n<<: {b: 2}", "line 2: << merge keys are not allowed"),
        ("? [a, b]\n: 1", "line 1: a key must be plain text"),
        ("a: 1\n---\nb: 2", "line 2: .*another document|line 3"),
    ],
)
def test_more_than_the_safe_subset_is_refused_with_its_line(text, words):
    with pytest.raises(BadInput, match=words):
        read(text)


def test_a_key_that_stands_twice_is_named_with_both_lines():
    text = "whoosh:\n  cluster:\n    name: a\n    region: b\n    name: c\n"
    assert problem(text) == "line 5: whoosh.cluster.name stands twice (first on line 3)"


def test_the_same_key_in_two_places_is_no_duplicate():
    assert read("a: {x: 1}\nb: {x: 2}").data == {"a": {"x": 1}, "b": {"x": 2}}


@pytest.mark.parametrize(
    "text", ["a: 2024-01-01", "a:\n  2024-01-01 10:00:00", "a: [x, 2001-12-14]"]
)
def test_a_date_is_refused_and_quoting_it_advised(text):
    assert "would be read as a date; quote it" in problem(text)


def test_a_lone_equals_sign_is_refused():
    assert "line 1" in problem("a: =")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_is_said_to_be_empty(text):
    assert problem(text) == "line 1: the file is empty"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1,\nb: 2\n", 3), ("a: 1\n b: 2\n", 2), ("a: 'x\n", 2), ("a: 1\n\tb: 2\n", 2)],
)
def test_what_is_no_yaml_has_a_line(text, line):
    message = problem(text)
    assert message.startswith(f"line {line}: not valid YAML: ")


def test_control_characters_are_no_yaml():
    assert "not valid YAML" in problem("a: \x00")


def test_an_alias_bomb_is_refused_before_it_is_lit():
    bomb = "a0: &a0 [x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    began = time.thread_time()
    assert "anchors are not allowed" in problem(bomb)
    assert time.thread_time() - began < 0.5


def test_thirty_levels_are_deep_enough():
    read("[" * 30 + "]" * 30)
    assert problem("[" * 40 + "]" * 40) == "line 1: nested deeper than 30 levels"


@pytest.mark.parametrize("size", [500, 5_000, 100_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_nesting_without_end_is_an_error_and_no_crash(size, start, end):
    began = time.thread_time()
    assert "nested" in problem(start * size + "1" + end * size)
    assert time.thread_time() - began < 5


def test_a_huge_file_is_refused_by_its_size():
    began = time.thread_time()
    assert problem("a: " + "x" * yamlfile.LARGEST) == "the file is larger than 1024 KB"
    assert time.thread_time() - began < 0.5


def test_size_is_counted_in_bytes():
    assert "larger than" in problem("a: " + "ü" * (yamlfile.LARGEST // 2))


def test_a_number_too_long_to_be_one_is_refused():
    assert "line 1: a: '999" in problem("a: " + "9" * 5000)
    assert "is no value" in problem("a: " + "9" * 5000)


@given(plain)
def test_what_was_written_is_read_again(data):
    assert read(write({"data": data})).data == {"data": data}


@given(st.dictionaries(WORDS.filter(bool), st.integers(), min_size=2))
def test_keys_are_written_in_the_order_given(data):
    assert list(read(write(data)).data) == list(data)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text):
    with contextlib.suppress(BadInput):
        text = write(read(text).data)
        assert read(text)


def test_the_same_list_twice_is_written_twice():
    same = ["a"]
    assert "&" not in write({"x": same, "y": same})
    assert write({"x": ["a"]}) == "x:\n  - a\n"


@pytest.mark.parametrize("text", ['a:\n  b: "x\\0y"', 'a:\n  b: "\\ud800"', 'a:\n  "b\\0": 1'])
def test_what_no_database_can_hold_is_refused_with_its_line(text):
    with pytest.raises(BadInput, match="line 2: .*null character or half a character"):
        read(text)
