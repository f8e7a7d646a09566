"""The one door out: what it sends, what it hands back, and what it keeps to itself."""

import asyncio
import contextlib
import gzip
import socket

import pytest

from whoosh_site.core.errors import BadInput, Broken, Outside, Unreachable
from whoosh_site.core.http import Fetched
from whoosh_site.core.limits import Limits, quick
from whoosh_site.core.tests.servers import answer, fetched, ok, onward, opened, serving


async def asked(url):
    async with opened() as door:
        return await door.fetch("GET", url)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_answer_comes_back_whole(run):
    found, server = run(fetched(ok(b"hello", "X-Thing: 1")))
    assert (found.status, found.text, found.headers["x-thing"]) == (200, "hello", "1")
    assert found.url == f"{server.url}/path?q=1"
    assert server.heads[0].startswith("GET /path?q=1 HTTP/1.1")


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "204 No Content"])
def test_a_bad_status_is_an_answer_too(run, status):
    found, _ = run(fetched(answer(status, "Content-Length: 0")))
    assert (found.status, found.body) == (int(status[:3]), b"")


def test_json_and_headers_are_sent(run):
    async def posted():
        async with serving(ok()) as server, opened() as door:
            await door.fetch("POST", server.url, json={"a": "ü"}, headers={"X-Key": "k"})
            return server

    server = run(posted())
    assert server.bodies == ['{"a":"ü"}'.encode()]
    assert "x-key: k" in server.heads[0].lower()
    assert "content-type: application/json" in server.heads[0].lower()


def test_an_address_is_written_as_browsers_do(run):
    async def asked_for():
        async with serving(ok()) as server, opened() as door:
            await door.fetch("GET", f"{server.url}/a b/ü%2F?c d=1+2%2B[3]#part")
            return server.heads[0]

    assert run(asked_for()).startswith("GET /a%20b/%C3%BC%2F?c%20d=1+2%2B%5B3%5D HTTP/1.1\r\n")


def test_bytes_are_sent_as_they_are(run):
    async def posted():
        async with serving(ok()) as server, opened() as door:
            await door.fetch("PUT", server.url, content=b"\x00\xff")
            return server.bodies

    assert run(posted()) == [b"\x00\xff"]


def test_a_compressed_answer_is_unpacked(run):
    body = gzip.compress(b"plain words")
    found, _ = run(fetched(ok(body, "Content-Encoding: gzip")))
    assert found.text == "plain words"


def test_text_that_is_no_utf8_is_replaced_and_no_json_is_an_error():
    found = Fetched(200, {}, b"caf\xe9", "http://oak")
    assert found.text == "caf\ufffd"
    with pytest.raises(ValueError, match="utf-8|JSON|Expecting"):
        found.json()


def test_lines_are_joined_over_chunks_and_the_last_needs_no_end(run):
    async def in_parts(writer):
        writer.write(answer("200 OK"))
        for part in (b"one\r\ntw", b"o\n\nthr", b"ee\nlast"):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)

    async def lines():
        async with (
            serving(in_parts) as server,
            opened() as door,
            door.stream("GET", server.url) as found,
        ):
            return [line async for line in found.lines()]

    assert run(lines()) == ["one", "two", "", "three", "last"]


def test_leaving_early_hangs_up_on_the_server(run):
    async def endless(writer):
        writer.write(answer("200 OK"))
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()
            await asyncio.sleep(0.005)

    async def leave():
        async with serving(endless) as server, opened() as door:
            async with door.stream("GET", server.url) as found:
                await anext(found.chunks())
            await asyncio.wait_for(server.left.wait(), 5)
            return server.left.is_set()

    assert run(leave())


def test_a_closed_door_opens_again(run):
    async def twice():
        async with serving(ok()) as server, opened() as door:
            for _ in range(2):
                await door.fetch("GET", server.url)
                await door.close()
            return len(server.heads)

    assert run(twice()) == 2


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://oak/x",
        "gopher://oak",
        "unix:///run/x",
        "oak:11434",
        "",
        "//oak",
    ],
)
def test_only_http_addresses_can_be_called(run, url):
    with pytest.raises(BadInput, match="only http:// and https://"):
        run(asked(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://[v1.x]/",
        "http://0177.0.0.1/",
        "http://xn--a/",
        "http://oak:99999/",
        "http://o\nak/",
        "http://\x00/",
    ],
)
def test_what_is_no_address_is_said_so(run, url):
    with pytest.raises(BadInput, match="is not a URL"):
        run(asked(url))


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_password_in_the_address_is_refused_and_not_repeated(run, scheme):
    with pytest.raises(BadInput, match="leave user and password out") as caught:
        run(asked(f"{scheme}://ada:hunter2@oak/"))
    assert "hunter2" not in str(caught.value)


def test_a_closed_port_is_unreachable_in_plain_words(run):
    port = free_port()
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port}/?: connection refused"):
        run(asked(f"http://127.0.0.1:{port}"))


