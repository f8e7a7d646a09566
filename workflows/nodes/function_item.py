"""Function Item: the old node for JavaScript over each item."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import code
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.scripted.files import scope_for, settled
from workflows.nodes.scripted.results import take_over

BEFORE = (
    "let filesOfItem = getBinaryData(); const json = await (async (getBinaryData, setBinaryData,"
    " getBinaryDataAsync, setBinaryDataAsync) => {"
)
AFTER = (
    "\n})(() => filesOfItem, (files) => { filesOfItem = files; }, async () => filesOfItem,"
    " async (files) => { filesOfItem = files; }); return {json, binary: filesOfItem};"
)
"""Around the code, on its own lines: it may set the item's files beside returning its fields."""


@shelf.add
class FunctionItem(Node):
    """Run JavaScript once for each item; it sees the item's fields and returns the new ones."""

    key = "n8n-nodes-base.functionItem"
    label = "Function Item"
    icon = "code"
    hint = "The old node for JavaScript over each item: use Code instead"
    varies = True  # code may use the clock, chance and static data
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
        source = str(context.parameters.get("functionCode") or "")
        scope, known = await scope_for(context, source)
        wrapped = f"{BEFORE}{source}{AFTER}"
        result = await context.scripts.run_code(wrapped, scope, each=True, style="functionItem")
        take_over(context, result)
        made: Items = []
        values = result.value if isinstance(result.value, list) else []
        for index, _ in context.each():
            try:
                if index in result.errors:
                    raise result.errors[index]
                made.append(_item(values[index] if index < len(values) else {}, index))
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [settled(made, known)]


def _item(result: Mapping[str, Any], index: int) -> Item:
    value = result.get("json")
    if value is None or value is UNDEFINED:
        raise NodeError(
            "No data got returned. Always return an object!",
            description="End the code with 'return item;'.",
        )
    if not isinstance(value, dict):
        raise NodeError("Always an object has to be returned!", description=f"{value!r} is none.")
    made: Item = {"json": value, "pairedItem": {"item": index}}
    files = result.get("binary")
    return {**made, "binary": files} if isinstance(files, dict) and files else made
