"""If: sends each item one way or the other."""

from workflows.engine.conditions import joined
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, groups
from workflows.nodes import shelf
from workflows.nodes.flow.comparisons import condition_groups, tests
from workflows.nodes.flow.filters import CONDITIONS, filter_fields, sorted_by, test_of


@shelf.add
class If(Node):
    """Send items that meet the conditions to true, all others to false."""

    key = "n8n-nodes-base.if"
    label = "If"
    group = "Flow"
    icon = "arrows-split"
    versions = (1, 2, 2.1, 2.2, 2.3)
    output_names = ("true", "false")
    chunks = True
    fields = (CONDITIONS, *filter_fields(2.1))
    old_fields = (
        groups("conditions", "Conditions", *condition_groups()),
        choice("combineOperation", "Combine", {"all": "ALL", "any": "ANY"}, "all"),
    )

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields: before version 2 the conditions were grouped by type."""
        return cls.fields if version >= 2 else cls.old_fields

    async def run(self, context: Context) -> Outputs:
        """Sort the items by the conditions."""
        stored = context.parameters.get("conditions")
        if context.version >= 2:
            return sorted_by(context, test_of(context, stored))
        every = context.value("combineOperation") != "any"
        return sorted_by(context, joined(tests(context, stored), every=every))
