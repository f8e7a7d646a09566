"""Error Trigger: starts an error workflow."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf

EXAMPLE = {
    "execution": {
        "id": "1",
        "url": "",
        "retryOf": None,
        "error": {"message": "An example of an error", "stack": ""},
        "lastNodeExecuted": "The node that failed",
        "mode": "manual",
    },
    "workflow": {"id": "1", "name": "An example workflow"},
}


@shelf.add
class ErrorTrigger(Node):
    """Start when a workflow that names this one as its error workflow has failed."""

    key = "n8n-nodes-base.errorTrigger"
    label = "Error Trigger"
    group = "Triggers"
    icon = "alert-triangle"
    hint = "Gives what failed: execution (id, error, lastNodeExecuted, mode) and workflow."
    input_names = ()
    starts = True

    async def run(self, context: Context) -> Outputs:
        """Pass the error on; a run by hand without data gets an example to build with."""
        if [one["json"] for one in context.items] == [{}]:
            return [[{"json": EXAMPLE, "pairedItem": {"item": 0}}]]
        return [context.items]
