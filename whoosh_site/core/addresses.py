"""Which IP addresses outbound connections may reach. Plain Python: the caller hands the facts in.

Classes of addresses follow the IANA special-purpose registries (RFC 6890) as Python's `ipaddress`
reads them, plus the cloud metadata addresses, which nothing may ever reach.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Policy = Callable[[str, Ip, int], str | None]
"""Given the host name asked for, the IP connected to and the port: why not, or None."""

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200")
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")  # deprecated; Python calls it global
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def plain(ip: Ip) -> Ip:
    """Unwrap an IPv4 address carried inside IPv6 (mapped, 6to4, NAT64)."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip.sixtofour is not None:
            return ip.sixtofour
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def kind(ip: Ip) -> str:
    """Name the class of an address: public, private, local, metadata or unusable."""
    ip = plain(ip)
    if ip in METADATA:
        return "metadata"
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified:
        return "local"
    if ip.is_multicast or ip.is_reserved:
        return "unusable"
    if ip.is_private or ip in _SHARED or ip in _SITE_LOCAL:
        return "private"
    return "public" if ip.is_global else "unusable"


def registered_hosts(*, allow_local: bool) -> Policy:
    """Policy for hosts an admin registered: public and private pass, local only when allowed."""

    def policy(host: str, ip: Ip, port: int) -> str | None:
        found = kind(ip)
        if found in ("public", "private") or (found == "local" and allow_local):
            return None
        if found == "local":
            return f"{host} is this machine or its link ({ip}); an admin must allow that"
        return f"{host} leads to a {found} address ({ip})"

    return policy


@dataclass(frozen=True)
class Allowed:
    """One entry of an allow-list: a host name or network, with an optional port."""

    host: str
    network: Network | None
    port: int | None

    def covers(self, host: str, ip: Ip, port: int) -> bool:
        """Say whether this entry lets the connection pass."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return ip in self.network or plain(ip) in self.network
        return self.host == host.lower().rstrip(".")


_ENTRY = re.compile(r"(?:\[(?P<bracketed>.+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[\w.-]+")


def allowed(entry: str) -> Allowed:
    """Read `host`, `host:port`, `10.0.0.0/8`, `10.0.0.5:8080` or `[::1]:80`.

    Raises:
        ValueError: the entry is none of these.
    """
    text = entry.strip().lower()
    if network := _network(text):
        return Allowed("", network, None)
    found = _ENTRY.fullmatch(text)
    host = (found["bracketed"] or found["host"]) if found else ""
    network = _network(host)
    if found is None or (network is None and not _NAME.fullmatch(host)):
        raise ValueError(f"{entry!r} is not a host, host:port or network")
    port = int(found["port"]) if found["port"] else None
    return Allowed("" if network else host.rstrip("."), network, port)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def public_only(exceptions: Iterable[Allowed] = ()) -> Policy:
    """Policy for addresses people type: public ones, and what an admin listed."""
    listed = tuple(exceptions)

    def policy(host: str, ip: Ip, port: int) -> str | None:
        found = kind(ip)
        if found == "public":
            return None
        if found == "metadata":
            return f"{host} leads to a metadata address ({ip}); nothing may reach it"
        if any(entry.covers(host, ip, port) for entry in listed):
            return None
        return f"{host} leads to a {found} address ({ip}); an admin can allow it"

    return policy
