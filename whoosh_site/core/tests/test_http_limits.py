"""The door's limits: each of the four times has its own words, and no answer is endless."""

import asyncio
import gzip
import time

import pytest

from whoosh_site.core.errors import Broken, TimedOut, TooLarge
from whoosh_site.core.limits import MEGABYTE, Limits
from whoosh_site.core.tests.servers import answer, fetched, ok, opened, serving


async def drip(writer):
    """Send a little, again and again."""
    writer.write(answer("200 OK"))
    while True:
        writer.write(b"drop ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def stall(writer):
    """Begin, and fall silent."""
    writer.write(answer("200 OK") + b"once upon")
    await writer.drain()
    await asyncio.sleep(60)


async def silence(writer):
    await asyncio.sleep(60)


def late(run, reply, limits):
    with pytest.raises(TimedOut) as caught:
        run(fetched(reply, limits=limits))
    return caught.value


def test_a_connection_that_does_not_come_about_has_its_own_limit(run, monkeypatch):
    async def nobody_home(loop, sock, address):
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", nobody_home)
    error = late(run, ok(), Limits(connect=0.05))
    assert error.phase == "connect"
    assert "no connection within 0.05 s" in error.message


def test_a_server_that_never_begins_has_its_own_limit(run):
    error = late(run, silence, Limits(first_byte=0.1))
    assert error.phase == "first byte"
    assert "no first byte of an answer within 0.1 s" in error.message


def test_a_pause_inside_an_answer_has_its_own_limit(run):
    error = late(run, stall, Limits(between=0.1))
    assert error.phase == "between chunks"
    assert "no further data within 0.1 s" in error.message


def test_an_answer_that_goes_on_for_ever_has_its_own_limit(run):
    error = late(run, drip, Limits(between=5, total=0.15))
    assert error.phase == "total"
    assert "no complete answer within 0.15 s" in error.message


def test_the_whole_time_includes_the_wait_for_the_first_byte(run):
    assert late(run, silence, Limits(first_byte=5, total=0.1)).phase == "total"


def test_what_the_caller_does_between_chunks_is_no_delay_of_the_server(run):
    async def slow_reader():
        async with (
            serving(ok(b"hello")) as server,
            opened() as door,
            door.stream("GET", server.url, limits=Limits(between=0.05)) as found,
        ):
            await asyncio.sleep(0.2)
            return await found.read()

    assert run(slow_reader()) == b"hello"


def test_the_callers_own_time_limit_is_not_mistaken_for_the_servers(run):
    async def impatient():
        async with serving(stall) as server, opened() as door, asyncio.timeout(0.1):
            await door.fetch("GET", server.url, limits=Limits(between=5))

    with pytest.raises(TimeoutError):
        run(impatient())


def test_an_answer_may_be_exactly_as_large_as_allowed(run):
    found, _ = run(fetched(ok(b"x" * 1000), limits=Limits(size=1000)))
    assert len(found.body) == 1000


def test_one_byte_more_is_too_large(run):
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        run(fetched(ok(b"x" * 1001), limits=Limits(size=1000)))


def test_the_limit_is_said_in_megabytes(run):
    with pytest.raises(TooLarge, match="more than 1 MB"):
        run(fetched(ok(b"x" * (MEGABYTE + 1)), limits=Limits(size=MEGABYTE)))


def test_an_endless_answer_is_cut_at_the_limit(run):
    async def flood(writer):
        writer.write(answer("200 OK"))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    began = time.monotonic()
    with pytest.raises(TooLarge):
        run(fetched(flood, limits=Limits(size=MEGABYTE)))
    assert time.monotonic() - began < 5


def test_a_compressed_bomb_is_counted_unpacked(run):
    bomb = gzip.compress(bytes(20 * MEGABYTE))
    assert len(bomb) < 30_000
    with pytest.raises(TooLarge, match="more than 1 MB"):
        run(fetched(ok(bomb, "Content-Encoding: gzip"), limits=Limits(size=MEGABYTE)))


@pytest.mark.parametrize(
    "headers",
    [["Content-Encoding: gzip, gzip"], ["Content-Encoding: gzip", "Content-Encoding: gzip"]],
)
def test_a_bomb_inside_a_bomb_is_not_even_unpacked(run, headers):
    bomb = gzip.compress(gzip.compress(bytes(20 * MEGABYTE)))
    with pytest.raises(Broken, match="compressed more than once"):
        run(fetched(ok(bomb, *headers)))
