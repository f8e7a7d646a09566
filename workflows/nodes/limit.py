"""Limit."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations


@shelf.add
class Limit(Node):
    """Keep the first items, or the last ones."""

    key = "n8n-nodes-base.limit"
    label = "Limit"
    icon = "scissors"
    hint = "Restrict the number of items"
    fields = fields.LIMIT
    only_first = True

    async def run(self, context: Context) -> Outputs:
        """Keep some items."""
        return [operations.limit(context)]
