"""Pages: repeating a request until everything has come."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workflows.engine.bounds import Bounds
from workflows.engine.errors import NodeError
from workflows.engine.node import Context
from workflows.engine.values import UNDEFINED
from workflows.nodes.web.answers import Got
from workflows.nodes.web.making import Taking, whole
from workflows.nodes.web.request import Request, header, word

MOST_ALIKE = 5
_LESS = (
    "Set Limit Pages Fetched, check when the pages are complete, or ask an administrator to raise "
    "the setting"
)
Send = Callable[[Request, int], Awaitable[Got]]


@dataclass
class Pages:
    """The pagination of one item's request. Its expressions are evaluated after each answer."""

    context: Context
    index: int
    settings: Mapping[str, Any]
    taking: Taking

    async def all(self, request: Request, send: Send) -> list[Got]:
        """Send the request for page after page; returns the answers that count."""
        names: dict[str, Any] = {"pageCount": 0, "response": {}, "request": request.told()}
        first = await self._changed(request, names, first=True)
        found: list[Got] = []
        alike = 1
        current = first
        while True:
            got = await send(current, len(found))
            complete = await self._complete(current, got, names, len(found) + 1)
            if not got.ok and not self.taking.never_error and not (complete and self._by_status()):
                raise got.failure()
            if found and (got.body, got.status) == (found[-1].body, found[-1].status):
                alike += 1
                if alike == MOST_ALIKE:
                    raise _stuck()
            else:
                alike = 1
            found.append(got)
            if complete or 0 < await self._most(names) <= len(found):
                return found
            interval = await self._value("requestInterval", names)
            if pause := whole(interval, 0, "Interval Between Requests"):
                await self.context.outside.sleep(pause / 1000)
            current = await self._changed(request, names, first=False)

    def _by_status(self) -> bool:
        return self.settings.get("paginationCompleteWhen") == "receiveSpecificStatusCodes"

    async def _complete(
        self, request: Request, got: Got, names: dict[str, Any], count: int
    ) -> bool:
        body = got.loose_value(self.taking.form)
        names["response"] = {"body": body, **got.told()}
        names["request"], names["pageCount"] = request.told(), count
        when = self.settings.get("paginationCompleteWhen", "responseIsEmpty")
        if when == "receiveSpecificStatusCodes":
            codes = word(await self._value("statusCodesWhenComplete", names)).split(",")
            return str(got.status) in [code.strip() for code in codes]
        if when == "other":
            return await self._value("completeExpression", names) in (True, "true")
        return body in (None, "", [], {})

    async def _most(self, names: Mapping[str, Any]) -> int:
        """Return how many pages its author wants at most; 0 for all."""
        if not await self._value("limitPagesFetched", names):
            return 0
        return max(whole(await self._value("maxRequests", names), 100, "Max Pages"), 1)

    async def _changed(self, request: Request, names: dict[str, Any], *, first: bool) -> Request:
        """Return the request for the next page."""
        mode = self.settings.get("paginationMode", "updateAParameterInEachRequest")
        if mode == "responseContainsNextURL":
            return request if first else replace(request, url=await self._next_url(names))
        listed = (self.settings.get("parameters") or {}).get("parameters") or []
        for one in listed if isinstance(listed, list) else [listed]:
            name = word(await self._evaluated(one.get("name"), names))
            value = await self._evaluated(one.get("value"), names)
            if name and value is not UNDEFINED:
                request = _with(request, str(one.get("type") or "qs"), name, value)
        return request

    async def _next_url(self, names: Mapping[str, Any]) -> str:
        found = await self._value("nextURL", names)
        url = word(None if found is UNDEFINED else found)
        if not url.lower().startswith(("http://", "https://")):
            raise NodeError(
                f"'{url}' is not a valid URL.",
                description='Make sure the "Next URL" parameter evaluates to a valid URL.',
            )
        return url

    async def _value(self, name: str, names: Mapping[str, Any]) -> Any:
        return await self._evaluated(self.settings.get(name), names)

    async def _evaluated(self, value: Any, names: Mapping[str, Any]) -> Any:
        if isinstance(value, str) and value.startswith("="):
            return await self.context.evaluate(value, self.index, **names)
        return value


class Taken:
    """What the pages of all items of one run of a node took so far, and may take together."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.pages = self.bytes = 0

    def page(self) -> None:
        """Count a page; NodeError when that is one too many."""
        self.pages += 1
        if self.pages > self.bounds.pages:
            raise NodeError(
                f"More than {self.bounds.pages:,} pages: no more are allowed in one run of a node.",
                description=f"{_LESS} workflow_pages.",
            )

    def piece(self, size: int) -> None:
        """Count bytes of a page; NodeError when those of all pages are too many."""
        self.bytes += size
        if self.bytes > self.bounds.page_bytes:
            raise NodeError(
                f"The first {self.pages:,} pages hold more than {self.bounds.page_bytes:,} bytes: "
                "no more are allowed in one run of a node.",
                description=f"{_LESS} workflow_page_megabytes.",
            )


def _with(request: Request, place: str, name: str, value: Any) -> Request:
    if place == "qs":
        return replace(request, query={**request.query, name: value})
    if place == "headers":
        name, text = header(name, value)
        return replace(request, headers={**request.headers, name.lower(): text})
    if place == "body" and request.body is not None:
        return replace(request, body=request.body.with_value(name, value))
    raise NodeError(f"There is no {place} to set '{name}' in: turn on Send Body.")


def _stuck() -> NodeError:
    return NodeError(
        f"The returned response was identical {MOST_ALIKE}x, so requests got stopped",
        description='Check if "Pagination Completed When" has been configured correctly.',
    )
