"""Signing in to servers that are no web servers, under the address policy. Blocking: for a thread.

The address is resolved once, asked of the policy, and connected to by its number.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from whoosh_site.core.addresses import Policy
from whoosh_site.core.errors import Refused
from whoosh_site.core.sockets import passed
from workflows.credentials.base import Server

SECONDS = 10.0


def sign_in(server: Server, policy: Policy) -> str:
    """Sign in and leave again; returns what is wrong, or nothing."""
    where = f"{server.host}:{server.port}"
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        ip = passed(server.host, server.port, found, policy)[0]
        return _KINDS[server.protocol](server, ip)
    except Refused as error:
        return error.message
    except socket.gaierror:
        return f"The name {server.host} does not exist."
    except ssl.SSLError as error:
        return f"{where}: no TLS: {error.reason or error}"
    except TimeoutError:
        return f"{where}: no answer within {SECONDS:g} s."
    except (smtplib.SMTPException, OSError, EOFError) as error:
        return f"{where}: {_words(error)}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"{error.smtp_code} {text}"
    return " ".join(str(error).split())[:300]


def _socket(server: Server, ip: str, *, tls: bool) -> socket.socket:
    found = socket.create_connection((ip, server.port), SECONDS)
    if not tls:
        return found
    return ssl.create_default_context().wrap_socket(found, server_hostname=server.host)


def _smtp(server: Server, ip: str) -> str:
    class Connected(smtplib.SMTP):
        def _get_socket(self, *_: Any) -> socket.socket:
            return _socket(server, ip, tls=server.tls)

    name = server.options.get("name") or None
    with Connected(server.host, server.port, local_hostname=name, timeout=SECONDS) as mail:
        mail.ehlo_or_helo_if_needed()
        if not server.tls and server.options.get("starttls") and mail.has_extn("starttls"):
            mail.starttls(context=ssl.create_default_context())
            mail.ehlo()
        if server.user:
            mail.login(server.user, server.password)
        else:
            mail.noop()
    return ""


def _postgres(server: Server, ip: str) -> str:
    import psycopg

    wanted = server.options
    try:
        psycopg.connect(
            host=server.host, hostaddr=ip, port=server.port, user=server.user,
            password=server.password or None, dbname=wanted["database"],
            sslmode=wanted["sslmode"], connect_timeout=int(SECONDS),
        ).close()  # fmt: skip
    except psycopg.Error as error:
        return _words(error)
    return ""


def _redis(server: Server, ip: str) -> str:
    words = [b"PING"]
    if server.password:
        who = [server.user.encode()] if server.user else []
        words = [b"AUTH", *who, server.password.encode()]
    sent = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with _socket(server, ip, tls=server.tls) as redis:
        redis.sendall(b"*%d\r\n%s" % (len(words), sent))
        said = redis.recv(1000).decode("utf-8", "replace").strip()
    return "" if said in ("+OK", "+PONG") else f"{server.host} answers: {said.lstrip('-')[:200]}"


_KINDS: dict[str, Callable[[Server, str], str]] = {
    "smtp": _smtp,
    "postgres": _postgres,
    "redis": _redis,
}
