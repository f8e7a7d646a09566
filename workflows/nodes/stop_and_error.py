"""Stop and Error: ends the run with an error of one's own."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.conversion import NotConverted, as_object, json_text, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, json
from workflows.engine.parameters import text as text_field
from workflows.nodes import shelf

WORDS = ("message", "description", "error")
"""Where an error object may say what happened, in this order."""


@shelf.add
class StopAndError(Node):
    """End the run with an error, which also starts the error workflow."""

    key = "n8n-nodes-base.stopAndError"
    label = "Stop and Error"
    group = "Flow"
    icon = "circle-x"
    output_names = ()
    only_first = True
    fields = (
        choice(
            "errorType", "Error Type",
            {"errorMessage": "Error Message", "errorObject": "Error Object"}, "errorMessage",
        ),
        text_field(
            "errorMessage", "Error Message", required=True, when={"errorType": ["errorMessage"]}
        ),
        json("errorObject", "Error Object", required=True, when={"errorType": ["errorObject"]}),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Fail with the words given."""
        if context.value("errorType") == "errorMessage":
            raise NodeError(text(context.value("errorMessage", default="")))
        try:
            found = as_object(context.value("errorObject"))
        except NotConverted as error:
            raise NodeError(
                "The error object is not valid JSON.",
                description='Write it as {"message": "What happened", ...}.',
            ) from error
        error = NodeError(said_in(found))
        error.extra = found
        raise error


def said_in(found: Mapping[str, Any]) -> str:
    """Return the message of an error object, or all of it."""
    for name in WORDS:
        if isinstance(found.get(name), str) and found[name]:
            return str(found[name])
    return f"Error: {json_text(found)}"
