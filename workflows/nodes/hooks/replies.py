"""What a call is answered: of what the last node gave, and of the parts nodes give."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.run import Step
from workflows.engine.triggers import Reply
from workflows.engine.values import dumps

LARGEST = 16 * 1024 * 1024
"""Bytes of one answer."""
JSON = ("content-type", "application/json; charset=utf-8")
HTML = ("content-type", "text/html; charset=utf-8")
OURS = frozenset(
    {
        "clear-site-data", "connection", "content-length", "content-security-policy",
        "content-security-policy-report-only", "date", "keep-alive", "server",
        "service-worker-allowed", "set-cookie", "set-cookie2", "strict-transport-security",
        "trailer", "transfer-encoding", "upgrade", "x-content-type-options",
    }
)  # fmt: skip
"""Headers no workflow sets: they are the connection's, or would speak for the whole site."""
SHOWN = re.compile(r"(image/(?!svg)|audio/|video/|text/plain|application/(json|pdf))")
"""Files a browser may show; all others are downloaded."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8000}")

BytesOf = Callable[[Mapping[str, Any]], Awaitable[bytes]]


def headers_of(given: Any) -> tuple[tuple[str, str], ...]:
    """Return the headers of an option "Response Headers".

    Raises:
        NodeError: a header cannot be sent; names it.
    """
    entries = given.get("entries") if isinstance(given, Mapping) else None
    found = []
    for one in entries if isinstance(entries, list) else ():
        name, value = str(one.get("name") or "").strip(), str(one.get("value") or "")
        if not name:
            continue
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise NodeError(
                f"The response header {name[:100]!r} cannot be sent.",
                description="Names are letters, digits and -; values are one line without emojis.",
            )
        if name.lower() not in OURS:
            found.append((name.lower(), value.strip()))
    return tuple(found)


def with_headers(
    own: Sequence[tuple[str, str]], given: Sequence[Sequence[str]]
) -> tuple[tuple[str, str], ...]:
    """Return headers; what somebody gave stands instead of ours."""
    names = {name for name, _ in given}
    return (*(one for one in own if one[0] not in names), *((n, v) for n, v in given))


def of_json(value: Any, code: int, given: Sequence[Sequence[str]] = ()) -> Reply:
    """Return an answer of JSON."""
    return bounded(Reply(code, with_headers([JSON], given), dumps(value)))


def of_text(text: str, code: int, given: Sequence[Sequence[str]] = ()) -> Reply:
    """Return an answer of text, which is HTML unless its headers say otherwise."""
    return bounded(Reply(code, with_headers([HTML], given), text.encode("utf-8", "replace")))


def of_file(
    data: bytes, record: Mapping[str, Any], code: int, given: Sequence[Sequence[str]] = ()
) -> Reply:
    """Return an answer that is a file."""
    kind = str(record.get("mimeType") or "application/octet-stream")
    if not re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,100}(; ?charset=[\w-]{1,20})?", kind, re.ASCII):
        kind = "application/octet-stream"
    own = [("content-type", kind)]
    if not SHOWN.match(kind):
        own.append(("content-disposition", "attachment"))
    return bounded(Reply(code, with_headers(own, given), data))


def bounded(reply: Reply) -> Reply:
    """Raise NodeError for an answer that is too large; else return it."""
    if len(reply.body) > LARGEST:
        raise NodeError(
            f"The answer has {len(reply.body)} bytes; at most {LARGEST >> 20} MB are sent."
        )
    return reply


async def of_last_node(wish: Mapping[str, Any], steps: Sequence[Step], bytes_of: BytesOf) -> Reply:
    """Return what a call is answered when the run has ended well: data of its last node.

    Raises:
        NodeError: the last node gave nothing of what is to be answered.
    """
    code, given, data = wish["code"], wish["headers"], wish["data"]
    if data == "noData":
        return Reply(code, tuple((n, v) for n, v in given))
    items = _last_items(steps)
    if data == "allEntries":
        return of_json([one["json"] for one in items], code, given)
    if not items:
        raise NodeError("No item to return was found: the last node gave none.")
    if data == "firstEntryBinary":
        return await _binary(items[0], wish, bytes_of)
    return _entry(items[0]["json"], wish)


def _entry(value: Any, wish: Mapping[str, Any]) -> Reply:
    code, given = wish["code"], wish["headers"]
    if wish["property"]:
        for part in str(wish["property"]).split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if not wish["type"]:
        return of_json(value, code, given)
    body = value.encode("utf-8", "replace") if isinstance(value, str) else dumps(value)
    return bounded(Reply(code, with_headers([("content-type", str(wish["type"]))], given), body))


async def _binary(one: Item, wish: Mapping[str, Any], bytes_of: BytesOf) -> Reply:
    record = (one.get("binary") or {}).get(wish["binary"])
    if not isinstance(record, Mapping):
        raise NodeError(
            f"The last node gave no file called {wish['binary']!r}.",
            description="Choose the name of a file of its first item.",
        )
    return of_file(await bytes_of(record), record, wish["code"], wish["headers"])


def _last_items(steps: Sequence[Step]) -> Sequence[Item]:
    last = steps[-1].outputs if steps else []
    return next((items for items in last if items), [])
