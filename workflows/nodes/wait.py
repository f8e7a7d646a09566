"""Wait: holds the run for a time, until a moment, or until somebody answers."""

from typing import Any

from workflows.engine.errors import Parked
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.flow import waiting
from workflows.nodes.flow.wait_fields import FIELDS
from workflows.nodes.hooks import forms, listening

SHORT = 65
"""Seconds up to which the run sleeps where it is, instead of being put away (n8n)."""


@shelf.add
class Wait(Node):
    """Wait before the workflow goes on, with the same items."""

    key = "n8n-nodes-base.wait"
    label = "Wait"
    group = "Flow"
    icon = "clock"
    versions = (1, 1.1)
    credentials = ("httpBasicAuth", "httpHeaderAuth", "jwtAuth")
    only_first = True
    reaches_out = True
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Sleep for less than 65 seconds; longer waits and answers park the run."""
        resume = context.value("resume")
        if resume in ("webhook", "form"):
            raise Parked(
                until=waiting.limit(context),
                resume=resume,
                outputs=[context.items],
                details=_details(context),
            )
        if resume == "timeInterval":
            seconds = waiting.interval(context, "amount", "unit")
        else:
            seconds = (waiting.moment(context, "dateTime") - waiting.now()).total_seconds()
        if seconds >= SHORT:
            raise Parked(until=waiting.after(seconds), outputs=[context.items])
        await context.outside.sleep(max(seconds, 0.0))
        return [context.items]


def _details(context: Context) -> dict[str, Any]:
    """Return what the door has to know that the run's call comes in by."""
    parameters = {name: context.value(name) for name in context.parameters}
    checked = parameters | {"authentication": parameters.get("incomingAuthentication") or "none"}
    options = parameters.get("options") or {}
    found = {
        "guard": listening.guards(context.node, checked),
        "suffix": forms.words(options.get("webhookSuffix") or "").strip().strip("/"),
    }
    if parameters["resume"] == "form":
        ending = forms.ending_of(parameters)
        return found | {"page": forms.page_of(parameters), "ending": ending}
    wish = listening.wishes(parameters, 1)
    method = parameters.get("httpMethod") or "GET"
    return found | {"method": method, "wish": wish, "take": listening.taking(parameters, 1.1)}
