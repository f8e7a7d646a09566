"""Sort."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations


@shelf.add
class Sort(Node):
    """Change the order of the items: by fields, at random, or by code."""

    key = "n8n-nodes-base.sort"
    label = "Sort"
    icon = "arrows-sort"
    hint = "Change items order"
    fields = fields.SORT
    only_first = True
    varies = True  # it may use chance

    async def run(self, context: Context) -> Outputs:
        """Sort the items."""
        return [await operations.sort(context)]
