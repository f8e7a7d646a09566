"""ASGI application: pages, API and WebSockets of one web process."""

import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.handlers.asgi import ASGIHandler


def _application() -> ProtocolTypeRouter:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whoosh_site.settings")
    os.environ.setdefault("WHOOSH_PROCESS", "web")
    django.setup(set_prefix=False)
    # Only after the applications are set up:
    from whoosh_site.core.live.origin import SameOrigin
    from whoosh_site.core.startup import wait_until_prepared
    from whoosh_site.urls import websockets

    wait_until_prepared()
    pages = ASGIHandler()
    sockets = SameOrigin(CookieMiddleware(URLRouter(websockets)))
    return ProtocolTypeRouter({"http": pages, "websocket": sockets})


application = _application()
