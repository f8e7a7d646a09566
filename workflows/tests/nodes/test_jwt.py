"""JWT."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from workflows.engine.credentials import Credential
from workflows.engine.errors import NodeError
from workflows.nodes.jwt import Jwt

KEY = "a long enough secret of thirty-two signs"


def ran(run, operation, **parameters):
    (items,) = run(Jwt, {"operation": operation, **parameters})
    return items[0]["json"]


def token(run, claims, key=KEY, **options):
    found = ran(run, "sign", key=key, useJson=True, claimsJson=claims, options=options)
    return found["token"]


def test_what_is_signed_is_verified(run):
    made = token(run, '{"a": [1]}', algorithm="HS512", kid="k1")
    options = {"algorithm": "HS512", "complete": True}
    found = ran(run, "verify", key=KEY, token=made, options=options)
    assert found["header"] == {"alg": "HS512", "typ": "JWT", "kid": "k1"}
    assert found["payload"]["a"] == [1]
    assert found["payload"]["iat"] == pytest.approx(time.time(), abs=60)
    assert found["signature"] == made.rpartition(".")[2]


def test_claims_of_the_form_are_signed(run):
    claims = {"audience": "us", "issuer": "me", "expiresIn": 60, "notBefore": 0, "jwtid": "1"}
    made = ran(run, "sign", key=KEY, claims=claims)["token"]
    payload = ran(run, "decode", token=made)["payload"]
    assert {key: payload[key] for key in ("aud", "iss", "jti")} == {
        "aud": "us", "iss": "me", "jti": "1",
    }  # fmt: skip
    assert payload["exp"] - payload["iat"] == 60
    assert "nbf" not in payload


def pems():
    key = rsa.generate_private_key(65_537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def test_a_key_pair_signs_and_verifies(run):
    private, public = pems()
    made = token(run, {"a": 1}, key=private.replace("\n", "\\n"), algorithm="RS256")
    found = ran(run, "verify", key=public, token=made, options={"algorithm": "RS256"})
    assert found["payload"]["a"] == 1


def test_a_token_in_another_algorithm_is_refused(run):
    private, public = pems()
    made = token(run, {"a": 1}, key=private, algorithm="RS256")
    with pytest.raises(NodeError, match="not valid"):
        ran(run, "verify", key=public, token=made, options={"algorithm": "HS256"})
    none = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ."
    with pytest.raises(NodeError, match="not valid"):
        ran(run, "verify", key=KEY, token=none)
    with pytest.raises(NodeError, match="'none' is not there"):
        ran(run, "verify", key=KEY, token=none, options={"algorithm": "none"})
    assert ran(run, "decode", token=none) == {"payload": {"a": 1}}


@pytest.mark.parametrize(
    ("claims", "ignored"),
    [({"exp": 1}, {"ignoreExpiration": True}), ({"nbf": 9_999_999_999}, {"ignoreNotBefore": True})],
)
def test_times_are_checked_unless_ignored(run, claims, ignored):
    made = token(run, claims)
    with pytest.raises(NodeError, match="not valid"):
        ran(run, "verify", key=KEY, token=made)
    assert (
        ran(run, "verify", key=KEY, token=made, options=ignored)["payload"].items()
        >= claims.items()
    )


def test_a_tolerance_forgives_a_slow_clock(run):
    made = token(run, {"exp": int(time.time()) - 5})
    options = {"clockTolerance": 3600}
    assert "exp" in ran(run, "verify", key=KEY, token=made, options=options)["payload"]


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("sign", {}, "The key is missing"),
        ("sign", {"key": KEY, "useJson": True, "claimsJson": "{"}, "no valid JSON"),
        ("sign", {"key": KEY, "useJson": True, "claimsJson": "[]"}, "must be a JSON object"),
        ("sign", {"key": KEY, "options": {"algorithm": "X"}}, "'X' is not there"),
        ("sign", {"key": KEY, "options": {"algorithm": "RS256"}}, "cannot be signed"),
        ("verify", {"key": KEY + "!", "token": "a.b"}, "not valid"),
        ("decode", {"token": "x"}, "cannot be read"),
        ("burn", {}, "'burn' is not there"),
    ],
)
def test_what_cannot_be_done_is_named(run, operation, parameters, message):
    with pytest.raises(NodeError, match=message):
        ran(run, operation, **parameters)


def test_a_short_passphrase_works_as_in_n8n(run):
    made = token(run, {"a": 1}, key="short")
    assert ran(run, "verify", key="short", token=made)["payload"]["a"] == 1


def test_keys_and_algorithm_come_from_the_credential_where_the_field_is_empty(run, outside):
    private, public = pems()
    pair = {"keyType": "pemKey", "privateKey": private, "publicKey": public, "algorithm": "RS256"}
    outside.credentials["Pair"] = Credential("jwtAuth", "Pair", pair)
    chosen = {"credentials": {"jwtAuth": {"id": "1", "name": "Pair"}}}
    made = run(Jwt, {"useJson": True, "claimsJson": '{"a": 1}'}, **chosen)[0][0]["json"]["token"]
    found = run(Jwt, {"operation": "verify", "token": made}, **chosen)
    assert found[0][0]["json"]["payload"]["a"] == 1
