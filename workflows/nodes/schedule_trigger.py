"""Schedule Trigger: starts the workflow at the moments of a clock."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workflows.engine import schedules
from workflows.engine.document import NodeSpec
from workflows.engine.items import Outputs
from workflows.engine.moments import zone
from workflows.engine.node import Context, Node
from workflows.engine.triggers import SCHEDULE, Listener
from workflows.nodes import shelf
from workflows.nodes.clock import rules
from workflows.nodes.clock.wishes import WISHES, wishes


@shelf.add
class ScheduleTrigger(Node):
    """Start the workflow every so often, at times of day, or by cron expressions."""

    key = "n8n-nodes-base.scheduleTrigger"
    label = "Schedule Trigger"
    group = "Triggers"
    icon = "clock"
    hint = "Gives the moment it started for, in the zone of the workflow."
    versions = (1, 1.1, 1.2, 1.3, 1.4)
    input_names = ()
    starts = True
    reaches_out = True
    fields = (rules.INTERVALS, *WISHES)

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen to its rules."""
        kept = tuple(one.kept() for one in rules.of_intervals(parameters))
        return [Listener(SCHEDULE, rules=kept, options=wishes(parameters))]

    async def run(self, context: Context) -> Outputs:
        """Give the moment the run was started for; that it is now, in a run by hand."""
        items = context.items
        if not items or "timestamp" not in items[0]["json"]:
            name = context.scope.timezone
            items = [{"json": schedules.told(datetime.now(UTC), zone(name), name)}]
        return [items]
