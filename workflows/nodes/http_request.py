"""HTTP Request: calls an address, once for each item."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from whoosh_site.core.errors import WhooshError
from whoosh_site.core.limits import MEGABYTE, Limits
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Answer, Context, Node, Unsupported
from workflows.engine.parameters import Field
from workflows.nodes import shelf
from workflows.nodes.web import making
from workflows.nodes.web.answers import Got, headers_of, items_of
from workflows.nodes.web.making import ACCEPT, Taking, whole
from workflows.nodes.web.pages import Pages, Taken
from workflows.nodes.web.parameters import NEW, OLD
from workflows.nodes.web.request import Request
from workflows.nodes.web.service import step_key
from workflows.nodes.web.signing import Signer, signer_of

AT_ONCE = 20
"""Requests of one node that are under way at the same time."""
LARGE, LARGEST = MEGABYTE, 64 * MEGABYTE
LONGEST = 300.0
_OLD_KIND = "is not there: it is OAuth1. Send a header instead"
_CHECKED = "is refused: certificates are always checked"


@shelf.add
class HttpRequest(Node):
    """Call an address for each item and give what it answers."""

    key = "n8n-nodes-base.httpRequest"
    label = "HTTP Request"
    group = "Core"
    icon = "world"
    versions = (1, 2, 3, 4, 4.1, 4.2, 4.3, 4.4, 4.5)
    reaches_out = True
    fields: ClassVar[tuple[Field, ...]] = NEW
    unsupported: ClassVar[tuple[Unsupported, ...]] = (
        Unsupported("authentication", ("oAuth1",), _OLD_KIND),
        Unsupported("provideSslCertificates"),
        Unsupported("allowUnauthorizedCerts", why=_CHECKED),
        Unsupported("options.allowUnauthorizedCerts", why=_CHECKED),
        Unsupported("options.proxy", why="is refused: requests leave by the server's own door"),
    )

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields; versions 1 and 2 have others."""
        return OLD if version < 3 else NEW

    async def run(self, context: Context) -> Outputs:
        """Send the requests in batches; the items come in the order of those that asked."""
        size, pause = _batching(context)
        made: list[Items | NodeError] = []
        sender = Sender(context, await signer_of(context) if context.items else None)
        count = len(context.items)
        for first in range(0, count, size):
            if first and pause:
                await context.outside.sleep(pause)
            batch = range(first, min(first + size, count))
            made += await asyncio.gather(*(_answered(context, index, sender) for index in batch))
        items: Items = []
        for index, found in enumerate(made):
            if not isinstance(found, NodeError):
                items += found
            elif context.goes_on:
                items.append({"json": {"error": _told(found)}, "pairedItem": {"item": index}})
            else:
                raise context.blamed(found, index)
        return [items]


def _batching(context: Context) -> tuple[int, float]:
    """Return how many items go in one batch and the seconds between two."""
    options = context.value("options", 0, {}) or {}
    batch: Mapping[str, Any] = options
    if context.version >= 3:
        batch = (options.get("batching") or {}).get("batch") or {}
    size = whole(batch.get("batchSize"), 0, "Items per Batch")
    pause = whole(batch.get("batchInterval"), 0, "Batch Interval")
    return size or max(len(context.items), 1), pause / 1000


class Gates:
    """How many requests of a node are under way: some, and of those with large answers one."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.any = asyncio.Semaphore(AT_ONCE)
        self.large = asyncio.Semaphore(1)

    async def read(self, answer: Answer, *, paged: bool) -> bytes:
        """Return a whole body; the memory of all answers together stays bounded."""
        pieces, size = [], 0
        held = False
        try:
            async for piece in answer.chunks():
                pieces.append(piece)
                size += len(piece)
                if paged:
                    self.taken.piece(len(piece))
                if size > LARGE and not held:
                    held = await self.large.acquire()
            return b"".join(pieces)
        finally:
            if held:
                self.large.release()


@dataclass(frozen=True)
class Sent:
    """One request: its idempotency key, if it has one, and whether it is one page of several."""

    request: Request
    key: str
    paged: bool


class Sender:
    """Sends the requests of one run of the node, signed where a credential is chosen."""

    def __init__(self, context: Context, signer: Signer | None) -> None:
        self.context = context
        self.signer = signer
        self.gates = Gates(Taken(context.outside.bounds))

    async def send(self, sent: Sent, taking: Taking) -> Got:
        """Send a request; once more where a 401 can be answered, or a token be renewed."""
        signer = self.signer
        if signer is None:
            return await _sent(self.context, sent, taking, self.gates)
        if signer.stays:
            taking = replace(taking, redirects=0)
        used, request = signer.found, signer.sign(sent.request)
        got = await _sent(self.context, replace(sent, request=request), taking, self.gates)
        if got.status == 401 and (again := await signer.again(sent.request, got.headers, used)):
            got = await _sent(self.context, replace(sent, request=again), taking, self.gates)
        # What echoes a secret is hidden before an expression of the node, or a file, has it.
        hide = self.context.mask
        return Got(got.status, hide.hide(got.headers), hide.data(got.body), hide.text(got.url))


async def _answered(context: Context, index: int, sender: Sender) -> Items | NodeError:
    async with sender.gates.any:
        try:
            return await _items(context, index, context.items[index], sender)
        except NodeError as error:
            return error


async def _items(context: Context, index: int, one: Item, sender: Sender) -> Items:
    if context.version < 3:
        request = await making.old_request_of(context, index, one)
        taking = making.old_taking_of(context, index)
    else:
        request = await making.request_of(context, index, one)
        taking = making.taking_of(context, index)
    options = context.value("options", index, {}) or {}
    keyed = options.get("idempotencyKey", True) is not False

    pages = (options.get("pagination") or {}).get("pagination") or {}
    paged = bool(pages) and pages.get("paginationMode") != "off"

    async def send(page: Request, number: int) -> Got:
        if paged:
            sender.gates.taken.page()
        key = step_key(context, index, number) if keyed else ""
        sent = Sent(page, key, paged=paged)
        return await sender.send(sent, taking)

    if paged:
        answers = await Pages(context, index, pages, taking).all(request, send)
    else:
        answers = [await send(request, 0)]
        if not answers[0].ok and not taking.never_error:
            raise answers[0].failure()
    return [made for got in answers for made in await items_of(context, index, one, got, taking)]


async def _sent(context: Context, sent: Sent, taking: Taking, gates: Gates) -> Got:
    request, key = sent.request, sent.key
    headers = {"accept": ACCEPT[taking.form], "user-agent": "WHOOSH"}
    content = None
    if request.body is not None:
        content, mime = request.body.encoded()
        if mime:
            headers["content-type"] = mime
    if key:
        headers["idempotency-key"] = key
    given = {name.lower() for name in request.headers}
    headers = {name: value for name, value in headers.items() if name not in given}
    limits = Limits(
        first_byte=taking.seconds,
        total=max(taking.seconds, LONGEST),
        size=LARGEST,
        redirects=taking.redirects,
    )
    try:
        opened = context.outside.http(
            request.method,
            request.full_url,
            headers={**headers, **request.headers},
            content=content,
            limits=limits,
        )
        async with opened as answer:
            body = await gates.read(answer, paged=sent.paged)
            return Got(answer.status, headers_of(answer.headers), body, answer.url)
    except WhooshError as error:
        failure = NodeError(error.message)
        failure.extra = {"name": "NodeApiError"}
        raise failure from error


def _told(error: NodeError) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message, "name": "NodeOperationError", **error.extra}
    if error.description:
        told["description"] = error.description
    return told
