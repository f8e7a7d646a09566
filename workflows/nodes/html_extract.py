"""HTML Extract: the old node for taking values out of HTML."""

from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import collection, flag
from workflows.nodes import shelf
from workflows.nodes.markup import extraction


@shelf.add
class HtmlExtract(Node):
    """Take values out of HTML by CSS selectors."""

    key = "n8n-nodes-base.htmlExtract"
    label = "HTML Extract"
    icon = "scissors"
    hint = "The old node for taking values out of HTML: use HTML instead"
    chunks = True
    fields = (
        *extraction.SOURCE,
        extraction.values_field(skips=False),
        collection("options", "Options", flag("trimValues", "Trim Values", True)),
    )

    async def run(self, context: Context) -> Outputs:
        """Take the values out of each item's HTML."""
        made = []
        for index, one in context.each():
            try:
                wanted = context.value("extractionValues.values", index, [])
                trim = bool(context.value("options.trimValues", index, True))
                for html in await extraction.sources(context, one, index):
                    json = extraction.extract(html, wanted, plain=False, trim=trim)
                    made.append({"json": json, "pairedItem": {"item": index}})
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]
