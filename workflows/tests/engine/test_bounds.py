"""What somebody writes or sends may be odd, but not endless."""

import pytest

from workflows.engine import conversion, patterns, templates
from workflows.engine.errors import NodeError
from workflows.engine.paths import parts
from workflows.nodes.extract_from_file import _moved
from workflows.nodes.files.roots import _alternatives
from workflows.nodes.web.answers import Got
from workflows.nodes.web.request import json_value
from workflows.scripts import paths
from workflows.scripts.plan import needs
from workflows.scripts.wire import Marks

pytestmark = pytest.mark.timeout(20)  # in proportion to the square they take minutes


@pytest.mark.parametrize(
    "read",
    [
        lambda: templates.blocks("{{" * 200_000),
        lambda: needs(("if (0) $('a'" + " " * 200_000 + "x)",)),
        lambda: paths.parse("={{ $json" + " " * 200_000 + "! }}"),
        lambda: parts("[" * 200_000),
    ],
    ids=["blocks", "names", "path", "field"],
)
def test_reading_takes_time_in_proportion_to_the_text(read):
    read()


def test_all_slow_searches_of_a_node_together_are_bounded():
    slow = patterns.pattern("^(a|aa)+$")
    with patterns.limited():
        for _ in range(200):
            with pytest.raises(NodeError, match="took longer"):
                slow.search("a" * 60 + "!")


def test_choices_in_braces_are_bounded():
    assert _alternatives("{a,b}.{c,d}") == ["a.c", "a.d", "b.c", "b.d"]
    with pytest.raises(NodeError, match="choices in braces"):
        _alternatives("{a,b}" * 30)


def test_a_result_of_very_many_values_is_refused():
    with pytest.raises(NodeError, match="too many values"):
        Marks("0123456789abcdef").read(b"[" + b"1," * 5_100_000 + b"1]")


def test_blocks_are_replaced_in_their_places():
    made = templates.replaced("a {{ 1 }} b {{ 2 }}{{ open", lambda block: block[3:4])
    assert made == "a 1 b 2{{ open"


@pytest.mark.parametrize(
    "read",
    [
        conversion.parsed,
        lambda text: json_value(text, "Body"),
        lambda text: _moved(text.encode(), "fromJson", {}),
        lambda text: Got(200, {"content-type": "application/json"}, text.encode(), "").value(
            "json"
        ),
    ],
    ids=["parameter", "body", "file", "answer"],
)
def test_a_text_with_very_many_values_is_not_read_as_json(read):
    with pytest.raises(NodeError, match="2,000,001 values; 2,000,000 can be read as JSON"):
        read("[" + "0," * 2_000_001 + "0]")
