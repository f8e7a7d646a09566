"""Function: the old node for JavaScript over all items."""

from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import code
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.scripted.files import scope_for, settled
from workflows.nodes.scripted.results import first_error, take_over, wrapped


@shelf.add
class Function(Node):
    """Run JavaScript once for all items; it must return an array."""

    key = "n8n-nodes-base.function"
    label = "Function"
    icon = "code"
    hint = "The old node for JavaScript over all items: use Code instead"
    versions = (1, 2)
    varies = True  # code may use the clock, chance and static data
    fields = (
        code(
            "functionCode",
            "JavaScript Code",
            "// Loop over the items and add a new field to the JSON of each one\n"
            "for (const item of items) {\n  item.json.myNewField = 1;\n}\n\nreturn items;",
            language="javaScript",
        ),
    )

    async def run(self, context: Context) -> Outputs:
        """Run the code and check that it gave items."""
        try:
            source = str(context.parameters.get("functionCode") or "")
            scope, known = await scope_for(context, source)
            result = await context.scripts.run_code(source, scope, each=False, style="function")
            take_over(context, result)
            if (error := first_error(result)) is not None:
                raise error
            return [settled(_items(result.value), known)]
        except NodeError as error:
            if not context.goes_on:
                raise
            return [[{"json": {"error": error.message}}]]


def _items(value: Any) -> Items:
    if value is None or value is UNDEFINED:
        raise NodeError(
            "No data got returned. Always return an Array of items!",
            description="End the code with 'return items;'.",
        )
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise NodeError("Always an Array of items has to be returned!")
    for place, one in enumerate(value):
        if not isinstance(one, dict):
            raise NodeError(
                "All returned items have to be objects", description=f"{one!r} is none.", item=place
            )
    made = wrapped(value)
    for place, one in enumerate(made):
        for key in ("json", "binary"):
            if key in one and not isinstance(one[key], dict):
                raise NodeError(f"The {key}-property has to be an object!", item=place)
    return made
