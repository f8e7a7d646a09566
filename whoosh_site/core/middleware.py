"""What happens around every request: headers, static files, idle sign-out, error pages."""

import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from whitenoise.middleware import WhiteNoiseMiddleware

from whoosh_site.core import tunables
from whoosh_site.core.errors import TooMany, WhooshError
from whoosh_site.core.live import last_seen
from whoosh_site.core.live.hub import hub

GetResponse = Callable[[HttpRequest], HttpResponse]
SEEN = "seen_at"

CONTENT_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


class Session(Protocol):
    """What we use of a session."""

    def get(self, key: str, default: Any = None) -> Any: ...


class PolicyHeaders:
    """Content-Security-Policy without inline scripts or styles; private pages are not cached."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers a view has not set itself."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class NoNulls:
    """Refuse null characters: no text column of PostgreSQL holds one, and nobody types one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look through address, query, headers and cookies; forms and JSON look for themselves."""
        query = unquote(request.META.get("QUERY_STRING", ""))
        said = (request.path, query, *request.headers.values(), *request.COOKIES.values())
        if any("\x00" in text for text in said):
            raise BadRequest("a null character")
        return self.get_response(request)


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise for ASGI: small files are answered whole, for Django cannot stream them there."""

    def __init__(self, get_response: GetResponse) -> None:
        self.collected = settings.STATIC_ROOT.is_dir()
        super().__init__(get_response)
        if not self.collected and not self.use_finders:
            self.add_files_from_finders()

    def add_files(self, root: Any, prefix: str | None = None) -> None:
        """Skip a folder that nothing was collected into yet."""
        if self.collected:
            super().add_files(root, prefix)

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """Answer with the file's bytes and WhiteNoise's headers."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response


def idle_seconds(session: Session) -> float:
    """Return how long ago a person last did something in this session."""
    return time.time() - session.get(SEEN, time.time())


class SessionTimeout:
    """Sign people out after `session_timeout` seconds without activity.

    Fetching a live fragment is no activity: an open page must not keep a session alive.
    """

    REFRESH = 30.0

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """End an idle session, or note the activity."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            limit = tunables.value("session_timeout")
            idle = idle_seconds(request.session)
            if idle > limit:
                logout(request)
                messages.info(request, "You were signed out after a time without activity.")
            elif "fragment" not in request.GET and (
                SEEN not in request.session or idle > min(self.REFRESH, limit / 4)
            ):
                request.session[SEEN] = time.time()
        return self.get_response(request)


def seen_before(request: HttpRequest) -> int:
    """Return up to which notice a page drawn from now on has seen everything; 0 where none lives.

    Taken before the view reads: what changes while the page is drawn is told when it connects.
    """
    partial = "fragment" in request.GET or request.path.startswith("/api/")
    if partial or not request.user.is_authenticated:
        return 0
    return hub.settled if hub.running else last_seen()


def _explained(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    template = "components/_problem.html" if getattr(request, "htmx", False) else "problem.html"
    context = {"title": title, "advice": advice, "status": status}
    return render(request, template, context, status=status)


def _wrong_method(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Explain an address that only a button may call, such as one kept from a lost session."""
    if request.path.startswith("/api/"):
        return response
    advice = "This address belongs to a button of another page. Go there and press it again."
    page = _explained(request, 405, "Not a page", advice)
    page["Allow"] = response["Allow"]
    return page


def _to_sign_in(url: str) -> bool:
    """Whether a redirect asks for a sign-in first; signing out leads there too, but not onward."""
    there = urlsplit(url)
    return there.path == resolve_url(settings.LOGIN_URL) and "next" in parse_qs(there.query)


def _sign_in_first(request: HttpRequest, response: HttpResponseRedirect) -> HttpResponse:
    """Send to the sign-in so that it leads back to a page, never to the address of a button."""
    login, htmx = resolve_url(settings.LOGIN_URL), getattr(request, "htmx", False)
    if htmx and not htmx.boosted:
        way = {"next": _page_shown(request)}
        return HttpResponse(status=204, headers={"HX-Redirect": f"{login}?{urlencode(way)}"})
    if request.method in ("GET", "HEAD"):
        return response
    return HttpResponseRedirect(f"{login}?next={quote(_page_before(request))}")


def _page_shown(request: HttpRequest) -> str:
    """Return the page a htmx request came from, or the dashboard."""
    try:
        return request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    except ValueError:  # what the header holds is no address
        return "/"


def _page_before(request: HttpRequest) -> str:
    """Return the page of ours whose form was sent, or the dashboard."""
    before = request.headers.get("referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return "/"
    there = urlsplit(before)
    return f"{there.path}?{there.query}" if there.query else there.path or "/"


class PlainForms:
    """Refuse forms in another encoding than UTF-8: none of ours sends any, and some crash."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on, or refuse."""
        charset = (
            request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
        )
        if charset.lower().replace("_", "-") not in ("utf-8", "utf8"):
            return HttpResponse("Send UTF-8.", status=415, content_type="text/plain")
        return self.get_response(request)


class PageErrors:
    """Note what a page has seen, and turn our errors into pages; the API has its own handler."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; explain a wrong method, and lead from the sign-in back to a page."""
        request.live_seq = seen_before(request)  # type: ignore[attr-defined]
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            return _wrong_method(request, response)
        if isinstance(response, HttpResponseRedirect) and _to_sign_in(response.url):
            return _sign_in_first(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Explain our own errors; everything else is Django's."""
        if not isinstance(error, WhooshError):
            return None
        if error.status == 404:
            raise Http404(error.message) from error
        response = _explained(request, error.status, "Not possible", error.message)
        if isinstance(error, TooMany):
            response["Retry-After"] = str(max(1, round(error.retry_after)))
        return response
