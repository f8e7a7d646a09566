"""Interval: the old schedule of one interval."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, number
from workflows.engine.triggers import SCHEDULE, Listener
from workflows.nodes import shelf
from workflows.nodes.clock import rules
from workflows.nodes.clock.wishes import WISHES, wishes


@shelf.add
class Interval(Node):
    """Start the workflow every so often; use Schedule Trigger instead."""

    key = "n8n-nodes-base.interval"
    label = "Interval"
    group = "Triggers"
    icon = "clock"
    hint = "Gives one empty item."
    input_names = ()
    starts = True
    fields = (
        number("interval", "Interval", 1),
        choice(
            "unit", "Unit", {"seconds": "Seconds", "minutes": "Minutes", "hours": "Hours"},
            "seconds",
        ),
        *WISHES,
    )  # fmt: skip

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen to its one rule."""
        kept = tuple(one.kept() for one in rules.of_interval_node(parameters))
        return [Listener(SCHEDULE, rules=kept, options=wishes(parameters))]

    async def run(self, context: Context) -> Outputs:
        """Give one empty item."""
        return [[{"json": {}}]]
