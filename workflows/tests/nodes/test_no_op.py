"""No Operation."""

from workflows.nodes.no_op import NoOp


def test_every_item_is_passed_on(run):
    (items,) = run(NoOp, {}, [{"a": 1}, {"a": 2}])
    assert items is not None
    assert [one["json"] for one in items] == [{"a": 1}, {"a": 2}]
