"""Defaults of the API: bodies, pages, filters, throttle, errors. Named in the settings.

No views here: Django REST Framework imports this module while it loads its own views.
"""

import io
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import Http404, HttpRequest
from django_filters import rest_framework as filters
from rest_framework import exceptions
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from whoosh_site.core import tunables
from whoosh_site.core.errors import BadInput, TooMany, WhooshError
from whoosh_site.core.models.access import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView


DEEPEST = 100
IN_EVERY_ZONE = (
    MinValueValidator(datetime(1, 1, 2, tzinfo=UTC)),
    MaxValueValidator(datetime(9999, 12, 30, tzinfo=UTC)),
)
"""Moments that are a date in every time zone."""


class Body(JSONParser):
    """JSON of a size that pages may have as well, holding what every database can store."""

    def parse(
        self,
        stream: HttpRequest | IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the data; raises BadInput or ParseError."""
        try:
            # Django counts what it reads as `body`; read as a stream it would have no limit.
            raw = stream.body if isinstance(stream, HttpRequest) else stream.read()
            data = super().parse(io.BytesIO(raw), media_type, parser_context)
            _storable(data, DEEPEST)
        except RequestDataTooBig as error:
            raise BadInput("The body is too large.") from error
        except RecursionError as error:
            raise BadInput("The body is nested too deep.") from error
        return data


def _storable(value: Any, room: int) -> None:
    """Raise BadInput for what JSON can say and some database cannot hold."""
    if room < 0:
        raise BadInput("The body is nested too deep.")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput("The body holds an infinite number.")
    if isinstance(value, str) and not _is_text(value):
        raise BadInput("The body holds a null character or half a character.")
    if isinstance(value, dict):
        _storable(list(value), room)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _storable(item, room - 1)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


class Pages(CursorPagination):
    """Cursor pagination, newest first; `?limit=` up to 200."""

    ordering = "-pk"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    page_size_query_description = "Rows per page, up to 200."

    def get_page_size(self, request: Request) -> int:
        """Return the limit asked for; raises BadInput for one that is none."""
        text = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
            raise BadInput(f"limit: use a whole number from 1 to {self.max_page_size}.")
        return min(int(text), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where to go on; a cursor is not signed, so its position has to be an id."""
        cursor = super().decode_cursor(request)
        position = cursor.position if cursor else None
        if position is not None and not (position.isdecimal() and len(position) < 20):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor


class FlagField(forms.NullBooleanField):
    """True, false or nothing; anything else is an error, not nothing."""

    def to_python(self, value: Any) -> bool | None:
        """Return the flag; raises ValidationError for other words."""
        words = {"true": True, "1": True, "false": False, "0": False, "": None}
        try:
            return words[str(value or "").lower()]
        except KeyError:
            raise forms.ValidationError("Use true or false.") from None


class Flag(filters.BooleanFilter):
    """A filter by true or false."""

    field_class = FlagField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # django-filter's own widget takes every other word for nothing.
        super().__init__(*args, **{"widget": forms.TextInput} | kwargs)


class Filters(filters.FilterSet):
    """Filters of a list; a value that fits none is an error."""

    FILTER_DEFAULTS = filters.FilterSet.FILTER_DEFAULTS | {
        models.BooleanField: {"filter_class": Flag}
    }


class DeclaredFilters(filters.DjangoFilterBackend):
    """django-filter, strict: a parameter that no filter declares is an error, not silence."""

    filterset_base = Filters
    ALWAYS = frozenset({"limit", "cursor", "format"})

    def filter_queryset(
        self, request: Request, queryset: models.QuerySet[Any], view: "APIView"
    ) -> models.QuerySet[Any]:
        """Filter by the declared parameters only."""
        declared = set(getattr(view, "filterset_fields", ()))
        filterset = getattr(view, "filterset_class", None)
        if filterset is not None:
            declared |= set(filterset.base_filters)
        unknown = sorted(set(request.query_params) - declared - self.ALWAYS)
        if unknown:
            known = ", ".join(sorted(declared | {"limit", "cursor"}))
            raise BadInput(f"Unknown parameter {unknown[0]!r}. There are: {known}.")
        return super().filter_queryset(request, queryset, view)


class CallerThrottle(SimpleRateThrottle):
    """`api_rate_limit` requests a minute for each key or person; strangers do not get this far."""

    scope = "caller"

    def get_rate(self) -> str:
        """Read the limit anew for each request, so that a change acts at once."""
        return f"{tunables.value('api_rate_limit')}/minute"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        """Count by key, else by person."""
        if isinstance(request.auth, ApiKey):
            return f"throttle-key-{request.auth.pk}"
        return f"throttle-user-{request.user.pk}"


def explain(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Map every error to `{"error": {"code", "message", "details"}}`."""
    if isinstance(error, WhooshError):
        answer = _body(error.code, error.message, error.details, error.status)
        if isinstance(error, TooMany):
            answer["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        return answer
    if isinstance(error, Http404):
        return _body("not_found", str(error) or "Not found.", {}, 404)
    if isinstance(error, PermissionDenied):
        return _body("forbidden", str(error) or "Not allowed.", {}, 403)
    if not isinstance(error, exceptions.APIException):
        return None
    return _of_framework(error)


def _of_framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        details = error.detail if isinstance(error.detail, dict) else {"errors": error.detail}
        first = next(iter(details), "")
        message = f"{first}: {_first_text(details[first])}" if first else "Bad input."
        return _body("bad_input", message, details, 400)
    codes = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 429: "too_many"}
    code = codes.get(error.status_code, str(error.get_codes()))
    answer = _body(code, str(error.detail), {}, error.status_code)
    if getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = error.auth_header
    if isinstance(error, exceptions.Throttled) and error.wait is not None:
        answer["Retry-After"] = str(math.ceil(error.wait))
    return answer


def _first_text(found: Any) -> str:
    while isinstance(found, list | dict) and found:
        found = found[0] if isinstance(found, list) else next(iter(found.values()))
    return str(found)


def _body(code: str, message: str, details: Any, status: int) -> Response:
    content = {"error": {"code": code, "message": message, "details": details}}
    return Response(content, status=status)
