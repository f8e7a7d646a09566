"""The door of chats: a page to talk on, and messages that start runs."""

import secrets
from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse

from whoosh_site.core.auth import address_of
from workflows import services
from workflows.engine.triggers import Reply
from workflows.inbound import answering, forms, guarding, reading
from workflows.inbound.refusals import Refusal
from workflows.services import Call, Caught

POLICY = (
    "sandbox allow-forms allow-popups allow-scripts; default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'"
)
ACTIONS = ("sendMessage", "loadPreviousSession")
LONGEST_ID = 200


async def chat(
    request: HttpRequest, caught: Caught, most: int, seconds: float, more: Mapping[str, str]
) -> HttpResponse:
    """Show the chat, or answer a message."""
    guard = caught.options["guard"]
    if request.method == "OPTIONS":
        allowed = {"Access-Control-Allow-Methods": "GET, OPTIONS, POST",
                   "Access-Control-Allow-Headers": "content-type, authorization"}  # fmt: skip
        return answering.answer(Reply(204), {**allowed, **more})
    guarding.demand_welcome(request, guard, address_of(request))
    if "credential" in guard:
        values = await services.callers_secret(caught.team, guard)
        guarding.admitted(request, guard["kind"], values)
    if request.method in ("GET", "HEAD"):
        return _page(caught)
    if request.method != "POST":
        raise Refusal(405, "A chat is shown or written to.", headers={"Allow": "GET, POST"})
    said = _said(request, most)
    if said["action"] == "loadPreviousSession":
        return answering.told(200, {"data": []}, more)
    if caught.test:
        await sync_to_async(services.spend_test)(caught)
    reply = await services.answer_of(Call(caught, {"json": said}), seconds)
    return answering.answer(reply, more)


def _page(caught: Caught) -> HttpResponse:
    if not caught.options["hosted"]:
        raise Refusal(404, "This chat has no page of its own.", hint="It is part of another one.")
    context = {"chat": caught.options["chat"], "session": secrets.token_urlsafe(16)}
    return forms.shown_alone("doors/chat.html", context, policy=POLICY)


def _said(request: HttpRequest, most: int) -> dict[str, Any]:
    raw = reading.body_of(request, most)
    if request.content_type != "application/json":
        raise Refusal(415, "Send JSON.")
    given = reading.parse_json(raw)
    if not isinstance(given, dict) or given.get("action", ACTIONS[0]) not in ACTIONS:
        raise Refusal(400, f"Send an object with an action: {' or '.join(ACTIONS)}.")
    session, words = given.get("sessionId"), given.get("chatInput", "")
    if not isinstance(session, str) or not 0 < len(session) <= LONGEST_ID:
        raise Refusal(400, f"sessionId: a text of 1 to {LONGEST_ID} characters.")
    if not isinstance(words, str):
        raise Refusal(400, "chatInput: a text.")
    return {"action": ACTIONS[0], **given, "sessionId": session, "chatInput": words}
