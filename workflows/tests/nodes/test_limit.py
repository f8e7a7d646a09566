"""Limit."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.limit import Limit


@pytest.mark.parametrize(
    ("keep", "most", "left"),
    [("firstItems", 2, [0, 1]), ("lastItems", 2, [1, 2]), ("lastItems", 9, [0, 1, 2])],
)
def test_the_first_or_last_items_are_kept(run, keep, most, left):
    (made,) = run(Limit, {"keep": keep, "maxItems": most}, [{"n": n} for n in range(3)])
    assert [one["json"]["n"] for one in made] == left
    assert [one["pairedItem"]["item"] for one in made] == left


def test_a_limit_that_is_no_number_is_refused(run):
    with pytest.raises(NodeError, match="'Max Items' must be a number"):
        run(Limit, {"maxItems": "many"})
