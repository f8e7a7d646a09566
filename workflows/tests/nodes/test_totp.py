"""TOTP, by the vectors of RFC 6238."""

import base64

import pytest

from workflows.engine.credentials import Credential
from workflows.engine.errors import NodeError
from workflows.nodes.totp import Totp, password


def secret(length):
    return base64.b32encode((b"1234567890" * 7)[:length]).decode()


@pytest.mark.parametrize(
    ("now", "algorithm", "length", "expected"),
    [
        (59, "SHA1", 20, "94287082"),
        (59, "SHA256", 32, "46119246"),
        (59, "SHA512", 64, "90693936"),
        (1_111_111_109, "SHA1", 20, "07081804"),
        (20_000_000_000, "SHA1", 20, "65353130"),
    ],
)
def test_passwords_are_those_of_the_standard(now, algorithm, length, expected):
    assert password(secret(length), now, algorithm, 8) == (expected, 30 - now % 30)


def test_the_node_gives_the_password_of_now(run, monkeypatch):
    monkeypatch.setattr("workflows.nodes.totp.time.time", lambda: 59.5)
    (items,) = run(Totp, {"secret": secret(20).lower(), "options": {"digits": 8}})
    assert items[0]["json"] == {"token": "94287082", "secondsRemaining": 1}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "The secret is missing"),
        ({"secret": "1!"}, "no base32"),
        ({"secret": "AAAA", "options": {"digits": 99}}, "digits must be between 1 and 10"),
        ({"secret": "AAAA", "options": {"period": "x"}}, "period is 'x', which is no number"),
        ({"secret": "AAAA", "options": {"algorithm": "CRC"}}, "'CRC' is not there"),
    ],
)
def test_what_cannot_be_done_is_named(run, parameters, message):
    with pytest.raises(NodeError, match=message):
        run(Totp, parameters)


def test_the_secret_comes_from_the_credential_where_the_field_is_empty(run, outside, monkeypatch):
    monkeypatch.setattr("workflows.nodes.totp.time.time", lambda: 59.5)
    outside.credentials["Phone"] = Credential("totpApi", "Phone", {"secret": secret(20)})
    chosen = {"credentials": {"totpApi": {"id": "1", "name": "Phone"}}}
    (items,) = run(Totp, {"options": {"digits": 8}}, **chosen)
    assert items[0]["json"]["token"] == "94287082"
