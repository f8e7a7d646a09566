"""Requests of the HTTP Request node: what to send, made from a node's parameters."""

import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit

import orjson

from workflows.engine.bounds import vet_values
from workflows.engine.errors import NodeError
from workflows.engine.values import UNDEFINED, dumps, plain

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Upload:
    """A file inside a form."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True)
class Body:
    """What is sent. `kind`: json, form, multipart, bytes; `mime` is told for bytes alone."""

    kind: str
    value: Any
    mime: str = ""

    def with_value(self, name: str, value: Any) -> "Body":
        """Return the body with one field set."""
        if not isinstance(self.value, dict):
            raise NodeError(f"The body has no fields, so '{name}' cannot be set in it.")
        return replace(self, value={**self.value, name: value})

    def encoded(self) -> tuple[bytes, str]:
        """Return the bytes and their content type."""
        if self.kind == "json":
            return dumps(self.value), "application/json"
        if self.kind == "form":
            pairs = list(flattened(self.value, "indices"))
            return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
        if self.kind == "multipart":
            return _multipart(self.value)
        return self.value, self.mime


@dataclass(frozen=True)
class Request:
    """One request, before its parts are put together."""

    method: str
    url: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    arrays: str = "indices"

    @property
    def full_url(self) -> str:
        """The URL with the query parameters it does not have itself."""
        pairs = [pair for pair in flattened(self.query, self.arrays) if pair not in self._own()]
        if not pairs:
            return self.url
        address, sharp, fragment = self.url.partition("#")
        join = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
        return f"{address}{join}{urlencode(pairs, quote_via=quote, safe='')}{sharp}{fragment}"

    def without(self, names: Collection[str]) -> "Request":
        """Return the request with parameters left out of the URL itself."""
        parts = urlsplit(self.url)
        kept = [one for one in parts.query.split("&") if unquote_plus(_key(one)) not in names]
        if len(kept) == len(parts.query.split("&")):
            return self
        return replace(self, url=urlunsplit(parts._replace(query="&".join(kept))))

    def _own(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)

    def told(self) -> dict[str, Any]:
        """Return the request as expressions see it (`$request`)."""
        body = None if self.body is None or self.body.kind == "bytes" else self.body.value
        uploads = isinstance(body, dict) and any(isinstance(v, Upload) for v in body.values())
        return {
            "method": self.method,
            "url": self.url,
            "uri": self.url,
            "qs": plain(dict(self.query)),
            "headers": dict(self.headers),
            **({} if body is None or uploads else {"body": plain(body)}),
        }


def _key(pair: str) -> str:
    return pair.partition("=")[0]


def flattened(values: Mapping[str, Any], arrays: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a query: `a[b]=1` of objects, lists as `arrays` has them."""
    for name, value in values.items():
        yield from _flat(name, value, arrays)


def _flat(name: str, value: Any, arrays: str) -> Iterator[tuple[str, str]]:
    if value is UNDEFINED:
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{name}[{key}]", one, arrays)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            inner = {"repeat": name, "brackets": f"{name}[]"}.get(arrays, f"{name}[{place}]")
            yield from _flat(inner, one, arrays)
    else:
        yield name, word(value)


def word(value: Any) -> str:
    """Return a value as text, as JavaScript writes it."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str) else dumps(value).decode()


def _multipart(values: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary = f"----whoosh{secrets.token_hex(16)}"
    parts: list[bytes] = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
            data = word(one).encode() if not isinstance(one, Upload) else one.data
            if isinstance(one, Upload):
                head += f'; filename="{_quoted(one.name)}"\r\nContent-Type: {_line(one.mime)}'
            parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    """Escape a name as browsers do, so that it cannot end its header."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _line(value: str) -> str:
    return re.sub(r"[\r\n\0]", "", value) or "application/octet-stream"


def header(name: Any, value: Any) -> tuple[str, str]:
    """Return a header's name and text; NodeError when they could not be sent as such."""
    name, text = str(name).strip(), word(value).strip()
    if not _TOKEN.fullmatch(name):
        raise NodeError(f"{name!r} is no name of a header.")
    if re.search(r"[\r\n\0]", text):
        raise NodeError(f"The value of the header {name!r} has a line break in it.")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise NodeError(
            f"The value of the header {name!r} has signs that headers cannot carry."
        ) from error
    return name, text


def address(value: Any) -> str:
    """Return a URL that may be called; NodeError in n8n's words when it is none."""
    if not isinstance(value, str):
        received = "undefined" if value is None or value is UNDEFINED else type(value).__name__
        raise NodeError(f"URL parameter must be a string, got {received}")
    value = value.strip()
    if not re.match(r"https?://", value, re.IGNORECASE):
        raise NodeError(f'Invalid URL: {value}. URL must start with "http" or "https".')
    return value


def pairs(parameters: Sequence[Any], *, repeated: bool = False) -> dict[str, Any]:
    """Return name and value fields as an object; what has no name is left out.

    With `repeated`, a name given twice gives both values; otherwise the last.
    """
    made: dict[str, Any] = {}
    for one in parameters:
        name = word(one.get("name")) if isinstance(one, Mapping) else ""
        value = one.get("value") if name else UNDEFINED
        if not name or value is UNDEFINED:
            continue
        if repeated and name in made:
            before = made[name] if isinstance(made[name], list) else [made[name]]
            made[name] = [*before, value]
        else:
            made[name] = value
    return made


def json_object(value: Any, what: str) -> dict[str, Any]:
    """Return a parameter that must be an object, given as one or as JSON text."""
    found = json_value(value, what) if value not in (None, "") else {}
    if not isinstance(found, dict):
        raise NodeError(f"{what} must be a JSON object.")
    return found


def json_value(value: Any, what: str) -> Any:
    """Return a parameter given as JSON text or as what it says."""
    if not isinstance(value, str):
        return None if value is UNDEFINED else plain(value)
    vet_values(value, what)
    try:
        return orjson.loads(value)
    except ValueError as error:
        raise NodeError(
            f"JSON parameter needs to be valid JSON: {what}", description=str(error)
        ) from error
