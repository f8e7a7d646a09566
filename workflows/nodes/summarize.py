"""Summarize."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import before, flag
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations

GO_ON = flag(
    "continueIfFieldNotFound",
    "Continue if Field Not Found",
    hint="Whether to go on instead of failing when no item has the field",
    versions=before(1.1),
)


@shelf.add
class Summarize(Node):
    """Work out sums, counts, maxima and lists, for all items or for each group."""

    key = "n8n-nodes-base.summarize"
    label = "Summarize"
    icon = "sum"
    hint = "Sum, count, max, etc. across items"
    versions = (1, 1.1)
    fields = fields.summarize(GO_ON)
    only_first = True

    async def run(self, context: Context) -> Outputs:
        """Summarize the items. Before 1.1, values to group by become text."""
        old = context.version < 1.1
        strict = old and not context.value("options.continueIfFieldNotFound", 0, False)
        return [operations.summarize(context, must_exist=strict, as_text=old)]
