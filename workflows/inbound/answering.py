"""Answers of the door: of workflows, and refusals; shut in, whatever a workflow says.

What a workflow answers is shown by browsers under this site's address. It is no part of the site:
it runs in a sandbox without the site's origin, sets no cookies, and its type is not guessed.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from workflows.engine.triggers import Reply
from workflows.inbound.refusals import Refusal

SANDBOX = (
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-presentation allow-scripts"
    " allow-top-navigation-by-user-activation"
)
SHUT_IN = {
    "Content-Security-Policy": SANDBOX,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def answer(reply: Reply, more: Mapping[str, str] | None = None) -> HttpResponse:
    """Return what a run answers."""
    response = HttpResponse(reply.body, status=reply.status)
    del response["Content-Type"]
    for name, value in reply.headers:
        response[name] = value
    return shut_in(response, more)


def shut_in(response: HttpResponse, more: Mapping[str, str] | None = None) -> HttpResponse:
    """Add what no answer goes without."""
    for name, value in (more or {}).items():
        response.headers.setdefault(name, value)
    for name, value in SHUT_IN.items():
        if name in ("Cache-Control", "Referrer-Policy"):
            response.headers.setdefault(name, value)
        else:
            response.headers[name] = value
    return response


def refused(refusal: Refusal, more: Mapping[str, str] | None = None) -> HttpResponse:
    """Return why a call was turned away."""
    return told(refusal.status, refusal.told(), {**refusal.headers, **(more or {})})


def told(status: int, value: Any, more: Mapping[str, str] | None = None) -> HttpResponse:
    """Return words of the door itself, as JSON."""
    response = HttpResponse(
        json.dumps(value, ensure_ascii=False), status=status, content_type="application/json"
    )
    return shut_in(response, more)
