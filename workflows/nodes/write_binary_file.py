"""Write Binary File: each item's file onto this machine."""

from typing import ClassVar

from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, collection, flag, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.files.roots import Roots
from workflows.nodes.read_write_file import written


@shelf.add
class WriteBinaryFile(Node):
    """Write the file of each item, below the folders an administrator opened."""

    key = "n8n-nodes-base.writeBinaryFile"
    label = "Write Binary File"
    group = "Files"
    icon = "file-export"
    hint = "Read/Write Files from Disk does the same."
    reaches_out = True
    fields: ClassVar[tuple[Field, ...]] = (
        text("fileName", "File Name", required=True),
        text("dataPropertyName", "Property Name", "data", required=True),
        collection("options", "Options", flag("append", "Append")),
    )

    async def run(self, context: Context) -> Outputs:
        """Write each item's file; the items go on with `fileName`."""
        roots = Roots.of(context.outside)

        async def work(index: int, one: Item) -> Items:
            options = context.value("options", index, {}) or {}
            field = str(context.value("dataPropertyName", index) or "data")
            path = str(context.value("fileName", index) or "")
            append = options.get("append") is True
            return [await written(context, roots, index, one, field, path, append)]

        return [await blobs.for_each(context, work)]
