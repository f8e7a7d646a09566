"""Signing in to servers that are no web servers, to see whether a credential works."""

import contextlib
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.addresses import allowed
from workflows import services

pytestmark = pytest.mark.django_db

SECRET = "server-secret-1f"


@contextlib.contextmanager
def answering(greeting: str, say: Callable[[str], str]) -> Iterator[tuple[int, list[str]]]:
    """Serve lines on this machine: a greeting, then an answer to each; yields port and lines."""
    heard: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(greeting.encode())
            while line := self.rfile.readline().decode().strip():
                heard.append(line)
                self.wfile.write(say(line).encode())

    class Listening(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Listening(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], heard
        server.shutdown()


@pytest.fixture
def tried(people: Any, settings: Any) -> Callable[..., tuple[bool, str]]:
    """Make a credential and try it; returns whether it works, and the words."""

    def trying(kind: str, port: int, *, open_to: bool = True, **values: Any) -> tuple[bool, str]:
        settings.HTTP_ALLOW = [allowed(f"127.0.0.1:{port}")] if open_to else []
        values = {"host": "127.0.0.1", "port": port} | values
        made = services.create_credential(kind, kind, values, by=SYSTEM, team=people.ours)
        works = services.try_credential(made, by=SYSTEM)
        made.refresh_from_db()
        return works, made.test_words

    return trying


def smtp(line: str) -> str:
    if line.lower().startswith("ehlo"):
        return "250-here\r\n250 AUTH PLAIN LOGIN\r\n"
    if line.startswith("AUTH"):
        good = line.endswith("AGFuYQBzZXJ2ZXItc2VjcmV0LTFm")
        return "235 in\r\n" if good else f"535 no {line}\r\n"
    return "221 bye\r\n" if line == "QUIT" else "250 fine\r\n"


@pytest.mark.parametrize(("password", "works"), [(SECRET, True), ("wrong-secret", False)])
def test_a_mail_server(password, works, tried):
    with answering("220 hello\r\n", smtp) as (port, heard):
        found, words = tried("smtp", port, user="ana", password=password, secure=False)
    assert found is works
    assert any(line.startswith("AUTH PLAIN") for line in heard)
    assert password not in words
    assert works or "535" in words


@pytest.mark.parametrize(("answer", "works"), [("+OK\r\n", True), ("-WRONGPASS no\r\n", False)])
def test_a_redis(answer, works, tried):
    with answering("", lambda line: answer if line == SECRET else "") as (port, heard):
        found, words = tried("redis", port, password=SECRET)
    assert (found, heard) == (works, ["*2", "$4", "AUTH", f"${len(SECRET)}", SECRET])
    assert works or "WRONGPASS" in words


def test_a_database_that_answers(tried, settings):
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not url.scheme.startswith("postgres"):
        pytest.skip("the tests run without PostgreSQL")
    values = {"user": url.username, "password": url.password or "", "database": "postgres"}
    assert tried("postgres", url.port, host=url.hostname, **values) == (True, "It works.")


@pytest.mark.parametrize("kind", ["smtp", "redis", "postgres"])
def test_one_that_does_not_answer_is_told(kind, tried):
    with answering("", str) as (port, _):
        pass
    works, words = tried(kind, port, user="ana", password=SECRET)
    assert not works
    assert "refused" in words.lower()
    assert SECRET not in words


@pytest.mark.parametrize("kind", ["smtp", "redis", "postgres"])
def test_c01_the_address_policy_decides(kind, tried):
    with answering("", str) as (port, heard):
        works, words = tried(kind, port, open_to=False, user="ana", password=SECRET)
    assert (works, heard) == (False, [])
    assert "an admin can allow it" in words


def test_what_speaks_no_tls_is_told(tried):
    with answering("220 hello\r\n", smtp) as (port, _):
        works, words = tried("smtp", port, user="ana", password=SECRET, secure=True)
    assert (works, "no TLS" in words) == (False, True)
