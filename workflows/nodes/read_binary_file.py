"""Read Binary File: one file of this machine into each item."""

from typing import ClassVar

from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.files.roots import Roots
from workflows.nodes.read_write_file import loaded


@shelf.add
class ReadBinaryFile(Node):
    """Read the file an item names, below the folders an administrator opened."""

    key = "n8n-nodes-base.readBinaryFile"
    label = "Read Binary File"
    group = "Files"
    icon = "file-import"
    hint = "Read/Write Files from Disk does the same."
    reaches_out = True
    fields: ClassVar[tuple[Field, ...]] = (
        text("filePath", "File Path", required=True),
        text("dataPropertyName", "Property Name", "data", required=True),
    )

    async def run(self, context: Context) -> Outputs:
        """Add the file to each item."""
        roots = Roots.of(context.outside)

        async def work(index: int, one: Item) -> Items:
            record = await loaded(context, roots, str(context.value("filePath", index) or ""))
            field = str(context.value("dataPropertyName", index) or "data")
            binary = {**(one.get("binary") or {}), field: record}
            return [{"json": one["json"], "binary": binary, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]
