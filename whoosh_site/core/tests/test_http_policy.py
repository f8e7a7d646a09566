"""The address policy at the socket: what a name leads to decides, not how it is spelt."""

import asyncio
import ipaddress
import socket

import pytest

from whoosh_site.core.addresses import allowed, public_only, registered_hosts
from whoosh_site.core.errors import Outside, Refused
from whoosh_site.core.limits import Limits
from whoosh_site.core.tests.servers import ok, onward, opened, serving

REAL = socket.getaddrinfo
PUBLIC = public_only()


async def tried(policy, path, reply=None, **more):
    """Ask a local server by some spelling of its address; returns what came and who was asked."""
    async with serving(reply or ok()) as server, opened(policy) as door:
        try:
            return await door.fetch("GET", path.format(port=server.port), **more), server
        except Outside as error:
            return error, server


def leads_to(monkeypatch, *answers):
    """Script what the name `rebind.example` resolves to, one answer after the other."""
    left = list(answers)

    def resolved(host, port, *args, **named):
        if host != "rebind.example":
            return REAL(host, port, *args, **named)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.10",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_this_machine_gets_through(run, host):
    error, server = run(tried(PUBLIC, f"http://{host}:{{port}}/"))
    assert isinstance(error, Outside)
    assert server.heads == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_a_refusal_says_so_and_what_can_be_done(run, host):
    error, _ = run(tried(PUBLIC, f"http://{host}:{{port}}/"))
    assert isinstance(error, Refused)
    assert not error.retryable
    assert "leads to a local address" in error.message
    assert "an admin can allow it" in error.message


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "[::ffff:169.254.169.254]"]
)
def test_cloud_metadata_is_refused_even_to_registered_hosts(run, host):
    error, _ = run(tried(registered_hosts(allow_local=True), f"http://{host}/latest/meta-data/"))
    assert isinstance(error, Refused)
    assert "metadata" in error.message


def test_what_an_admin_allowed_gets_through(run):
    found, server = run(tried(public_only([allowed("127.0.0.1")]), "http://localhost:{port}/"))
    assert (found.text, len(server.heads)) == ("hello", 1)


def test_an_allowed_port_opens_no_other(run):
    error, server = run(tried(public_only([allowed("127.0.0.1:1")]), "http://127.0.0.1:{port}/"))
    assert isinstance(error, Refused)
    assert server.heads == []


def test_a_name_is_judged_by_where_it_leads(run, monkeypatch):
    leads_to(monkeypatch, ["127.0.0.1"])
    error, server = run(tried(PUBLIC, "http://rebind.example:{port}/"))
    assert "rebind.example leads to a local address (127.0.0.1)" in error.message
    assert server.heads == []


def test_a_name_that_leads_elsewhere_the_second_time_is_judged_again(run, monkeypatch):
    leads_to(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    seen = []

    def first_only(host, ip, port):
        seen.append(str(ip))
        return None if str(ip) == "127.0.0.2" else f"{ip} is not the address that was vetted"

    async def twice():
        async with serving(ok(), "127.0.0.2") as vetted, serving(ok(), port=vetted.port) as inner:
            outcomes = []
            for _ in range(2):
                async with opened(first_only) as door:
                    try:
                        answer = await door.fetch("GET", f"http://rebind.example:{vetted.port}/")
                        outcomes.append(answer.status)
                    except Refused as error:
                        outcomes.append(error.message)
            return outcomes, inner.heads

    outcomes, reached = run(twice())
    assert outcomes == [200, "Refused: 127.0.0.1 is not the address that was vetted"]
    assert (seen, reached) == (["127.0.0.2", "127.0.0.1"], [])


def test_of_several_addresses_only_the_permitted_are_connected_to(run, monkeypatch):
    leads_to(monkeypatch, ["127.0.0.1", "127.0.0.2"])

    def second_only(host, ip, port):
        return None if ip == ipaddress.ip_address("127.0.0.2") else "not this one"

    async def asked():
        async with serving(ok(b"good"), "127.0.0.2") as good, serving(ok(), port=good.port) as bad:
            async with opened(second_only) as door:
                found = await door.fetch("GET", f"http://rebind.example:{good.port}/")
            return found.text, bad.heads

    assert run(asked()) == ("good", [])


def test_the_policy_hears_the_name_that_was_asked_for_even_at_once(run, monkeypatch):
    heard = []

    def listening(host, ip, port):
        heard.append((host, port))

    async def together():
        async with serving(ok()) as one, serving(ok()) as two, opened(listening) as door:
            await asyncio.gather(
                door.fetch("GET", f"http://127.0.0.1:{one.port}/"),
                door.fetch("GET", f"http://localhost:{two.port}/"),
            )
            return {("127.0.0.1", one.port), ("localhost", two.port)}

    assert run(together()) == set(heard)


# -- redirects ---------------------------------------------------------------------------------


def outer_only(port):
    """Let through one port of this machine, as if it were out in the world."""

    def policy(host, ip, asked):
        return None if asked == port else f"{host} leads to a local address"

    return policy


def test_a_redirect_inwards_is_refused_at_the_hop(run):
    async def followed():
        async with serving(ok(b"secret")) as inner, serving(onward(inner.url)) as outer:
            async with opened(outer_only(outer.port)) as door:
                with pytest.raises(Refused, match="leads to a local address"):
                    await door.fetch("GET", outer.url, limits=Limits(redirects=5))
            return len(outer.heads), inner.heads

    assert run(followed()) == (1, [])


@pytest.mark.parametrize("goal", ["file:///etc/passwd", "ftp://oak/x", "gopher://127.0.0.1:6379/x"])
def test_a_redirect_to_another_scheme_is_refused(run, goal):
    error, _ = run(
        tried(
            registered_hosts(allow_local=True),
            "http://127.0.0.1:{port}/",
            onward(goal),
            limits=Limits(redirects=5),
        )
    )
    assert isinstance(error, Refused)
    assert f"redirected to {goal.partition(':')[0]}:" in error.message


def test_a_redirect_that_is_no_address_is_an_error_of_that_server(run):
    error, _ = run(
        tried(
            registered_hosts(allow_local=True),
            "http://127.0.0.1:{port}/",
            onward("http://[::1"),
            limits=Limits(redirects=5),
        )
    )
    assert isinstance(error, Outside)
    assert "redirected to what cannot be called" in error.message
