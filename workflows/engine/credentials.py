"""Credentials as nodes see them: bound to hosts, their secret texts hidden in all a node gives.

A node asks for one with `Context.credential`. Expressions, scripts and run data never hold its
values: what echoes a secret text is masked before anybody else sees it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from workflows.engine.errors import NodeError

MASK = "••••••••"
SHORTEST = 4
"""Shorter texts are not masked: they stand everywhere."""
RARE = 8
"""Only longer texts that are no numbers are hidden in bytes: others may be anything there."""
ANY = "*"

_ENTRY = re.compile(r"(?:\[([0-9a-f:.]+)\]|((?:\*\.)?[^\s:/@\[\]*?#\\]+))(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Credential:
    """What somebody entered to sign in elsewhere, and the hosts it may be sent to.

    `hosts` are entries as `host_entry` writes them. `renew` gives it anew where its token has an
    end (OAuth2), whether or not that has come.
    """

    type: str  # n8n's, such as "httpHeaderAuth"
    name: str
    values: Mapping[str, Any] = field(repr=False)
    hosts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    renew: Callable[[], Awaitable[Self]] | None = field(default=None, repr=False)

    def demand_host(self, host: str, port: int) -> None:
        """Raise NodeError, naming the host and what to do, unless it may be sent there."""
        if covers(self.hosts, host, port):
            return
        may = ", ".join(self.hosts) or "no host yet"
        raise NodeError(
            f"The credential {self.name!r} may not be sent to {host}:{port}.",
            description=f"It may be sent to: {may}. Add {host} to its hosts if that is meant; "
            "its secrets must be entered again then.",
        )


def host_entry(text: str) -> str:
    """Return an entry of a list of hosts in its one form: host, host:port, *.host, [::1]:80 or *.

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip().lower()
    if text == ANY:
        return text
    found = _ENTRY.fullmatch(text)
    if found is None or int(found[3] or 1) > 65_535:
        raise ValueError(f"{text!r} is not a host, host:port or *.host")
    name = f"[{found[1]}]" if found[1] else _plain(found[2])
    return f"{name}:{int(found[3])}" if found[3] else name


def covers(entries: Iterable[str], host: str, port: int) -> bool:
    """Whether a list of hosts has this one."""
    host = _plain(host.strip("[]").lower())
    return any(_covers(entry, host, port) for entry in entries)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == ANY:
        return True
    found = _ENTRY.fullmatch(entry)
    if found is None or (found[3] and int(found[3]) != port):
        return False
    name = found[1] or found[2]
    if name.startswith("*."):
        return host.endswith(name[1:]) and len(host) >= len(name)
    return name == host


def _plain(host: str) -> str:
    """Return a host as names are looked up: ASCII, no dot at the end."""
    host = host.rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


class Mask:
    """Hides secret texts in what a node gave."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None

    def add(self, texts: Iterable[str]) -> None:
        """Hide these too."""
        self._texts |= {text for text in texts if len(text) >= SHORTEST}
        longest_first = sorted(self._texts, key=lambda text: (-len(text), text))
        if longest_first:
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        if rare := [t for t in longest_first if len(t) >= RARE and not t.isdecimal()]:
            data = (re.escape(t.encode("utf-8", "surrogatepass")) for t in rare)
            self._bytes = re.compile(b"|".join(data))

    def text(self, text: str) -> str:
        """Return a text with every secret in it hidden."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def data(self, data: bytes) -> bytes:
        """Return bytes with every secret in them hidden that does not stand in any file."""
        return data if self._bytes is None else self._bytes.sub(MASK.encode(), data)

    def hide(self, value: Any) -> Any:
        """Return a value of JSON with every secret in it hidden, in names too."""
        return value if self._pattern is None else self._hidden(value)

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._hidden(key): self._hidden(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._hidden(one) for one in value]
        if isinstance(value, int | float) and str(value) in self._texts:
            return MASK
        return value

    def error(self, error: NodeError) -> NodeError:
        """Hide every secret in what an error tells; returns the same error."""
        if self._pattern is not None:
            error.message = self.text(error.message)
            error.description = self.text(error.description)
            error.extra = self.hide(error.extra)
            error.args = (error.message,)
        return error
