"""Documents as the engine reads them."""

import pytest

from workflows.engine.document import Document


def document(*ends, **more):
    nodes = [{"name": name, "type": "t.x", "position": [0, 0]} for name in "AB"]
    return Document({"nodes": nodes, "connections": {"A": {"main": [list(ends)]}}, **more})


@pytest.mark.parametrize("index", [-1, 10**9, 100])
def test_a_link_to_an_input_no_node_has_is_left_out(index):
    found = document({"node": "B", "type": "main", "index": index}, {"node": "B"})
    assert found.targets("A") == [[("B", 0)]]
    assert found.origins("B") == [[("A", 0)]]


@pytest.mark.parametrize("end", [None, 7, {"node": "Nowhere"}, {"node": "B", "type": "ai_tool"}])
def test_what_is_no_link_is_left_out(end):
    assert document(end).targets("A") == [[]]


def test_settings_written_as_text_are_read():
    assert document(settings='{"executionOrder": "v1"}').legacy_order is False


def test_silence_about_the_order_means_the_old_one():
    assert document().legacy_order is True
