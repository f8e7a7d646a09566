"""Crypto."""

import asyncio
import base64
import re

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from workflows.engine.credentials import Credential
from workflows.engine.errors import NodeError
from workflows.nodes.crypto import Crypto


def value(run, items=({},), **parameters):
    (found,) = run(Crypto, parameters, items)
    return found[0]["json"]["data"]


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ],
)
def test_a_text_is_hashed(run, kind, digest):
    assert value(run, action="hash", type=kind, value="abc") == digest
    in_base64 = base64.b64encode(bytes.fromhex(digest)).decode()
    assert value(run, action="hash", type=kind, value="abc", encoding="base64") == in_base64


def test_a_text_is_hashed_with_a_secret(run):  # RFC 4231, test case 2
    found = value(
        run, action="hmac", type="SHA256", value="what do ya want for nothing?", secret="Jefe"
    )
    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_file_is_hashed(run, outside):
    record = asyncio.run(outside.keep(b"abc", mime="text/plain"))
    items = [{"json": {"a": 1}, "binary": {"f": record}}]
    parameters = {"binaryData": True, "binaryPropertyName": "f", "dataPropertyName": "x.y"}
    (found,) = run(Crypto, parameters, items)
    assert found[0]["json"] == {"a": 1, "x": {"y": "900150983cd24fb0d6963f7d28e17f72"}}
    assert found[0]["binary"] == {"f": record}


def pem(key):
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()


RSA = rsa.generate_private_key(65_537, 2048)


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("RSA-SHA256", hashes.SHA256),
        ("sha512", hashes.SHA512),
        ("sha384WithRSAEncryption", hashes.SHA384),
        ("RSA-SHA3-256", hashes.SHA3_256),
        ("sha512-256", hashes.SHA512_256),
        ("md5", hashes.MD5),
        ("sha1", hashes.SHA1),
    ],
)
def test_an_rsa_signature_holds(run, algorithm, digest):
    found = value(run, action="sign", value="abc", algorithm=algorithm, privateKey=pem(RSA))
    RSA.public_key().verify(bytes.fromhex(found), b"abc", padding.PKCS1v15(), digest())
    with pytest.raises(InvalidSignature):
        RSA.public_key().verify(bytes.fromhex(found), b"abd", padding.PKCS1v15(), digest())


def test_ripemd_goes_by_three_names(run):
    found = {
        value(run, action="sign", value="abc", algorithm=name, privateKey=pem(RSA))
        for name in ("ripemd", "ripemd160", "rmd160")
    }
    assert len(found) == 1


def test_an_ec_signature_holds(run):
    key = ec.generate_private_key(ec.SECP256R1())
    found = value(
        run, action="sign", value="abc", algorithm="sha256", privateKey=pem(key), encoding="base64"
    )
    key.public_key().verify(base64.b64decode(found), b"abc", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"action": "sign", "algorithm": "rot13", "privateKey": "x"}, "'rot13' is not there"),
        ({"action": "sign", "algorithm": "sha1", "privateKey": "x"}, "private key cannot be used"),
        ({"type": "CRC32"}, "The hash 'CRC32' is not there"),
        ({"action": "guess"}, "The action 'guess' is not there"),
        ({"action": "generate", "encodingType": "hex", "stringLength": 0}, "between 1 and"),
        ({"action": "generate", "encodingType": "hex", "stringLength": "x"}, "is no number"),
        ({"action": "generate", "encodingType": "runes"}, "'runes' is not there"),
    ],
)
def test_what_cannot_be_done_is_named(run, parameters, message):
    with pytest.raises(NodeError, match=message):
        value(run, **{"value": "abc", **parameters})


@pytest.mark.parametrize(
    ("given", "words"),
    [(None, "null"), (5, r"type number \(5\)"), (True, r"type boolean \(true\)"), ([], "an inst")],
)  # fmt: skip
def test_what_is_no_text_fails_in_the_words_of_n8n(run, given, words):
    with pytest.raises(NodeError, match=f"must be of type string .*Received {words}"):
        value(run, value=given)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("hex", "[0-9a-f]{9}"),
        ("base64", "[A-Za-z0-9]{9}"),
        ("ascii", "[!-~]{9}"),
    ],
)
def test_random_values_have_their_shape_and_differ(run, kind, shape):
    found = [value(run, action="generate", encodingType=kind, stringLength=9) for _ in range(2)]
    assert re.fullmatch(shape, found[0])
    assert found[0] != found[1]


def test_a_secret_comes_from_the_credential_where_the_field_is_empty(run, outside):
    kept = Credential("crypto", "Keys", {"hmacSecret": "from the credential"})
    outside.credentials["Keys"] = kept
    chosen = {"crypto": {"id": "1", "name": "Keys"}}
    asked = {"action": "hmac", "type": "SHA256", "value": "a"}
    found = run(Crypto, asked, credentials=chosen, version=2)
    own = run(Crypto, asked | {"secret": "from the credential"})
    assert found[0][0]["json"]["data"] == own[0][0]["json"]["data"]
    with pytest.raises(NodeError, match="'Keys' has no signPrivateKey"):
        run(Crypto, {"action": "sign", "value": "a"}, credentials=chosen, version=2)
