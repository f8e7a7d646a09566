"""Sticky Note: words on the canvas."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, number
from workflows.nodes import shelf


@shelf.add
class StickyNote(Node):
    """Write a note, in Markdown, beside the nodes. It never runs."""

    key = "n8n-nodes-base.stickyNote"
    label = "Sticky Note"
    group = "Flow"
    icon = "note"
    input_names = ()
    output_names = ()
    fields = (
        Field("content", "Content", default="## I'm a note", literal=True),
        number("height", "Height", 160),
        number("width", "Width", 240),
        number("color", "Color", 1),
    )

    async def run(self, context: Context) -> Outputs:
        """Give nothing."""
        return []
