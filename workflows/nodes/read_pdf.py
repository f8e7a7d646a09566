"""Read PDF: the text of a PDF file and what it says about itself."""

from typing import ClassVar

from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, flag, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.files.aside import Aside


@shelf.add
class ReadPdf(Node):
    """Give the text of each item's PDF file; the file stays."""

    key = "n8n-nodes-base.readPDF"
    label = "Read PDF"
    group = "Files"
    icon = "file-text"
    hint = "Extract from File does the same."
    fields: ClassVar[tuple[Field, ...]] = (
        text("binaryPropertyName", "Input Binary Field", "data", required=True),
        flag("encrypted", "Encrypted"),
        text("password", "Password", secret=True, when={"encrypted": [True]}),
    )

    async def run(self, context: Context) -> Outputs:
        """Read each item's file."""
        async with Aside() as aside:

            async def work(index: int, one: Item) -> Items:
                field = str(context.value("binaryPropertyName", index) or "data")
                password = (
                    context.value("password", index) if context.value("encrypted", index) else ""
                )
                found = await aside.read(
                    "pdf", await blobs.read(context, one, field), password=str(password or "")
                )
                binary = dict(one.get("binary") or {})
                return [{"json": found, "binary": binary, "pairedItem": {"item": index}}]

            return [await blobs.for_each(context, work)]
