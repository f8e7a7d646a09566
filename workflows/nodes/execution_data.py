"""Execution Data: marks the run with words to find it by."""

from typing import Any

from workflows.engine.conversion import as_string
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, group, groups, text
from workflows.nodes import shelf

MOST, LONGEST_KEY, LONGEST_VALUE = 10, 50, 512

FIELDS = (
    Field("notice", "Saved values are shown with the run and can be searched.", "notice"),
    choice("operation", "Operation", {"save": "Save Highlight Data"}, "save"),
    groups(
        "dataToSave", "Data to Save",
        group("values", "Saved Field", text("key", "Key"), text("value", "Value")),
    ),
)  # fmt: skip


@shelf.add
class ExecutionData(Node):
    """Save values with the run, to find and filter runs by."""

    key = "n8n-nodes-base.executionData"
    label = "Execution Data"
    group = "Flow"
    icon = "tag"
    versions = (1, 1.1)
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Save the values of every item; the last one of a key stays."""
        rows = context.value("dataToSave.values", default=[])
        for index, _ in context.each():
            for place in range(len(rows)):
                key = as_string(context.value(f"dataToSave.values.{place}.key", index, ""))
                save(context, key, context.value(f"dataToSave.values.{place}.value", index, ""))
        return [context.items]


def save(context: Context, key: str, value: Any) -> None:
    """Save one value with the run."""
    if not key:
        raise NodeError("Execution Data: a field to save has no key.")
    custom = context.custom
    if key not in custom and len(custom) >= MOST:
        context.warn(f"{key} was not saved: a run holds {MOST} values.")
        return
    written = as_string(value)
    if len(key) > LONGEST_KEY or len(written) > LONGEST_VALUE:
        context.warn(
            f"{key[:LONGEST_KEY]} was cut: keys hold {LONGEST_KEY} characters, "
            f"values {LONGEST_VALUE}."
        )
    custom[key[:LONGEST_KEY]] = written[:LONGEST_VALUE]
