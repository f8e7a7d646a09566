"""Loop Over Items."""

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.split_in_batches import SplitInBatches


def numbers(items):
    return None if items is None else [one["json"]["n"] for one in items]


def rounds(run, items, version=3, limit=9, **given):
    """Hand every batch back until nothing comes, and return the outputs of all runs."""
    state, outputs = {}, []
    batch = items
    while batch and len(outputs) < limit:
        outputs.append(run(SplitInBatches, given, batch, version=version, state=state))
        loop = outputs[-1][0 if version < 3 else 1]
        batch = [{"n": one["json"]["n"] * 10} for one in loop or []]
        if not loop:
            break
    return [[numbers(items) for items in one] for one in outputs], state


ITEMS = [{"n": 1}, {"n": 2}, {"n": 3}]


def test_batches_come_one_by_one_then_all_that_came_back(run):
    found, state = rounds(run, ITEMS, batchSize=2)
    assert found == [[[], [1, 2]], [[], [3]], [[10, 20, 30], []]]
    assert (state["done"], state["noItemsLeft"], state["currentRunIndex"]) == (True, True, 2)


def test_version_two_has_its_outputs_the_other_way_round(run):
    found, _ = rounds(run, ITEMS, version=2, batchSize=2)
    assert found[0] == [[1, 2], []]
    assert found[-1] == [[], [10, 20, 30]]


def test_version_one_falls_silent_at_the_end(run):
    found, _ = rounds(run, ITEMS, version=1, batchSize=2)
    assert found == [[[1, 2]], [[3]], [None]]


def test_the_last_batch_is_known_while_it_runs(run):
    state = {}
    run(SplitInBatches, {"batchSize": 5}, ITEMS, state=state)
    assert (state["noItemsLeft"], state["done"], state["maxRunIndex"]) == (True, False, 1)


def test_a_reset_begins_anew_with_what_comes_in(run):
    state = {}
    run(SplitInBatches, {}, ITEMS, state=state)
    outputs = run(SplitInBatches, {"options": {"reset": True}}, [{"n": 7}], state=state)
    assert [numbers(one) for one in outputs] == [[], [7]]
    assert state["processedItems"] == []


@pytest.mark.parametrize("size", [0, "many", -1])
def test_a_batch_size_that_is_none_is_refused(run, size):
    with pytest.raises(NodeError, match="batch size must be a number of at least 1"):
        run(SplitInBatches, {"batchSize": size}, ITEMS)
