"""Filter: keeps the items that meet conditions."""

from workflows.engine.conditions import joined
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, groups
from workflows.nodes import shelf
from workflows.nodes.flow.comparisons import condition_groups, tests
from workflows.nodes.flow.filters import CONDITIONS, filter_fields, sorted_by, test_of


@shelf.add
class Filter(Node):
    """Keep items that meet the conditions. Those left out show on a second, hidden output."""

    key = "n8n-nodes-base.filter"
    label = "Filter"
    group = "Flow"
    icon = "filter"
    versions = (1, 2, 2.1, 2.2, 2.3)
    output_names = ("Kept",)
    chunks = True
    fields = (CONDITIONS, *filter_fields(2.1))
    old_fields = (
        groups("conditions", "Conditions", *condition_groups()),
        choice("combineConditions", "Combine Conditions", {"AND": "AND", "OR": "OR"}, "AND"),
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
        every = context.value("combineConditions") != "OR"
        return sorted_by(context, joined(tests(context, stored), every=every))
