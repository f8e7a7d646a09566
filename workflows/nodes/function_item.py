"""Function Item: the old node for JavaScript over each item."""

from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import code
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.scripted.results import take_over


@shelf.add
class FunctionItem(Node):
    """Run JavaScript once for each item; it sees the item's fields and returns the new ones."""

    key = "n8n-nodes-base.functionItem"
    label = "Function Item"
    icon = "code"
    hint = "The old node for JavaScript over each item: use Code instead"
    reaches_out = True  # code may use the clock, chance and static data
    fields = (
        code(
            "functionCode",
            "JavaScript Code",
            "// Add a new field to the JSON of the item\nitem.myNewField = 1;\n\nreturn item;",
            language="javaScript",
        ),
    )

    async def run(self, context: Context) -> Outputs:
        """Run the code for each item."""
        result = await context.scripts.run_code(
            str(context.parameters.get("functionCode") or ""),
            context.scope,
            each=True,
            style="functionItem",
        )
        take_over(context, result)
        made: Items = []
        values = result.value if isinstance(result.value, list) else []
        for index, one in context.each():
            try:
                if index in result.errors:
                    raise result.errors[index]
                made.append(_item(one, values[index] if index < len(values) else UNDEFINED, index))
            except NodeError as error:
                if error.item is None:
                    error.item = index
                if not context.goes_on:
                    raise
                made.append(context.failed(error, index))
        return [made]


def _item(one: Item, value: Any, index: int) -> Item:
    if value is None or value is UNDEFINED:
        raise NodeError(
            "No data got returned. Always return an object!",
            description="End the code with 'return item;'.",
        )
    if not isinstance(value, dict):
        raise NodeError("Always an object has to be returned!", description=f"{value!r} is none.")
    made: Item = {"json": value, "pairedItem": {"item": index}}
    return {**made, "binary": one["binary"]} if "binary" in one else made
