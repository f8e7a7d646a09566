"""Manual Trigger: a run somebody starts by hand."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf


@shelf.add
class ManualTrigger(Node):
    """Start the workflow by a click or a command, with the data given to the run."""

    key = "n8n-nodes-base.manualTrigger"
    label = "Manual Trigger"
    group = "Triggers"
    icon = "hand-stop"
    input_names = ()
    starts = True

    async def run(self, context: Context) -> Outputs:
        """Pass on what the run was started with."""
        return [context.items]
