"""The Send Email node against a mail server in this process."""

import socket
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

pytestmark = pytest.mark.django_db

SECRET = "mail-secret-4d"


class Kept:
    """Takes messages, save those for `nobody`."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return f"550 no such box {SECRET}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail))
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.password == SECRET.encode()
    return AuthResult(success=good, handled=False)


@pytest.fixture
def server():
    kept = Kept()
    with socket.create_server(("127.0.0.1", 0)) as free:
        kept.port = free.getsockname()[1]
    controller = Controller(
        kept, hostname="127.0.0.1", port=kept.port, authenticator=known, auth_require_tls=False
    )
    controller.start()
    yield kept
    controller.stop()


@pytest.fixture
def send(ask, server):
    def sent(version: float = 2.1, password: str = SECRET, open_to=True, hosts=None, **more):
        values = {"host": "127.0.0.1", "port": server.port, "secure": False, "user": "ana"}
        parameters = {
            "fromEmail": "Ana <ana@example.org>", "toEmail": "Bo <bo@example.org>",
            "subject": "Grüße",
        } | {name: one for name, one in more.items() if name != "script"}  # fmt: skip
        script = more.get("script", "return [{json: {n: 1}}]")
        return ask(
            "emailSend", "smtp", values | {"password": password}, parameters, version=version,
            script=script, open_to=open_to, hosts=hosts,
        )  # fmt: skip

    return sent


def test_a_message_with_copies_and_a_file(send, server):
    script = """return [{json: {n: 1}, binary: {f: {data: 'aGVsbG8=', mimeType: 'text/plain',
        fileName: 'a.txt'}}}]"""
    options = {"ccEmail": "c@example.org", "bccEmail": "d@example.org", "attachments": "f",
               "replyTo": "r@example.org"}  # fmt: skip
    done = send(emailFormat="both", text="n is {{ $json.n }}", html="<p>hi</p>", options=options,
                script=script)  # fmt: skip
    assert done.error == ""
    (sender, to, mail) = server.mails[0]
    assert (sender, to) == ("ana@example.org", ["bo@example.org", "c@example.org", "d@example.org"])
    assert (mail["Subject"], mail["Reply-To"], mail["Bcc"]) == ("Grüße", "r@example.org", None)
    assert mail.get_body(("html",)).get_content().strip() == "<p>hi</p>"
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content().strip()) == ("a.txt", "hello")
    (told,) = done.items
    assert told["accepted"] == to
    assert told["messageId"] == mail["Message-ID"]
    assert told["response"] == "250 taken"


def test_version_1_has_its_fields_beside_one_another(send, server):
    assert send(1, text="hi", ccEmail="c@example.org").error == ""
    assert server.mails[0][1] == ["bo@example.org", "c@example.org"]
    assert server.mails[0][2].get_content().strip() == "hi"


def test_whom_the_server_refuses_is_told(send, server):
    done = send(toEmail="nobody@example.org, bo@example.org", html="x")
    assert done.items[0]["rejected"] == ["nobody@example.org"]
    done = send(toEmail="nobody@example.org", html="x")
    assert "550 no such box ••••" in done.error
    assert f"127.0.0.1:{server.port}" in done.error
    assert SECRET not in done.error


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"toEmail": "={{ 'a@b.example\\nBcc: e@b.example' }}"}, "To Email"),
        ({"subject": "={{ 'a\\nBcc: e@b.example' }}"}, "Subject"),
        ({"toEmail": "nowhere"}, "To Email: 'nowhere' is not an address"),
        ({"toEmail": ""}, "nobody to send it to"),
        ({"fromEmail": "a@b.example, c@d.example"}, "From Email"),
        ({"options": {"attachments": "gone"}}, "binary file 'gone'"),
        ({"operation": "sendAndWait"}, "not supported"),
        ({"options": {"allowUnauthorizedCerts": True}}, "certificates are always checked"),
    ],
)
def test_what_cannot_be_sent_is_named(more, said, send, server):
    done = send(**({"html": "x"} | more))
    assert said in done.error
    assert server.mails == []


def test_a_wrong_password_is_told_and_not_shown(send, server):
    done = send(password="wrong-secret-1", html="x")
    assert "535" in done.error
    assert "wrong-secret-1" not in done.error
    assert server.mails == []


def test_an_answer_that_is_no_tls_is_told(ask, server):
    values = {"host": "127.0.0.1", "port": server.port, "secure": True, "user": ""}
    parameters = {"fromEmail": "a@b.example", "toEmail": "a@b.example"}
    done = ask("emailSend", "smtp", values, parameters, version=2.1)
    assert "no TLS" in done.error
