"""Who may open a WebSocket: only our own pages."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class SameOrigin:
    """Refuse, before the handshake, sockets whose Origin is not the host they connect to.

    Comparing host and port is stricter than a list of host names: a page on another port of this
    machine shares our cookies, and must not share our sockets.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, or deny with 403."""
        headers = {name: value.decode("latin1") for name, value in scope.get("headers", [])}
        inside: Any = self.application if _same(headers) else WebsocketDenier()
        await inside(scope, receive, send)


def _same(headers: dict[bytes, str]) -> bool:
    origin = urlsplit(headers.get(b"origin", ""))
    if origin.scheme not in ("http", "https") or not origin.netloc:
        return False
    if settings.BASE_URL and f"{origin.scheme}://{origin.netloc}" == settings.BASE_URL:
        return True
    host = headers.get(b"host", "")
    domain, _ = split_domain_port(host)
    return origin.netloc == host and validate_host(domain, settings.ALLOWED_HOSTS)
