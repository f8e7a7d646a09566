"""No Operation, do nothing."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf


@shelf.add
class NoOp(Node):
    """Pass every item on unchanged."""

    key = "n8n-nodes-base.noOp"
    label = "No Operation, do nothing"
    group = "Flow"
    icon = "arrow-right"
    chunks = True

    async def run(self, context: Context) -> Outputs:
        """Pass every item on unchanged."""
        return [context.items]
