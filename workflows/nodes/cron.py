"""Cron: the old schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.triggers import SCHEDULE, Listener
from workflows.nodes import shelf
from workflows.nodes.clock import rules
from workflows.nodes.clock.wishes import WISHES, wishes


@shelf.add
class Cron(Node):
    """Start the workflow at times of day or by cron expressions; use Schedule Trigger instead."""

    key = "n8n-nodes-base.cron"
    label = "Cron"
    group = "Triggers"
    icon = "clock"
    hint = "Gives one empty item."
    versions = (1, 1.1, 2)
    input_names = ()
    starts = True
    fields = (rules.trigger_times("triggerTimes", "Trigger Times"), *WISHES)

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen to its times."""
        kept = tuple(one.kept() for one in rules.of_times(parameters, "triggerTimes"))
        return [Listener(SCHEDULE, rules=kept, options=wishes(parameters))]

    async def run(self, context: Context) -> Outputs:
        """Give one empty item."""
        return [[{"json": {}}]]
