"""Form Trigger: starts a run with what somebody entered in a form."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    before,
    choice,
    collection,
    flag,
    since,
    text,
)
from workflows.engine.triggers import FORM, LAST_NODE, ON_RECEIVED, RESPONSE_NODE, Listener
from workflows.nodes import shelf
from workflows.nodes.hooks import forms, listening

RESPOND = {ON_RECEIVED: "Form Is Submitted", LAST_NODE: "Workflow Finishes"}


@shelf.add
class FormTrigger(Node):
    """Show a form at an address of its own, and start with each that is sent."""

    key = "n8n-nodes-base.formTrigger"
    label = "On Form Submission"
    group = "Triggers"
    icon = "checklist"
    versions = (1, 2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6)
    input_names = ()
    starts = True
    credentials = ("httpBasicAuth",)
    fields = (
        choice(
            "authentication",
            "Authentication",
            {"none": "None", "basicAuth": "Basic Auth"},
            "none",
            literal=True,
            versions=since(2),
        ),
        text("path", "Form Path", versions=before(2.2)),
        text("formTitle", "Form Title", required=True),
        text("formDescription", "Form Description"),
        forms.ELEMENTS,
        choice(
            "responseMode",
            "Respond When",
            RESPOND | {RESPONSE_NODE: "Using 'Respond to Webhook' Node"},
            ON_RECEIVED,
            versions=before(2.2),
        ),
        choice("responseMode", "Respond When", RESPOND, ON_RECEIVED, versions=since(2.2)),
        collection(
            "options",
            "Options",
            text("buttonLabel", "Button Label", "Submit"),
            text("path", "Form Path", versions=since(2.2)),
            forms.RESPONDING,
            text("formSubmittedText", "Form Submitted Text"),
            flag("ignoreBots", "Ignore Bots"),
            text("ipWhitelist", "IP(s) Allowlist"),
            flag("useWorkflowTimezone", "Use Workflow Timezone", versions=since(2)),
        ),
    )
    differing = (forms.STYLED,)

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen at the form's path."""
        options = parameters.get("options") or {}
        path = listening.path_of(spec, options.get("path") or parameters.get("path"))
        found = {
            "guard": listening.guards(spec, parameters),
            "page": forms.page_of(parameters),
            "wish": {"mode": str(parameters.get("responseMode") or ON_RECEIVED)},
            "ending": forms.ending_of(parameters),
        }
        return [Listener(FORM, "", path, options=found)]

    async def run(self, context: Context) -> Outputs:
        """Give what was entered."""
        return [context.items]
