"""Webhook: starts a run with each call of its address."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.triggers import WEBHOOK, Listener
from workflows.nodes import shelf
from workflows.nodes.hooks import fields, listening

OUTPUT = "output"
"""Key of the item a call starts with: the output it goes to, where each method has its own."""


@shelf.add
class Webhook(Node):
    """Start when somebody calls this address, with what they sent."""

    key = "n8n-nodes-base.webhook"
    label = "Webhook"
    group = "Triggers"
    icon = "webhook"
    versions = (1, 1.1, 2, 2.1)
    input_names = ()
    starts = True
    credentials = ("httpBasicAuth", "httpHeaderAuth", "jwtAuth")
    fields = fields.WEBHOOK
    unsupported = (
        Unsupported("responseMode", ("streaming",), "is not there; use Respond to Webhook"),
    )

    @classmethod
    def outputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return one output, or one for each of several methods."""
        return tuple(methods(parameters)) if parameters.get("multipleMethods") else ("main",)

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen at the path for each method."""
        path = listening.path_of(spec, parameters.get("path"))
        options = {
            "guard": listening.guards(spec, parameters),
            "wish": listening.wishes(parameters, spec.version),
            "take": listening.taking(parameters, spec.version),
        }
        return [
            Listener(WEBHOOK, method, path, options=options | {OUTPUT: place})
            for place, method in enumerate(methods(parameters))
        ]

    async def run(self, context: Context) -> Outputs:
        """Give the call to the output of its method."""
        count = len(self.outputs_of(context.parameters, context.version))
        place = int(context.items[0].get(OUTPUT) or 0) if context.items else 0
        outputs: Outputs = [[] for _ in range(count)]
        outputs[min(place, count - 1)] = [
            {name: one[name] for name in ("json", "binary") if name in one} for one in context.items
        ]
        return outputs


def methods(parameters: Mapping[str, Any]) -> list[str]:
    """Return the methods it listens to."""
    given = parameters.get("httpMethod") or "GET"
    listed = given if isinstance(given, list) else [given]
    for one in listed:
        if one not in fields.METHODS:
            known = ", ".join(fields.METHODS)
            raise NodeError(f"{one!r} is no HTTP method. There are: {known}.")
    return list(dict.fromkeys(listed))
