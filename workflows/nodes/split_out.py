"""Split Out."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations


@shelf.add
class SplitOut(Node):
    """Make an item of each element of a list inside an item."""

    key = "n8n-nodes-base.splitOut"
    label = "Split Out"
    icon = "arrows-split"
    hint = "Turn a list inside item(s) into separate items"
    fields = fields.split_out()

    async def run(self, context: Context) -> Outputs:
        """Split each item."""
        return [operations.split_out(context)]
