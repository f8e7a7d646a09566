"""What somebody writes or sends may be odd, but not endless."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from workflows.engine import conversion, patterns, templates
from workflows.engine.bounds import Bounds
from workflows.engine.document import Document
from workflows.engine.errors import NodeError
from workflows.engine.paths import parts
from workflows.engine.scripts import Column, NoScripts
from workflows.execute import Order, execute
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


def test_all_slow_searches_of_a_node_together_are_bounded(monkeypatch):
    monkeypatch.setattr(patterns, "ALTOGETHER", 0.3)
    slow = patterns.pattern("^(a|aa)+$")
    with patterns.limited():
        for _ in range(200):
            with pytest.raises(NodeError, match="took longer"):
                slow.search("a" * 60 + "!")


def filtering(pattern, *texts):
    """Run a Filter over these texts."""
    condition = {
        "id": "1", "leftValue": "={{ $json.text }}", "rightValue": pattern,
        "operator": {"type": "string", "operation": "regex"},
    }  # fmt: skip
    conditions = {"options": {"version": 2}, "conditions": [condition], "combinator": "and"}
    document = Document(
        {
            "nodes": [{"name": "Filter", "type": "n8n-nodes-base.filter", "typeVersion": 2,
                       "parameters": {"conditions": conditions}}],
            "connections": {},
        }
    )  # fmt: skip
    items = [{"json": {"text": text}} for text in texts]
    outside = SimpleNamespace(bounds=Bounds())
    return execute(Order(document, items, start="Filter"), NoPaths(), outside)


class NoPaths(NoScripts):
    """Evaluates the one path these runs need."""

    async def evaluate(self, templates, scope, indexes):
        """Return the texts."""
        texts = {index: scope.items[index]["json"]["text"] for index in indexes}
        return [Column(texts) for _ in templates]


@pytest.fixture
def threads(monkeypatch):
    """The threads searches were made in."""
    found, search = set(), patterns.Pattern.search

    def noted(self, text):
        found.add(threading.current_thread().name.split("_")[0])
        return search(self, text)

    monkeypatch.setattr(patterns.Pattern, "search", noted)
    return found


def test_a_slow_pattern_of_one_run_does_not_hold_up_another(threads, monkeypatch):
    monkeypatch.setattr(patterns, "LONGEST", 0.3)

    async def both():
        slow = asyncio.create_task(filtering("^(a|aa)+$", "a" * 60 + "!"))
        while "searches" not in threads:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        short = await filtering("^m", "moon", "tide")
        waits = not slow.done()
        return short, waits, await slow

    short, waits, slow = asyncio.run(both())
    assert [one["json"] for one in short.steps[-1].outputs[0]] == [{"text": "moon"}]
    assert waits
    assert "took longer" in slow.error["message"]
    assert slow.error["node"] == "Filter"


def test_short_searches_need_no_thread(threads, monkeypatch):
    monkeypatch.setattr(patterns, "AT_ONCE", 1.0)
    outcome = asyncio.run(filtering("/O{2}/i", "moon", "tide"))
    assert len(outcome.steps[-1].outputs[0]) == 1
    assert threads == {"MainThread"}


def test_a_long_pattern_is_read_in_a_thread(threads):
    words = "|".join(f"word{n}" for n in range(400))
    outcome = asyncio.run(filtering(words, "a word399 b", "tide"))
    assert [one["json"]["text"] for one in outcome.steps[-1].outputs[0]] == ["a word399 b"]
    assert threads == {"searches"}


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
