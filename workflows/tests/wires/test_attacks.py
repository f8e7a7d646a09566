"""What the nodes with sockets must refuse: addresses, other hosts, names that change."""

import asyncio
import ipaddress
import socket

import pytest

from whoosh_site.core import sockets
from whoosh_site.core.addresses import public_only
from whoosh_site.core.errors import Refused, Unreachable

pytestmark = pytest.mark.django_db

SECRET = "wire-secret-8c"
NODES = [
    ("emailSend", "smtp", 2.1, {"fromEmail": "a@b.example", "toEmail": "a@b.example"}),
    ("postgres", "postgres", 2.5, {"operation": "executeQuery", "query": "select 1"}),
    ("redis", "redis", 1, {"operation": "info"}),
]


@pytest.fixture
def listener():
    """A port of this machine, and whether anybody connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def untouched(server) -> bool:
    with pytest.raises(BlockingIOError):
        server.accept()
    return True


def values(port: int, host: str = "127.0.0.1") -> dict:
    return {"host": host, "port": port, "user": "ana", "password": SECRET}


@pytest.mark.parametrize(("node", "kind", "version", "parameters"), NODES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "::1"])
def test_c02_this_machine_is_refused_before_any_packet(
    host, node, kind, version, parameters, ask, listener
):
    port = listener.getsockname()[1]
    done = ask(node, kind, values(port, host), parameters, version=version, open_to=False)
    assert done.state == "error"
    assert "Refused" in done.error
    assert SECRET not in done.error
    assert untouched(listener)


@pytest.mark.parametrize(("node", "kind", "version", "parameters"), NODES)
def test_c01_metadata_is_refused_although_it_is_listed(node, kind, version, parameters, ask):
    done = ask(node, kind, values(80, "169.254.169.254"), parameters, version=version)
    assert "nothing may reach it" in done.error


@pytest.mark.parametrize(("node", "kind", "version", "parameters"), NODES)
def test_c12_a_credential_for_other_hosts_is_not_sent(
    node, kind, version, parameters, ask, listener
):
    port = listener.getsockname()[1]
    done = ask(node, kind, values(port), parameters, version=version, hosts=["db.example"])
    assert "may not be sent to 127.0.0.1" in done.error
    assert untouched(listener)


@pytest.mark.parametrize(("node", "kind", "version", "parameters"), NODES)
def test_a_server_that_is_not_there_is_named(node, kind, version, parameters, ask):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = ask(node, kind, values(port), parameters, version=version)
    assert f"127.0.0.1:{port}" in done.error
    assert "refused" in done.error.lower()
    assert SECRET not in done.error


def _names(*ips: str):
    """Return a resolver that gives these addresses for every name."""

    async def getaddrinfo(self, host, port, **_):
        found = []
        for ip in ips:
            family = socket.AF_INET6 if ":" in ip else socket.AF_INET
            found.append((family, socket.SOCK_STREAM, 6, "", (ip, port)))
        return found

    return getaddrinfo


def test_c05_only_the_address_that_was_checked_is_connected_to(monkeypatch, listener):
    port = listener.getsockname()[1]
    asked = []

    def policy(host, ip, at):
        asked.append((host, ip, at))
        return None if ip == ipaddress.ip_address("127.0.0.1") else "not this one"

    monkeypatch.setattr("asyncio.BaseEventLoop.getaddrinfo", _names("10.9.9.9", "127.0.0.1"))
    made = asyncio.run(sockets.connect("db.example", port, policy))
    with made:
        assert made.getpeername() == ("127.0.0.1", port)
    assert [str(ip) for _, ip, _ in asked] == ["10.9.9.9", "127.0.0.1"]


@pytest.mark.parametrize("ip", ["10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "100.64.0.1"])
def test_c01_a_name_that_leads_inside_is_refused(ip, monkeypatch):
    monkeypatch.setattr("asyncio.BaseEventLoop.getaddrinfo", _names(ip))
    with pytest.raises(Refused, match="an admin can allow it"):
        asyncio.run(sockets.connect("db.example", 5432, public_only()))


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(Unreachable, match="nowhere.invalid:25: this name does not exist"):
        asyncio.run(sockets.connect("nowhere.invalid", 25, public_only()))
