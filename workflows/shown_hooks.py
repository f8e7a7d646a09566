"""Addresses of workflows as people see them."""

import shlex
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from whoosh_site.core.rest import public_url
from workflows import services
from workflows.engine.document import Document
from workflows.models import Trigger

CALLED = (Trigger.Kind.WEBHOOK, Trigger.Kind.FORM, Trigger.Kind.CHAT)
DOORS = (
    "n8n-nodes-base.webhook",
    "n8n-nodes-base.formTrigger",
    "@n8n/n8n-nodes-langchain.chatTrigger",
)
SIGNED = {
    "basicAuth": "-u USER:PASSWORD",
    "headerAuth": "-H 'NAME: VALUE'",
    "jwtAuth": "-H 'Authorization: Bearer TOKEN'",
}
"""How curl is told what a caller must know."""


def is_called(document: Document) -> bool:
    """Whether a node of it listens at an address once it is active."""
    return any(node.key in DOORS for _, node in services.trigger_nodes(document))


def rows_of(triggers: Iterable[Trigger], request: HttpRequest) -> list[dict[str, Any]]:
    """Return triggers that are called, each with its whole address and a line to try it."""
    return [
        {"trigger": one, "url": (url := public_url(request, one.address)), "curl": curl(one, url)}
        for one in triggers
    ]


def curl(trigger: Trigger, url: str) -> str:
    """Return a line that calls a webhook; nothing for what is opened in a browser."""
    if trigger.kind != Trigger.Kind.WEBHOOK:
        return ""
    parts = ["curl"]
    if trigger.method != "GET":
        parts.append("-I" if trigger.method == "HEAD" else f"-X {trigger.method}")
    if sign := SIGNED.get(trigger.options.get("guard", {}).get("kind", "")):
        parts.append(sign)
    if trigger.method in ("POST", "PUT", "PATCH"):
        parts.append("""-H 'Content-Type: application/json' -d '{"hello": "world"}'""")
    return " ".join([*parts, shlex.quote(url)])
