"""Customer Messenger (n8n training)."""

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import text
from workflows.nodes import shelf
from workflows.nodes.lists.ordering import text as as_text


@shelf.add
class TrainingCustomerMessenger(Node):
    """Act as if a message were sent to a customer. Nothing is sent."""

    key = "n8n-nodes-base.n8nTrainingCustomerMessenger"
    label = "Customer Messenger (n8n training)"
    group = "Practice"
    icon = "message-circle"
    hint = "Acts as if it sent a message, to practise with"
    chunks = True
    fields = (
        text("customerId", "Customer ID", required=True),
        text("message", "Message", required=True),
    )

    async def run(self, context: Context) -> Outputs:
        """Say for each item what would have been sent."""
        made = []
        for index, _ in context.each():
            customer = as_text(context.value("customerId", index, ""))
            message = as_text(context.value("message", index, ""))
            said = f"Sent message to customer {customer}:  {message}"
            made.append({"json": {"output": said}, "pairedItem": {"item": index}})
        return [made]
