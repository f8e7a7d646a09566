"""ASGI application: pages, API and WebSockets of one web process."""

import os
from typing import Any

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.handlers.asgi import ASGIHandler

DOORS = (
    "/webhook/", "/webhook-test/", "/webhook-waiting/", "/form/", "/form-test/", "/form-waiting/",
)  # fmt: skip
"""What strangers' programs call."""


def _application() -> ProtocolTypeRouter:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whoosh_site.settings")
    os.environ.setdefault("WHOOSH_PROCESS", "web")
    django.setup(set_prefix=False)
    # Only after the applications are set up:
    from whoosh_site.core.bare import BareHandler
    from whoosh_site.core.live.origin import SameOrigin
    from whoosh_site.core.startup import wait_until_prepared
    from whoosh_site.urls import websockets

    wait_until_prepared()
    pages, doors = ASGIHandler(), BareHandler()

    async def front(scope: Any, receive: Any, send: Any) -> None:
        is_door = scope["path"].startswith(DOORS)
        await (doors if is_door else pages)(scope, receive, send)

    sockets = SameOrigin(CookieMiddleware(URLRouter(websockets)))
    return ProtocolTypeRouter({"http": front, "websocket": sockets})


application = _application()
