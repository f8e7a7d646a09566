"""Respond to Webhook: answers the call that started the run, and goes on."""

from collections.abc import Mapping
from typing import Any

import orjson

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    flag,
    json,
    number,
    since,
    text,
)
from workflows.engine.triggers import Reply
from workflows.engine.values import dumps
from workflows.nodes import shelf
from workflows.nodes.hooks import fields, replies
from workflows.nodes.hooks.listening import status_of
from workflows.nodes.jwt import signed

WITH = {
    "allIncomingItems": "All Incoming Items",
    "binary": "Binary File",
    "firstIncomingItem": "First Incoming Item",
    "json": "JSON",
    "jwt": "JWT Token",
    "noData": "No Data",
    "redirect": "Redirect",
    "text": "Text",
}
EXAMPLE = '{\n  "myField": "value"\n}'


@shelf.add
class RespondToWebhook(Node):
    """Answer the call that started the run; the flow goes on afterwards."""

    key = "n8n-nodes-base.respondToWebhook"
    label = "Respond to Webhook"
    group = "Flow"
    icon = "arrow-back-up"
    versions = (1, 1.1, 1.2, 1.3, 1.4, 1.5)
    only_first = True
    credentials = ("jwtAuth",)
    fields: tuple[Field, ...] = (
        flag("enableResponseOutput", "Enable Response Output Branch", versions=since(1.4)),
        choice("respondWith", "Respond With", WITH, "firstIncomingItem", literal=True),
        text("redirectURL", "Redirect URL", when={"respondWith": ["redirect"]}),
        json("responseBody", "Response Body", EXAMPLE, when={"respondWith": ["json"]}),
        text("responseBody", "Response Body", when={"respondWith": ["text"]}),
        json("payload", "Payload", EXAMPLE, when={"respondWith": ["jwt"]}),
        choice(
            "responseDataSource",
            "Response Data Source",
            {
                "automatically": "Choose Automatically From Input",
                "set": "Specify Myself",
            },
            "automatically",
            when={"respondWith": ["binary"]},
        ),
        text(
            "inputFieldName",
            "Input Field Name",
            "data",
            when={"respondWith": ["binary"], "responseDataSource": ["set"]},
        ),
        collection(
            "options",
            "Options",
            number("responseCode", "Response Code", 200),
            fields.HEADERS,
            text("responseKey", "Put Response in Field"),
            flag("enableStreaming", "Enable Streaming", True, versions=since(1.5)),
        ),
    )

    @classmethod
    def outputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return one output, or two where what was answered goes on too."""
        own = version >= 1.4 and parameters.get("enableResponseOutput") is True
        return ("input data", "response") if version == 1.3 or own else ("main",)

    async def run(self, context: Context) -> Outputs:
        """Answer; give the items on as they came."""
        reply = await _reply(context)
        if not await context.outside.respond(reply):
            context.warn(
                "Nobody waits for this answer: the run was not started by a call that asks for "
                "one, or it is answered already."
            )
        if len(self.outputs_of(context.parameters, context.version)) == 1:
            return [context.items]
        return [context.items, [_told(reply)]]


def _told(reply: Reply) -> Item:
    body: Any = reply.body.decode("utf-8", "replace")
    if dict(reply.headers).get("content-type") == replies.JSON[1]:
        body = orjson.loads(reply.body)
    shown = {"body": body, "headers": dict(reply.headers), "statusCode": reply.status}
    return {"json": {"response": shown}}


async def _reply(context: Context) -> Reply:
    kind = context.value("respondWith")
    options = context.value("options", default={}) or {}
    given = replies.headers_of(options.get("responseHeaders"))
    usual = 307 if kind == "redirect" else 200
    code = status_of(options.get("responseCode") or usual)
    if kind == "noData":
        return Reply(code, given)
    if kind == "redirect":
        return Reply(code, replies.with_headers([("location", _address(context))], given))
    if kind == "text":
        return replies.of_text(_text(context.value("responseBody")), code, given)
    if kind == "binary":
        return await _file(context, code, given)
    return replies.of_json(await _value(context, kind, options), code, given)


async def _value(context: Context, kind: str, options: Mapping[str, Any]) -> Any:
    if kind == "json":
        return _parsed(context.value("responseBody"), "Response Body")
    if kind == "jwt":
        return {"token": await _token(context)}
    found: Any = [one["json"] for one in context.items]
    if kind == "firstIncomingItem":
        found = found[0] if found else {}
    elif kind != "allIncomingItems":
        raise NodeError(f"It cannot respond with {kind!r}.")
    for part in reversed(str(options.get("responseKey") or "").split(".")):
        found = {part: found} if part else found
    return found


def _parsed(given: Any, field: str) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return orjson.loads(given)
    except ValueError as error:
        raise NodeError(
            f"Invalid JSON in '{field}' field",
            description=f"{error}. Check that the syntax of the JSON is correct.",
        ) from None


def _text(given: Any) -> str:
    if given is None:
        return ""
    return given if isinstance(given, str) else dumps(given).decode()


def _address(context: Context) -> str:
    found = str(context.value("redirectURL") or "").strip()
    fine = found.startswith(("http://", "https://", "/", "?", "#"))
    if not fine or any(ord(letter) < 33 or ord(letter) > 126 for letter in found):
        raise NodeError(
            f"{found[:200]!r} is no address to redirect to.",
            description="Use one that begins with http://, https:// or /, without spaces.",
        )
    return found


async def _file(context: Context, code: int, given: Any) -> Reply:
    held = (context.items[0].get("binary") or {}) if context.items else {}
    if context.value("responseDataSource") == "set":
        name = str(context.value("inputFieldName") or "")
        record = held.get(name)
        if record is None:
            raise NodeError(f"The first item holds no file called {name!r}.")
    elif len(held) == 1:
        record = next(iter(held.values()))
    else:
        raise NodeError(
            f"The first item holds {len(held)} files; exactly one can be chosen automatically.",
            description="Name the field by 'Specify Myself'.",
        )
    return replies.of_file(await context.outside.bytes_of(record), record, code, given)


async def _token(context: Context) -> str:
    claims = _parsed(context.value("payload"), "Payload")
    if not isinstance(claims, Mapping):
        raise NodeError("The payload must be a JSON object.")
    kept = (await context.credential("jwtAuth")).values
    name = "privateKey" if kept.get("keyType") == "pemKey" else "secret"
    key = str(kept.get(name) or "").replace("\\n", "\n")
    return signed(claims, key, str(kept.get("algorithm") or "HS256"))
