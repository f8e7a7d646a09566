"""Writing mail and handing it to a server."""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.wires.reaching import PATIENCE, Place

LARGEST = 64 * 2**20
"""Bytes of one message."""


@dataclass(frozen=True)
class Attached:
    """A file of a message."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True)
class Mail:
    """A message, ready to be sent."""

    sender: str
    to: tuple[str, ...]  # all who get it, those of Bcc too
    id: str
    data: bytes


def write(
    headers: Sequence[tuple[str, str, str]], bcc: str, texts: dict[str, str],
    files: Sequence[Attached], id: str,
) -> Mail:  # fmt: skip
    """Return a message. `headers` are name, value and how the field is labelled.

    `texts` may hold `text` and `html`.

    Raises:
        NodeError: an address or a header is none; names the field.
    """
    message = EmailMessage(policy=SMTP)
    for name, value, label in headers:
        if value:
            _set(message, name, value, label)
    message["Date"] = format_datetime(localtime())
    sender = [one.addr_spec for one in message["From"].addresses] if message["From"] else []
    if len(sender) != 1:
        raise NodeError("From Email: enter one address, such as Ana <ana@example.org>.")
    message["Message-ID"] = f"<{id}@{sender[0].rpartition('@')[2]}>"
    to = [one.addr_spec for name in ("To", "Cc") for one in _addresses(message[name])]
    to += _bcc(bcc)
    if not to:
        raise NodeError("To Email: there is nobody to send it to.")
    if "text" in texts or "html" not in texts:
        message.set_content(texts.get("text", ""))
        if "html" in texts:
            message.add_alternative(texts["html"], subtype="html")
    else:
        message.set_content(texts["html"], subtype="html")
    for one in files:
        kind, _, sub = one.mime.partition("/")
        message.add_attachment(
            one.data, maintype=kind or "application", subtype=sub or "octet-stream",
            filename=one.name,
        )  # fmt: skip
    data = message.as_bytes()
    if len(data) > LARGEST:
        raise NodeError(f"The message has {len(data):,} bytes; {LARGEST:,} can be sent.")
    return Mail(sender[0], tuple(dict.fromkeys(to)), str(message["Message-ID"]), data)


def _set(message: EmailMessage, name: str, value: str, label: str) -> None:
    try:
        message[name] = value
    except (ValueError, IndexError, TypeError) as error:
        raise NodeError(f"{label}: {error}") from error
    found = message[name]
    if hasattr(found, "addresses"):
        wrong = [one for one in found.addresses if not (one.username and one.domain)]
        if found.defects or wrong or not found.addresses:
            raise NodeError(f"{label}: {value!r} is not an address, or a list of them with commas.")
        if not all(one.addr_spec.isascii() for one in found.addresses):
            raise NodeError(f"{label}: {value!r} has letters no mail server is sure to know.")


def _addresses(header: Any) -> Sequence[Any]:
    return header.addresses if header is not None else ()


def _bcc(value: str) -> list[str]:
    if not value:
        return []
    aside = EmailMessage(policy=SMTP)
    _set(aside, "Bcc", value, "BCC Email")
    return [one.addr_spec for one in aside["Bcc"].addresses]


def send(place: Place, taken: socket.socket, mail: Mail) -> dict[str, Any]:
    """Hand a message to the server over a socket; returns what n8n's node gives. Blocking.

    Raises:
        NodeError: the server refuses it; with its own words.
    """
    tls = bool(place.values.get("secure"))

    class Connected(smtplib.SMTP):
        def _get_socket(self, *_: Any) -> socket.socket:
            if not tls:
                return taken
            context = ssl.create_default_context()
            return context.wrap_socket(taken, server_hostname=place.host)

    name = place.text("hostName") or None
    try:
        server = Connected(place.host, place.port, local_hostname=name, timeout=PATIENCE)
        with contextlib.closing(server):
            return _sent(place, server, mail, tls=tls)
    except smtplib.SMTPResponseException as error:
        raise place.failed(f"{error.smtp_code} {_words(error.smtp_error)}") from error
    except smtplib.SMTPException as error:
        raise place.failed(error) from error


def _sent(place: Place, server: smtplib.SMTP, mail: Mail, *, tls: bool) -> dict[str, Any]:
    server.ehlo_or_helo_if_needed()
    if not tls and not place.values.get("disableStartTls") and server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    if place.text("user"):
        server.login(place.text("user"), place.text("password"))
    _demand(server.mail(mail.sender))
    refused, words = [], (0, b"")
    for one in mail.to:
        answer = server.rcpt(one)
        if answer[0] not in (250, 251):
            refused.append(one)
            words = answer
    if len(refused) == len(mail.to):
        _demand(words)
    done = server.data(mail.data)
    _demand(done)
    with contextlib.suppress(smtplib.SMTPException, OSError):
        server.quit()
    return {
        "accepted": [one for one in mail.to if one not in refused],
        "rejected": refused,
        "messageSize": len(mail.data),
        "response": f"{done[0]} {_words(done[1])}",
        "envelope": {"from": mail.sender, "to": list(mail.to)},
        "messageId": mail.id,
    }


def _demand(answer: tuple[int, bytes]) -> None:
    if answer[0] // 100 != 2:
        raise smtplib.SMTPResponseException(*answer)


def _words(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
