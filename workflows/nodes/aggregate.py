"""Aggregate."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations


@shelf.add
class Aggregate(Node):
    """Make one item of all: lists of field values, or one list of all items."""

    key = "n8n-nodes-base.aggregate"
    label = "Aggregate"
    icon = "stack-2"
    hint = "Combine a field from many items into a list in a single item"
    fields = fields.aggregate()
    only_first = True

    async def run(self, context: Context) -> Outputs:
        """Gather all items into one."""
        return [operations.aggregate(context)]
