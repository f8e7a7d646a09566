"""What a fake host remembers of its callers."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiohttp import web

KEPT = 20_000


class Seen(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = 0.0
    """Seconds since the epoch."""


class Record:
    """Requests seen and in flight; a caller that left before its answer ended is counted."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.seen = 0
        self.in_flight = 0
        self.peak = 0
        self.canceled = 0
        self.statuses: Counter[int] = Counter()
        self._active: set[int] = set()  # by id: requests cannot be hashed
        self._dropped: set[int] = set()

    @contextlib.contextmanager
    def following(self, request: web.Request, body: bytes) -> Iterator[None]:
        """Count a request while it is answered."""
        self._note(request, body)
        self._active.add(id(request))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            yield
        except (
            asyncio.CancelledError,
            ConnectionResetError,
        ):  # left: noticed between, or by a write
            if id(request) not in self._dropped:
                self.canceled += 1
                self.statuses[499] += 1
            raise
        finally:
            self.in_flight -= 1
            self._active.discard(id(request))
            self._dropped.discard(id(request))

    def drop(self, request: web.BaseRequest) -> None:
        """Remember that the host itself breaks this one off."""
        self._dropped.add(id(request))

    def drop_all(self) -> None:
        """Remember that the host breaks everything off."""
        self._dropped |= self._active

    def _note(self, request: web.Request, body: bytes) -> None:
        self.seen += 1
        self.requests.append(
            Seen(request.method, request.path, dict(request.headers), body, time.time())
        )
        if len(self.requests) > KEPT:
            del self.requests[: KEPT // 2]
