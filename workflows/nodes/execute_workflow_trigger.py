"""Execute Sub-workflow Trigger: starts a workflow that another one calls."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.conversion import NotConverted, as_object
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs, item
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, group, groups, json, since, text
from workflows.nodes import shelf

TYPES = {
    "any": "Any",
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "array": "Array",
    "object": "Object",
}

FIELDS = (
    choice(
        "events", "Events", {"worklfow_call": "Workflow Call"}, "worklfow_call",
        versions=lambda version: version < 1.1,
    ),
    choice(
        "inputSource", "Input data mode",
        {
            "workflowInputs": "Define using fields below",
            "jsonExample": "Define using JSON example",
            "passthrough": "Accept all data",
        },
        "workflowInputs", literal=True, versions=since(1.1),
    ),
    json(
        "jsonExample", "JSON Example",
        '{\n  "aField": "a string",\n  "aNumber": 123\n}',
        literal=True, when={"inputSource": ["jsonExample"]}, versions=since(1.1),
    ),
    groups(
        "workflowInputs", "Workflow Input Schema",
        group(
            "values", "Values",
            text("name", "Name", required=True, literal=True),
            choice("type", "Type", TYPES, "string", literal=True),
        ),
        when={"inputSource": ["workflowInputs"]}, versions=since(1.1),
    ),
)  # fmt: skip


@shelf.add
class ExecuteWorkflowTrigger(Node):
    """Start when another workflow calls this one, with the items it hands over."""

    key = "n8n-nodes-base.executeWorkflowTrigger"
    label = "When Executed by Another Workflow"
    group = "Triggers"
    icon = "login"
    versions = (1, 1.1, 1.2)
    input_names = ()
    starts = True
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Pass items on: whole, or only the declared fields, null where the caller left one out."""
        if context.version < 1.1 or context.value("inputSource") == "passthrough":
            return [context.items]
        names = declared(context.parameters)
        return [
            [
                item({name: one["json"].get(name) for name in names}, index, one.get("binary"))
                for index, one in context.each()
            ]
        ]


def declared(parameters: Mapping[str, Any]) -> list[str]:
    """Return the names of the inputs a called workflow declares."""
    if parameters.get("inputSource") == "jsonExample":
        try:
            return list(as_object(parameters.get("jsonExample", "")))
        except NotConverted as error:
            raise NodeError(
                "The JSON example is not a JSON object.",
                description='Write it as {"name": value, ...}.',
            ) from error
    found = parameters.get("workflowInputs")
    rows = found.get("values") if isinstance(found, Mapping) else None
    return [str(row.get("name", "")) for row in rows or () if row.get("name")]
