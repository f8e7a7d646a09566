"""Connections to servers that are no web servers, under the address policy. No Django here.

A name is looked up once; each address it leads to is asked of the policy, and what passes is
connected to by its number. What the name leads to a moment later gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from whoosh_site.core.addresses import Policy
from whoosh_site.core.errors import Refused, TimedOut, Unreachable

CONNECT = 10.0
"""Seconds a name and a connection may take, unless somebody says otherwise."""


async def addresses(
    host: str, port: int, policy: Policy, *, seconds: float = CONNECT
) -> tuple[str, ...]:
    """Return the IP addresses of a host the policy lets pass, in the order they are to be tried.

    Raises:
        Refused: it lets none pass.
        Unreachable, TimedOut: the name cannot be looked up.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise TimedOut("connect", seconds, f"{host}:{port}") from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host}:{port}: this name does not exist") from error
    return passed(host, port, found, policy)


def passed(host: str, port: int, found: Iterable[Any], policy: Policy) -> tuple[str, ...]:
    """Return the addresses of what `getaddrinfo` gave that the policy lets pass.

    Raises:
        Refused: it lets none pass.
    """
    passing: list[str] = []
    why = f"{host} has no address"
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        said = policy(host, ip, port)
        if said is None:
            passing.append(str(ip))
        else:
            why = said
    if not passing:
        raise Refused(f"Refused: {why}")
    return tuple(dict.fromkeys(passing))


async def connect(
    host: str, port: int, policy: Policy, *, seconds: float = CONNECT
) -> socket.socket:
    """Return a connected socket that does not block; who takes it closes it.

    Raises:
        Refused: the policy lets no address of the host pass.
        Unreachable, TimedOut: nothing answers there.
    """
    loop = asyncio.get_running_loop()
    why = ""
    for ip in await addresses(host, port, policy, seconds=seconds):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_connect(made, (ip, port))
        except TimeoutError as error:
            made.close()
            raise TimedOut("connect", seconds, f"{host}:{port}") from error
        except OSError as error:
            made.close()
            why = "connection refused" if isinstance(error, ConnectionRefusedError) else str(error)
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise Unreachable(f"{host}:{port}: {why}")
