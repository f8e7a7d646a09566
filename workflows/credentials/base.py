"""What a credential type declares: fields, hosts, what it adds to requests, how it is tried."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus, urlsplit

from workflows.engine.credentials import SHORTEST, host_entry
from workflows.engine.parameters import Field, shown_fields

Values = Mapping[str, Any]
LONGEST_LINE = 16
"""Lines of a longer secret, such as a private key, are secrets from this length on."""


@dataclass(frozen=True)
class Added:
    """What a credential adds to a request; `body` are fields of an object."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """A request that shows whether a credential works; it changes nothing where it is sent.

    `complaint` says what is wrong in an answer of status 200, or nothing.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    complaint: Callable[[Any], str] = lambda answer: ""


@dataclass(frozen=True)
class Server:
    """A server that is no web server: its protocol, where it listens, how to sign in."""

    protocol: str  # smtp, postgres, redis
    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


class CredentialType:
    """A kind of credential, called as in n8n. One file each on the shelf."""

    key: ClassVar[str]
    label: ClassVar[str]
    hint: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    signs: ClassVar[bool] = False  # requests of the HTTP Request node can be signed with it
    stays: ClassVar[bool] = False  # it is sent nowhere, so it needs no hosts
    answers: ClassVar[bool] = False  # it answers what a server asks first (digest)

    @classmethod
    def said(cls) -> str:
        """Return what it is, in a sentence."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """Return the hosts its values name: where it may be sent unless somebody says more."""
        return ()

    @classmethod
    def goes_to(cls, values: Values) -> tuple[str, ...]:
        """Return the hosts the type itself sends secrets to."""
        return cls.hosts_of(values)

    @classmethod
    def added(cls, values: Values) -> Added:
        """Return what it adds to a request."""
        return Added()

    @classmethod
    def texts(cls, values: Values) -> Iterable[str]:
        """Return texts made of its secrets that could be echoed."""
        return ()

    @classmethod
    def probe(cls, values: Values) -> Probe | None:
        """Return a request that shows whether it works; None where there is none."""
        return None

    @classmethod
    def server(cls, values: Values) -> Server | None:
        """Return the server to sign in to, where it is no web server."""
        return None

    @classmethod
    def problem(cls, values: Values) -> tuple[str, str] | None:
        """Return the field that is wrong and why, beyond what the declaration says."""
        return None

    @classmethod
    def shown(cls, values: Values) -> dict[str, Field]:
        """Return the fields that are there beside these values, by name."""
        return shown_fields(cls.fields, 1, values, values)


def secret_texts(kind: type[CredentialType], values: Values) -> tuple[str, ...]:
    """Return every text that must not be seen: secrets, what is made of them, and how it is sent.

    Longest first, each of at least `SHORTEST` characters.
    """
    secret = [one.name for one in kind.fields if one.secret]
    plain = [str(values[name]) for name in secret if values.get(name)]
    found: set[str] = set()
    for text in [*plain, *kind.texts(values)]:
        found.update(_written(text))
    return tuple(sorted((one for one in found if len(one) >= SHORTEST), key=lambda t: (-len(t), t)))


def _written(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    yield text
    yield quote(data, safe="")
    yield quote_plus(data)
    yield json.dumps(text)[1:-1]
    yield base64.b64encode(data).decode()
    if "\n" in text:
        lines = (line.strip() for line in text.splitlines())
        yield from (one for one in lines if len(one) >= LONGEST_LINE and one[:5] != "-----")


def host_of(url: Any) -> tuple[str, ...]:
    """Return the entry for the host of a URL, with its port where one is given; or nothing."""
    try:
        parts = urlsplit(str(url or ""))
        host, port = parts.hostname or "", parts.port
        return (named(host, port),) if host else ()
    except ValueError:
        return ()


def named(host: Any, port: Any = None) -> str:
    """Return the entry for a host and a port."""
    host = str(host).strip()
    name = f"[{host}]" if ":" in host else host
    return host_entry(f"{name}:{int(port)}" if port else name)


def server_hosts(values: Values) -> tuple[str, ...]:
    """Return the entry for the fields `host` and `port`; or nothing."""
    try:
        return (named(values["host"], values.get("port")),) if values.get("host") else ()
    except ValueError:
        return ()


def joined(base: Any, path: str) -> str:
    """Return an address below a base URL."""
    return f"{str(base or '').rstrip('/')}/{path}"


def basic(user: Any, password: Any) -> str:
    """Return user and password as HTTP's Basic scheme sends them."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
