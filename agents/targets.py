"""What people name when hosts are to be looked for: plain Python, counted before it is expanded."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whoosh_site.core.addresses import Ip, Network, kind, plain
from whoosh_site.core.errors import BadInput

MOST_ADDRESSES = 1024
MOST_PORTS = 10
LAST_PORT = 65_535
USUAL_PORTS = (11434, 8080, 1234, 8000)
"""Where Ollama, llama.cpp, LM Studio and vLLM listen unless they are told otherwise."""
LOOKED_AT = ("public", "private")

_SPLIT = re.compile(r"\[(?P<ip>[^\[\]]*)\](?::(?P<p>.*))?|(?P<host>[^:\[\]]*)(?::(?P<port>.*))?")
_LABEL = r"[a-z0-9_][a-z0-9_-]{0,62}"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}", re.A | re.I)
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.I)


@dataclass(frozen=True)
class Place:
    """One address and port to be asked. `host` is written as in a URL."""

    host: str
    port: int
    named: bool
    """A person named this very host; it is not one of a network."""
    local: bool
    """It is this machine's loopback, and was named as such."""

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class _Target:
    count: int
    hosts: Iterable[str]
    port: int | None = None
    named: bool = True
    local: bool = False


def places(targets: Iterable[str], ports: Iterable[int] = ()) -> list[Place]:
    """Return every place that is meant, each once; the usual ports where none is given.

    A target is a host, host:port, or a network such as 192.168.1.0/24; loopback must be named,
    link-local, metadata and reserved addresses are never asked.

    Raises:
        BadInput: naming targets or ports, and what is wrong with them.
    """
    wanted = [_read(text.strip()) for text in targets if text.strip()]
    if not wanted:
        raise BadInput("targets: name a host, host:port or network such as 192.168.1.0/24.")
    count = sum(target.count for target in wanted)
    if count > MOST_ADDRESSES:
        raise BadInput(
            f"targets: these are {count:,} addresses; one run looks at {MOST_ADDRESSES:,} at most. "
            "Name hosts, or a smaller network such as 192.168.1.0/24."
        )
    usual = vet_ports(ports)
    return list(dict.fromkeys(place for target in wanted for place in _expanded(target, usual)))


def vet_ports(ports: Iterable[int]) -> list[int]:
    """Return the ports, each once; the usual ones for none. Raises BadInput."""
    found = list(dict.fromkeys(ports))
    if len(found) > MOST_PORTS:
        raise BadInput(f"ports: {len(found)} are too many; one run asks {MOST_PORTS} at most.")
    for port in found:
        if not 1 <= port <= LAST_PORT:
            raise BadInput(f"ports: {port} is no port; use 1 to {LAST_PORT}.")
    return found or list(USUAL_PORTS)


def _expanded(target: _Target, usual: list[int]) -> Iterator[Place]:
    for host in target.hosts:
        for port in [target.port] if target.port else usual:
            yield Place(host, port, target.named, target.local)


def _read(text: str) -> _Target:
    shown = repr(text[:100])
    if "://" in text:
        raise BadInput(f"targets: {shown}: leave out the scheme; write host or host:port.")
    if "/" in text:
        return _network(text, shown)
    if (ip := _ip(text)) is not None:
        return _address(ip, None, shown)
    found = _SPLIT.fullmatch(text)
    if found is None:
        raise BadInput(f"targets: {shown} is no host, host:port or network.")
    bracketed = found["ip"] is not None
    host, port = (found["ip"], found["p"]) if bracketed else (found["host"], found["port"])
    port = _port(port, shown)
    if (ip := _ip(host)) is not None:
        return _address(ip, port, shown)
    last = host.rpartition(".")[2]
    if bracketed or not _NAME.fullmatch(host) or _NUMBER.fullmatch(last):
        raise BadInput(
            f"targets: {shown} is neither an address nor a name of letters, digits, '-' and '.'."
        )
    name = host.lower()
    local = name == "localhost" or name.endswith(".localhost")
    return _Target(1, [name], port, local=local)


def _port(text: str | None, shown: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= LAST_PORT):
        raise BadInput(f"targets: {shown}: {text[:20]!r} is no port; use 1 to {LAST_PORT}.")
    return int(text)


def _address(ip: Ip, port: int | None, shown: str) -> _Target:
    local = plain(ip).is_loopback
    if not local and kind(ip) not in LOOKED_AT:
        raise BadInput(
            f"targets: {shown} is no address of a host (link-local, metadata, reserved)."
        )
    return _Target(1, [_written(ip)], port, local=local)


def _network(text: str, shown: str) -> _Target:
    try:
        network: Network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise BadInput(f"targets: {shown} is no network such as 192.168.1.0/24.") from error
    if network.num_addresses > MOST_ADDRESSES:
        return _Target(network.num_addresses, ())  # never expanded
    hosts = [_written(ip) for ip in network.hosts() if kind(ip) in LOOKED_AT]
    if not hosts:
        raise BadInput(
            f"targets: {shown} holds no address of a host (loopback, link-local, metadata, "
            "reserved). For this machine name 127.0.0.1."
        )
    return _Target(network.num_addresses, hosts, named=False)


def _ip(text: str) -> Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _written(ip: Ip) -> str:
    return f"[{ip}]" if ip.version == 6 else str(ip)
