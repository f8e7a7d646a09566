"""Chat Trigger: starts a run with each message of a chat."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import Field, choice, collection, flag, text
from workflows.engine.triggers import CHAT, LAST_NODE, RESPONSE_NODE, Listener
from workflows.nodes import shelf
from workflows.nodes.hooks import forms, listening

HOSTED = "hostedChat"
OPEN = {"public": [True]}
RESPOND = {
    LAST_NODE: "When Last Node Finishes",
    RESPONSE_NODE: "Using Response Nodes",
    "responseNodes": "Using Response Nodes",
    "streaming": "Streaming",
}
WELCOME = "Hi there! 👋\nMy name is Nathan. How can I assist you today?"


@shelf.add
class ChatTrigger(Node):
    """Start with each message somebody writes in a chat, and answer there."""

    key = "@n8n/n8n-nodes-langchain.chatTrigger"
    label = "When Chat Message Received"
    group = "Triggers"
    icon = "message-circle"
    versions = (1, 1.1, 1.2, 1.3, 1.4, 1.5)
    input_names = ()
    starts = True
    credentials = ("httpBasicAuth",)
    fields: tuple[Field, ...] = (
        flag("public", "Make Chat Publicly Available", literal=True),
        choice(
            "mode",
            "Mode",
            {HOSTED: "Hosted Chat", "webhook": "Embedded Chat"},
            HOSTED,
            literal=True,
            when=OPEN,
        ),
        choice(
            "authentication",
            "Authentication",
            {"none": "None", "basicAuth": "Basic Auth", "n8nUserAuth": "n8n User Auth"},
            "none",
            literal=True,
            when=OPEN,
        ),
        text("initialMessages", "Initial Message(s)", WELCOME, when={"mode": [HOSTED], **OPEN}),
        collection(
            "options",
            "Options",
            text("allowedOrigins", "Allowed Origins (CORS)", "*"),
            flag("allowFileUploads", "Allow File Uploads"),
            text("allowedFilesMimeTypes", "Allowed File Mime Types", "*"),
            text("inputPlaceholder", "Input Placeholder", "Type your question.."),
            choice(
                "loadPreviousSession",
                "Load Previous Session",
                {"notSupported": "Off", "memory": "From Memory", "manually": "Manually"},
                "notSupported",
            ),
            choice("responseMode", "Response Mode", RESPOND, LAST_NODE),
            flag("showWelcomeScreen", "Require Button Click to Start Chat"),
            text("getStarted", "Start Conversation Button Text", "New Conversation"),
            text("subtitle", "Subtitle", "Start a chat. We're here to help you 24/7."),
            text("title", "Title", "Hi there! 👋"),
        ),
    )
    differing = (forms.STYLED,)
    unsupported = (
        Unsupported("authentication", ("n8nUserAuth",), "is not there; use Basic Auth"),
        Unsupported("options.allowFileUploads", (True,), "is not there"),
        Unsupported("options.responseMode", ("streaming",), "is not there"),
        Unsupported("options.loadPreviousSession", ("memory", "manually"), "is not there"),
    )

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Listen where the chat is public: at its webhook id."""
        if parameters.get("public") is not True:
            return ()
        own = spec.webhook_id or spec.id
        if not own:
            raise NodeError("A chat needs the node's webhook id.")
        options = parameters.get("options") or {}
        mode = str(options.get("responseMode") or LAST_NODE)
        found = {
            "guard": listening.guards(spec, parameters),
            "wish": {
                **listening.wishes({}, 1),
                "mode": LAST_NODE if mode == LAST_NODE else RESPONSE_NODE,
            },
            "hosted": parameters.get("mode") != "webhook",
            "chat": {
                "title": str(options.get("title") or "Hi there! 👋"),
                "subtitle": str(options.get("subtitle") or ""),
                "hint": str(options.get("inputPlaceholder") or "Type your question.."),
                "greeting": str(parameters.get("initialMessages") or "").splitlines(),
            },
        }
        return [Listener(CHAT, "", f"{listening.path_of(spec, own)}/chat", options=found)]

    async def run(self, context: Context) -> Outputs:
        """Give the message."""
        return [context.items]
