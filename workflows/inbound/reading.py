"""What somebody sent, as an item: headers, parameters, query, body, files.

Nothing that is sent can name a file: files are made of bytes that came, by this module alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from workflows.inbound.refusals import Refusal

DEEPEST = 100
MOST_HEADERS, LONGEST_HEADERS = 100, 64 * 1024
MOST_PAIRS = 2000
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_OWN_COOKIES = frozenset({settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"})


@dataclass
class Sent:
    """What came with a call. `files` are name, bytes, MIME type and the name they came under."""

    headers: dict[str, str]
    query: dict[str, Any]
    body: Any = field(default_factory=dict)
    files: list[tuple[str, bytes, str, str]] = field(default_factory=list)


def read(request: HttpRequest, take: Mapping[str, Any], most: int) -> Sent:
    """Return what a call brings: a body of at most `most` bytes.

    `take` says what becomes of the body (`listening.taking`).

    Raises:
        Refusal: it is too large, or not what it says it is.
    """
    sent = Sent(headers_of(request), pairs(request.META.get("QUERY_STRING", "")))
    raw = body_of(request, most)
    kind = (request.content_type or "").lower()
    if kind == "multipart/form-data":
        _multipart(request, sent, str(take.get("name") or ""))
        return sent
    if raw and (take.get("whole") or _is_file(kind, take)):
        sent.files.append((str(take.get("name") or "data"), raw, kind, ""))
        return sent
    if take.get("raw"):
        sent.files.append(("data", raw, kind or "application/json", ""))
    if raw:
        sent.body = _parsed(raw, kind, request)
    return sent


def headers_of(request: HttpRequest) -> dict[str, str]:
    """Return the headers, small letters; without the cookies by which people are signed in here.

    Raises:
        Refusal: there are too many, or one holds a null character.
    """
    found = {name.lower(): value for name, value in request.headers.items()}
    size = sum(len(name) + len(value) for name, value in found.items())
    if len(found) > MOST_HEADERS or size > LONGEST_HEADERS:
        raise Refusal(431, f"Too many headers: at most {MOST_HEADERS}, of 64 KB together.")
    if any("\x00" in value for value in found.values()):
        raise Refusal(400, "A header holds a null character.")
    if cookies := found.pop("cookie", ""):
        others = [one for one in cookies.split(";") if one.partition("=")[0].strip() not in
                  _OWN_COOKIES]  # fmt: skip
        if rest := ";".join(others).strip():
            found["cookie"] = rest
    return found


def body_of(request: HttpRequest, most: int) -> bytes:
    """Return the body; Refusal for one that is too large, or broke off."""
    try:
        raw = request.body
    except RequestDataTooBig:
        raw = None
    except UnreadablePostError:
        raise Refusal(400, "The body broke off.") from None
    if raw is None or len(raw) > most:
        raise Refusal(413, f"The body is too large: at most {most >> 20} MB are taken.")
    return raw


def pairs(text: str) -> dict[str, Any]:
    """Return the values of a query or a form; a list where a name comes several times."""
    try:
        found = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PAIRS)
    except ValueError:
        raise Refusal(400, f"Too many parameters: at most {MOST_PAIRS}.") from None
    made: dict[str, Any] = {}
    for name, value in found:
        if "\x00" in name or "\x00" in value:
            raise Refusal(400, "A parameter holds a null character.")
        _add(made, name, value)
    return made


def _add(made: dict[str, Any], name: str, value: str) -> None:
    if name in made:
        before = made[name]
        made[name] = [*before, value] if isinstance(before, list) else [before, value]
    else:
        made[name] = value


def _is_file(kind: str, take: Mapping[str, Any]) -> bool:
    """Whether a body is kept as a file: since version 1.1, what is no text one can read."""
    if take.get("old") or take.get("raw") or not kind:
        return False
    return not (_is_json(kind) or kind.startswith("text/") or kind == FORM or kind.endswith("xml"))


FORM = "application/x-www-form-urlencoded"


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _parsed(raw: bytes, kind: str, request: HttpRequest) -> Any:
    demand_readable(request)
    if _is_json(kind):
        return parse_json(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        if kind.startswith("text/") or kind == FORM or kind.endswith("xml"):
            raise Refusal(400, "The body is no UTF-8 text.") from None
        return {}
    if "\x00" in text:
        raise Refusal(400, "The body holds a null character.")
    if kind == FORM:
        return pairs(text)
    return text if kind.startswith("text/") or kind.endswith("xml") else {}


def parse_json(raw: bytes) -> Any:
    """Return the value of a body of JSON.

    Raises:
        Refusal: it is none, is nested too deep, or holds what cannot be kept.
    """
    depth = 0
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        for found in _BRACKET.finditer(raw):
            depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found.group(), 0)
            if depth > DEEPEST:
                raise Refusal(400, f"The JSON is nested deeper than {DEEPEST} levels.")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is no JSON: {error}.") from None
    if b"\\u0000" in raw.lower() and _holds_null(value):
        raise Refusal(400, "The JSON holds a null character.")
    if b"e" in raw.lower() and not _finite(value):
        raise Refusal(400, "The JSON holds a number that is too large.")
    return value


def _holds_null(value: Any) -> bool:
    return any("\x00" in text for text in _texts(value))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def demand_readable(request: HttpRequest) -> None:
    """Raise Refusal for a form in another encoding than UTF-8."""
    if _charset(request) not in UTF8:
        raise Refusal(415, "Send UTF-8.")


UTF8 = ("utf-8", "utf8", "us-ascii")


def _charset(request: HttpRequest) -> str:
    found = (request.content_params or {}).get("charset", "utf-8")
    return str(found).lower().replace("_", "-")


def _multipart(request: HttpRequest, sent: Sent, prefix: str) -> None:
    """Take a form with files. Names of files are cleaned; they are kept under opaque ones."""
    demand_readable(request)
    try:
        fields, files = request.POST, request.FILES
    except (MultiPartParserError, SuspiciousOperation, UnreadablePostError) as error:
        raise Refusal(400, f"The form cannot be read: {error}"[:200]) from None
    body: dict[str, Any] = {}
    for name, values in fields.lists():
        if "\x00" in name or any("\x00" in value for value in values):
            raise Refusal(400, "The form holds a null character.")
        body[name] = values[0] if len(values) == 1 else list(values)
    sent.body = body
    count = 0
    for name, uploads in files.lists():
        for number, upload in enumerate(uploads):
            key = f"{prefix}{count}" if prefix else name if len(uploads) == 1 else f"{name}{number}"
            count += 1
            kind = (upload.content_type or "application/octet-stream").lower()
            sent.files.append((key.replace("\x00", ""), upload.read(), kind, upload.name or ""))
