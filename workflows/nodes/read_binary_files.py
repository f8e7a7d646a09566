"""Read Binary Files: all files of this machine that fit a pattern."""

import asyncio
from typing import ClassVar

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, text
from workflows.nodes import shelf
from workflows.nodes.files.roots import Roots
from workflows.nodes.read_write_file import loaded


@shelf.add
class ReadBinaryFiles(Node):
    """Read the files a pattern names, below the folders an administrator opened."""

    key = "n8n-nodes-base.readBinaryFiles"
    label = "Read Binary Files"
    group = "Files"
    icon = "files"
    hint = "Read/Write Files from Disk does the same."
    only_first = True
    reaches_out = True
    fields: ClassVar[tuple[Field, ...]] = (
        text("fileSelector", "File Selector", required=True),
        text("dataPropertyName", "Property Name", "data", required=True),
    )

    async def run(self, context: Context) -> Outputs:
        """Give an item for each file."""
        roots = Roots.of(context.outside)
        selector = str(context.value("fileSelector") or "")
        field = str(context.value("dataPropertyName") or "data")
        found = await asyncio.to_thread(roots.select, selector)
        if not found:
            context.warn(f"No file fits '{selector}'.")
        return [
            [
                {
                    "json": {},
                    "binary": {field: await loaded(context, roots, path)},
                    "pairedItem": {"item": 0},
                }
                for path in found
            ]
        ]
