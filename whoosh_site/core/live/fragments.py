"""Fragments: a page and its live parts from one view, rendered once per tick and audience."""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from whoosh_site.core.live.hub import hub

KEPT_SECONDS = 5.0
MOST = 500
View = Callable[..., HttpResponse]


class _Once:
    """Small cache in which the first caller renders and the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Any, tuple[float, threading.Event, list[bytes]]] = {}

    def get(self, key: Any, make: Callable[[], HttpResponse]) -> HttpResponse:
        with self._lock:
            now = time.monotonic()
            if len(self._kept) > MOST:
                self._kept = {k: v for k, v in self._kept.items() if v[0] > now}
            entry = self._kept.get(key)
            mine = entry is None or entry[0] < now
            if entry is None or mine:
                entry = (now + KEPT_SECONDS, threading.Event(), [])
                self._kept[key] = entry
        _, done, content = entry
        if mine:
            return self._render(key, make, done, content)
        done.wait(KEPT_SECONDS)
        return HttpResponse(content[0]) if content else make()

    def _render(
        self,
        key: Any,
        make: Callable[[], HttpResponse],
        done: threading.Event,
        content: list[bytes],
    ) -> HttpResponse:
        try:
            response = make()
            if response.status_code == 200:
                content.append(response.content)
            return response
        finally:
            if not content:
                with self._lock:
                    self._kept.pop(key, None)
            done.set()


_once = _Once()


def live(*fragments: str) -> Callable[[View], View]:
    """Let a view answer `?fragment=name&tick=n` with one of these fragments of its page.

    Such an answer is rendered once for all who see the same things. Fragments therefore hold
    nothing personal: no forms, no CSRF token, times in a neutral form.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            name = request.GET.get("fragment", "")
            if name not in fragments:
                request.fragment = ""  # type: ignore[attr-defined]
                return view(request, *args, **kwargs)
            request.fragment = name  # type: ignore[attr-defined]
            tick = request.GET.get("tick", "")
            if not (tick.isdecimal() and len(tick) < 20 and 0 < int(tick) <= hub.tick):
                return view(request, *args, **kwargs)
            key = (request.get_full_path(), request.user.audience)
            return _once.get(key, lambda: view(request, *args, **kwargs))

        wrapper.fragments = fragments  # type: ignore[attr-defined]
        return wrapper

    return decorate


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page, or the one fragment of it that was asked for."""
    name = getattr(request, "fragment", "")
    whole = f"{template}#{name}" if name else template
    return render(request, whole, dict(context), status=status)
