"""Doors that strangers' programs call: Django without what is there for people at browsers.

No session, no cookie, no CSRF token, no thread of its own for each request: an asynchronous view
gets the request, and all of them share one database thread, whose connection stays open. A thing
that waits for minutes costs no thread.
"""

from contextlib import closing
from typing import Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse
from django.urls import set_script_prefix


class BareHandler(ASGIHandler):
    """Serves asynchronous views of the URL conf without middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request. Whoever goes away meanwhile cancels only this."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            if request is None:
                await self.send_response(refusal, send)
                return
            try:
                await self.send_response(await self.get_response_async(request), send)
            finally:
                request.close()

    async def send_response(self, response: HttpResponse, send: Any) -> None:
        """Send an answer whole. It is not closed: that would close the database connection."""
        headers = [
            (name.encode("ascii"), value.encode("latin1")) for name, value in response.items()
        ]
        start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": response.content})
