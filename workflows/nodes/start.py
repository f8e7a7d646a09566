"""Start: how workflows began before triggers were nodes."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf


@shelf.add
class Start(Node):
    """Start the workflow. Old workflows have it; new ones use Manual Trigger."""

    key = "n8n-nodes-base.start"
    label = "Start"
    group = "Triggers"
    icon = "player-play"
    input_names = ()
    starts = True

    async def run(self, context: Context) -> Outputs:
        """Pass on what the run was started with."""
        return [context.items]
