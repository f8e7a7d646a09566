"""Read/Write Files from Disk, below the folders an administrator opened."""

import asyncio
from typing import Any, ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, flag, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.files.roots import Roots

READ, WRITE = {"operation": ["read"]}, {"operation": ["write"]}


@shelf.add
class ReadWriteFile(Node):
    """Read files of this machine into items, or write files from items."""

    key = "n8n-nodes-base.readWriteFile"
    label = "Read/Write Files from Disk"
    group = "Files"
    icon = "database"
    versions = (1, 1.1)
    reaches_out = True
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "operation", "Operation",
            {"read": "Read File(s) From Disk", "write": "Write File to Disk"}, "read", literal=True,
        ),
        text(
            "fileSelector", "File(s) Selector", required=True, when=READ,
            hint="A path; *, **, ?, [] and {a,b} name several.",
        ),
        collection(
            "options", "Options",
            text("fileExtension", "File Extension"), text("fileName", "File Name"),
            text("mimeType", "MIME Type"),
            text("dataPropertyName", "Put Output File in Field", "data"),
            when=READ,
        ),
        text("fileName", "File Path and Name", required=True, when=WRITE),
        text("dataPropertyName", "Input Binary Field", "data", required=True, when=WRITE),
        collection("options", "Options", flag("append", "Append"), when=WRITE),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Read the files each item names, or write each item's file."""
        roots = Roots.of(context.outside)

        async def work(index: int, one: Item) -> Items:
            options = context.value("options", index, {}) or {}
            if context.value("operation", index) == "write":
                field = str(context.value("dataPropertyName", index) or "data")
                path = str(context.value("fileName", index) or "")
                append = options.get("append") is True
                return [await written(context, roots, index, one, field, path, append)]
            return await _selected(context, roots, index, options)

        return [await blobs.for_each(context, work)]


async def _selected(context: Context, roots: Roots, index: int, options: dict[str, Any]) -> Items:
    selector = str(context.value("fileSelector", index) or "")
    if not selector:
        raise NodeError("The file selector is empty.")
    found = await asyncio.to_thread(roots.select, selector)
    if not found:
        context.warn(f"No file fits '{selector}'.")
    field = str(options.get("dataPropertyName") or "data")
    made = []
    for path in found:
        record = await loaded(context, roots, path)
        for option, name in (
            ("fileName", "fileName"), ("fileExtension", "fileExtension"), ("mimeType", "mimeType"),
        ):  # fmt: skip
            if options.get(option):
                record[name] = str(options[option])
        json = {
            key: record.get(key)
            for key in ("mimeType", "fileType", "fileName", "fileExtension", "fileSize")
        }
        json = {key: value for key, value in json.items() if value is not None}
        made.append({"json": json, "binary": {field: record}, "pairedItem": {"item": index}})
    return made


async def loaded(context: Context, roots: Roots, wanted: str) -> dict[str, Any]:
    """Read a file below the roots into the store; returns its record."""
    path, data = await asyncio.to_thread(roots.read, wanted)
    return await blobs.keep(context, data, name=path.name, directory=str(path.parent))


async def written(
    context: Context, roots: Roots, index: int, one: Item, field: str, path: str, append: bool
) -> Item:
    """Write an item's file below the roots; returns the item with `fileName`."""
    data = await blobs.read(context, one, field)
    await asyncio.to_thread(roots.write, path, data, append=append)
    made: Item = {"json": {**one["json"], "fileName": path}, "pairedItem": {"item": index}}
    if one.get("binary"):
        made["binary"] = one["binary"]
    return made
