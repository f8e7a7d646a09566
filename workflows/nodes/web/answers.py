"""Answers of the HTTP Request node: what came back, and the items made of it."""

import asyncio
import json as json_text
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from workflows.engine.bounds import vet_values
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.nodes.files import blobs
from workflows.nodes.files.encodings import codec, guess
from workflows.nodes.web.making import Taking

_FILES = ("image/", "audio/", "video/", "font/")
_TEXTS = re.compile(
    r"^text/|[/+](xml|json|yaml|x-yaml|javascript|ecmascript|x-ndjson|jsonl|csv|toml|graphql|sql)$"
    r"|^application/(x-www-form-urlencoded|rtf)$"
)
WORDS = {
    400: "Bad request - please check your parameters",
    401: "Authorization failed - please check your credentials",
    402: "Payment required - perhaps check your payment details?",
    403: "Forbidden - perhaps check your credentials?",
    404: "The resource you are requesting could not be found",
    405: "Method not allowed - please check you are using the right HTTP method",
    429: "The service is receiving too many requests from you",
    500: "The service was not able to process your request",
    502: "Bad gateway - the service failed to handle your request",
    503: "Service unavailable - try again later or consider setting this node to retry "
    "automatically (in the node settings)",
    504: "Gateway timed out - perhaps try again later?",
}
MOST_TOLD = 2_000
LARGE = 1024 * 1024


@dataclass(frozen=True)
class Got:
    """A complete answer."""

    status: int
    headers: Mapping[str, Any]  # names in lower case; several cookies are a list
    body: bytes
    url: str

    @property
    def mime(self) -> str:
        """The media type without its parameters; nothing when the server told none."""
        return str(self.headers.get("content-type") or "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, in the charset the server told or the one it looks like."""
        from email.message import Message  # heavy

        message = Message()
        message["content-type"] = str(self.headers.get("content-type") or "text/plain")
        charset = message.get_content_charset() or ""
        try:
            name = codec(charset) if charset else guess(self.body)
        except NodeError:
            name = "utf-8"
        return self.body.decode(name, "replace").removeprefix("\ufeff")

    @property
    def ok(self) -> bool:
        """Whether the server says that all is well."""
        return 200 <= self.status < 300

    def form(self, wanted: str) -> str:
        """Return json, text or file: what was wanted, or what the server says it is."""
        if wanted != "autodetect":
            return wanted
        if self.mime == "application/json" or self.mime.endswith("+json"):
            return "json"
        if not self.mime or _TEXTS.search(self.mime):
            return "text"
        known = self.mime.startswith(("application/", *_FILES))
        return "file" if known else "text"

    def value(self, form: str) -> Any:
        """Return the body as JSON or text; NodeError when it is no JSON."""
        if form != "json":
            return self.text
        text = self.text
        if not text.strip():
            return ""
        vet_values(text, "The answer")
        try:
            return orjson.loads(text)
        except ValueError as error:
            raise NodeError(
                'Response body is not valid JSON. Change "Response Format" to "Text"',
                description=f"{error}: {text[:200]}",
            ) from error

    def loose_value(self, wanted: str) -> Any:
        """Return the body as expressions see it: JSON where it is, else text."""
        try:
            return self.value("json" if self.form(wanted) == "json" else "text")
        except NodeError:
            return self.text

    def told(self) -> dict[str, Any]:
        """Return what a full response adds to its body."""
        try:
            words = HTTPStatus(self.status).phrase
        except ValueError:
            words = ""
        return {"headers": dict(self.headers), "statusCode": self.status, "statusMessage": words}

    @property
    def file_name(self) -> str:
        """The name the server gives the file, or the end of the address."""
        from email.message import Message  # heavy

        told = Message()
        told["content-disposition"] = str(self.headers.get("content-disposition") or "")
        try:
            name = told.get_filename()
        except (ValueError, LookupError):
            name = None
        return name or unquote(urlsplit(self.url).path.rpartition("/")[2])

    def failure(self) -> NodeError:
        """Return the error that an answer like this is, with what the server said."""
        message = WORDS.get(self.status) or f"Request failed with status code {self.status}"
        error = NodeError(message, description=_said(self.loose_value("autodetect")))
        error.extra = {"name": "NodeApiError", "httpCode": str(self.status)}
        return error


def _said(body: Any) -> str:
    """Find the words for a person in the body of an answer that says no."""
    for _ in range(4):
        if not isinstance(body, dict):
            break
        names = ("message", "error_description", "error", "detail", "details", "title", "msg")
        found = next((body[name] for name in names if body.get(name)), None)
        if found is None:
            break
        body = found
    text = body if isinstance(body, str) else json_text.dumps(body, ensure_ascii=False)
    return text[:MOST_TOLD]


def headers_of(headers: Any) -> dict[str, Any]:
    """Return headers by lower-case name; cookies as a list, other repeated ones joined."""
    made: dict[str, Any] = {}
    for name, value in headers.items():
        name = name.lower()
        if name == "set-cookie":
            made.setdefault(name, []).append(value)
        else:
            made[name] = f"{made[name]}, {value}" if name in made else value
    return made


async def items_of(context: Context, index: int, one: Item, got: Got, taking: Taking) -> Items:
    """Return the items an answer makes."""
    pair = {"item": index}
    form = got.form(taking.form)
    if form == "file":
        record = await blobs.keep(context, got.body, mime=got.mime, name=got.file_name)
        binary = {**(one.get("binary") or {}), taking.name: record}
        json = got.told() if taking.full else {}
        return [{"json": json, "binary": binary, "pairedItem": pair}]
    large = len(got.body) > LARGE  # others have work meanwhile
    value = await asyncio.to_thread(got.value, form) if large else got.value(form)
    if form == "text":
        found = {taking.name: value}
        json = {**found, **got.told()} if taking.full else found
        return [{"json": json, "pairedItem": pair}]
    if taking.full:
        return [{"json": {"body": value, **got.told()}, "pairedItem": pair}]
    if isinstance(value, list) and taking.split:
        return [{"json": _object(inner), "pairedItem": pair} for inner in value]
    return [{"json": _object(value), "pairedItem": pair}]


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value == "" else {"data": value}