def test_a_server_that_hangs_up_at_once_is_unreachable(run):
    async def silence(writer):
        writer.close()

    with pytest.raises(Unreachable, match="closed the connection without an answer"):
        run(fetched(silence))


def test_an_answer_cut_short_is_broken(run):
    short = answer("200 OK", "Content-Length: 100") + b"only this"
    with pytest.raises(Broken, match="the answer broke off"):
        run(fetched(short))


def test_an_answer_that_cannot_be_unpacked_is_broken(run):
    with pytest.raises(Broken, match="the answer broke off"):
        run(fetched(ok(b"no gzip", "Content-Encoding: gzip")))


def test_no_cookie_is_kept_for_the_next_one(run):
    async def two_people():
        greeting = ok(b"", "Set-Cookie: session=ada; Path=/")
        async with serving(greeting) as server, opened() as door:
            for _ in range(2):
                await door.fetch("GET", server.url)
            return server.heads[1]

    assert "cookie" not in run(two_people()).lower()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_no_ambient_proxy_is_used(run, monkeypatch, name):
    monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    found, server = run(fetched(ok()))
    assert found.text == "hello"
    assert server.heads[0].startswith("GET /path?q=1 ")


def test_no_password_of_a_netrc_is_sent(run, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    _, server = run(fetched(ok()))
    assert "authorization" not in server.heads[0].lower()


# -- redirects ---------------------------------------------------------------------------------


def test_a_redirect_is_an_answer_unless_following_was_asked_for(run):
    found, server = run(fetched(onward("/elsewhere")))
    assert (found.status, found.headers["location"], len(server.heads)) == (302, "/elsewhere", 1)


def test_a_redirect_is_followed_as_often_as_allowed(run):
    async def followed():
        async with (
            serving(ok(b"there")) as goal,
            serving(onward(goal.url)) as start,
            opened() as door,
        ):
            return await door.fetch("GET", start.url, limits=Limits(redirects=1)), goal

    found, goal = run(followed())
    assert (found.text, found.url.rstrip("/")) == ("there", goal.url)


def test_a_circle_of_redirects_ends(run):
    with pytest.raises(Outside, match="more than 3 redirects"):
        run(fetched(onward("/path?q=1"), limits=Limits(redirects=3)))


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        ("301 Moved Permanently", ("GET", b"")),
        ("302 Found", ("GET", b"")),
        ("303 See Other", ("GET", b"")),
        ("307 Temporary Redirect", ("POST", b'{"a":1}')),
        ("308 Permanent Redirect", ("POST", b'{"a":1}')),
    ],
)
def test_a_redirect_is_followed_as_browsers_do(run, status, sent):
    async def followed():
        async with (
            serving(ok()) as goal,
            serving(onward(goal.url, status)) as start,
            opened() as door,
        ):
            await door.fetch("POST", start.url, json={"a": 1}, limits=Limits(redirects=1))
            return goal

    goal = run(followed())
    assert (goal.heads[0].partition(" ")[0], goal.bodies[0]) == sent
    assert ("content-type: application/json" in goal.heads[0].lower()) == bool(sent[1])


def test_a_header_that_comes_twice_is_told_twice(run):
    found, _ = run(fetched(ok(b"", "Set-Cookie: a=1", "Set-Cookie: b=2")))
    assert [text for name, text in found.headers.items() if name.lower() == "set-cookie"] == [
        "a=1",
        "b=2",
    ]


def test_credentials_are_not_handed_to_another_server(run):
    secret = {"Authorization": "Bearer a", "X-Api-Key": "b", "Cookie": "c=d", "X-Plain": "e"}

    async def followed():
        async with serving(ok()) as goal, serving(onward(goal.url)) as start:
            async with opened() as door:
                await door.fetch("GET", start.url, headers=secret, limits=Limits(redirects=1))
            return start.heads[0].lower(), goal.heads[0].lower()

    first, second = run(followed())
    for name in ("authorization:", "x-api-key:", "cookie:"):
        assert name in first
        assert name not in second
    assert "x-plain: e" not in second  # it may be a secret under any name


def test_credentials_stay_with_the_server_they_were_meant_for(run):
    secret = {"Authorization": "Bearer a", "X-Api-Key": "b"}

    async def followed():
        async with serving(onward("/home")) as server, opened() as door:
            with contextlib.suppress(Outside):
                await door.fetch("GET", server.url, headers=secret, limits=Limits(redirects=1))
            return server.heads[1].lower()

    second = run(followed())
    assert second.startswith("get /home ")
    assert "authorization: bearer a" in second
    assert "x-api-key: b" in second


def test_quick_limits_bound_everything_by_the_same_seconds():
    limits = quick(2.0)
    assert (limits.connect, limits.first_byte, limits.between, limits.total) == (2, 2, 2, 4)
    assert quick(60).connect == 5
    assert quick(1, size=10).size == 10
