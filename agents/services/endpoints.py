"""From an agent's row to a host that can be asked."""

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from agents import protocols
from agents.errors import AgentError, AgentUnauthorised, UnusableEndpoint
from agents.models import Agent
from agents.protocols import Endpoint, HostProtocol, ModelInfo, Probe
from agents.protocols.base import PROBE_SECONDS
from whoosh_site.core.addresses import registered_hosts
from whoosh_site.core.errors import BadInput
from whoosh_site.core.http import Door, vet_url

_doors: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, Door]] = WeakKeyDictionary()


def door(*, allow_local: bool) -> Door:
    """Return this event loop's door for agents; one pool for those that may be local."""
    mine = _doors.setdefault(asyncio.get_running_loop(), {})
    if allow_local not in mine:
        mine[allow_local] = Door(registered_hosts(allow_local=allow_local))
    return mine[allow_local]


async def close_doors() -> None:
    """Close this event loop's connections to agents."""
    for opened in _doors.pop(asyncio.get_running_loop(), {}).values():
        await opened.close()


def host_of(agent: Agent, found_protocol: str = "") -> HostProtocol | None:
    """Return the host behind a row, or None while its wire format is not known."""
    key = agent.protocol or found_protocol
    if not key:
        return None
    return protocols.protocols[key](endpoint_of(agent))


def endpoint_of(agent: Agent) -> Endpoint:
    """Return where an agent is and how to enter it."""
    way_out = door(allow_local=agent.allow_local)
    return Endpoint(agent.endpoint, way_out, agent.api_key.reveal())


def vet_endpoint(url: str, *, allow_local: bool) -> str:
    """Return the address in its stored form.

    Raises:
        UnusableEndpoint: no http address, or one that may not be reached.
    """
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UnusableEndpoint(f"endpoint: {url[:100]!r} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UnusableEndpoint(f"endpoint: {url[:100]!r} is not like http://192.168.1.27:11434")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UnusableEndpoint("endpoint: leave out user, password and everything after '?'")
    try:
        vet_url(text)
    except BadInput as error:
        raise UnusableEndpoint(f"endpoint: {error.message}") from error
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        ip = ipaddress.ip_address("127.0.0.1") if local else None
    if ip is not None:
        reason = registered_hosts(allow_local=allow_local)(host, ip, port or 80)
        if reason:
            raise UnusableEndpoint(f"endpoint: {reason}", {"set": "allow_local"})
    return text


def vet_key(text: str) -> None:
    """Raise BadInput for a key that no header can carry."""
    if not (text.isascii() and text.isprintable()):
        raise BadInput("api_key: use letters, digits and signs of ASCII on one line only.")


def same_place(one: str, other: str) -> bool:
    """Whether two addresses are one scheme, host and port: a key goes nowhere else."""
    try:
        return urlsplit(one)[:2] == urlsplit(other)[:2]
    except ValueError:
        return False


@dataclass(frozen=True)
class Examination:
    """What a look at an endpoint found, good or bad, in words for the person who asked."""

    ok: bool
    message: str
    protocol: str = ""
    flavour: str = ""
    version: str = ""
    models: Sequence[ModelInfo] = ()
    latency_ms: float | None = None
    slots: int | None = None
    """How many answers it gives at a time, where it tells."""
    needs_key: bool = False


async def examine(
    url: str,
    *,
    api_key: str = "",
    protocol: str = "",
    allow_local: bool = False,
    connect: float = PROBE_SECONDS,
    way_out: Door | None = None,
) -> Examination:
    """Ask an endpoint what it is, before it is saved; never raises for what the host does.

    A WHOOSH is none, although it may answer like one. Who asks many gives the `way_out`.

    Raises:
        BadInput: there is no such protocol, or the key cannot be sent.
    """
    if protocol and protocol not in protocols.protocols:
        known = ", ".join(protocols.protocols.keys())
        raise BadInput(f"protocol: there is no {protocol!r}. There are: {known}.")
    vet_key(api_key)
    opened = way_out or Door(registered_hosts(allow_local=allow_local))
    endpoint = Endpoint(url, opened, api_key)
    try:
        if await protocols.is_whoosh(endpoint, connect=connect):
            return Examination(ok=False, message=f"{url} is a WHOOSH itself, not a model host.")
        began = time.monotonic()
        if protocol:
            host = protocols.protocols[protocol](endpoint)
            probe = await host.probe()
        else:
            host, probe = await protocols.detect(endpoint)
        latency = (time.monotonic() - began) * 1000
        models = await host.models()
    except AgentError as error:
        guarded = isinstance(error, AgentUnauthorised)
        return Examination(ok=False, message=error.message, needs_key=guarded)
    finally:
        if way_out is None:
            await opened.close()
    return _described(probe, models, latency)


def _described(probe: Probe, models: Sequence[ModelInfo], latency: float) -> Examination:
    names = ", ".join(model.name for model in models[:5]) or "none yet"
    more = f" and {len(models) - 5} more" if len(models) > 5 else ""
    what = f"{probe.flavour} {probe.version}".strip()
    return Examination(
        ok=True,
        message=f"{what} answers in {latency:.0f} ms. Models: {names}{more}.",
        protocol=probe.protocol,
        flavour=probe.flavour,
        version=probe.version,
        models=models,
        latency_ms=latency,
        slots=probe.slots,
    )
