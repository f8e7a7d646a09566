"""Execute Command: runs a command of the system, where an administrator allows it."""

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import flag, text
from workflows.nodes import shelf
from workflows.nodes.files.blobs import for_each


@shelf.add
class ExecuteCommand(Node):
    """Run a command of the system. Off until an administrator names the team."""

    key = "n8n-nodes-base.executeCommand"
    label = "Execute Command"
    group = "Core"
    icon = "code"
    hint = "Runs as the user WHOOSH runs as; the setting workflow_command_teams names who may"
    reaches_out = True
    fields = (
        flag("executeOnce", "Execute Once", True, hint="Instead of once for each item"),
        text("command", "Command", required=True, hint="For /bin/sh"),
    )

    async def run(self, context: Context) -> Outputs:
        """Run it once, or for one item after the other."""
        once = context.value("executeOnce", 0) is not False

        async def work(index: int, one: Item) -> Items:
            if once and index:
                return []
            command = str(context.value("command", index) or "")
            if not command.strip() or "\0" in command:
                raise NodeError("Command: say what to run.")
            ran = await context.outside.run_command(command)
            if ran.code and not context.goes_on:
                raise NodeError(
                    f"The command failed with the exit code {ran.code}.",
                    description=ran.stderr[-2000:] or ran.stdout[-2000:],
                )
            told = {"exitCode": ran.code, "stderr": ran.stderr, "stdout": ran.stdout}
            return [{"json": told, "pairedItem": {"item": index}}]

        return [await for_each(context, work)]
