"""Signatures with private keys, as Node.js's createSign makes them."""

import hashlib
import re

from workflows.engine.errors import NodeError

_DIGEST_INFO = {  # RFC 8017, note 1 of 9.2: what stands before the hash in a PKCS #1 signature
    "md5": "3020300c06082a864886f70d020505000410",
    "ripemd160": "3021300906052b2403020105000414",
    "sha1": "3021300906052b0e03021a05000414",
    "sha224": "302d300d06096086480165030402040500041c",
    "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
    "sha512_224": "302d300d06096086480165030402050500041c",
    "sha512_256": "3031300d060960864801650304020605000420",
    "sha3_224": "302d300d06096086480165030402070500041c",
    "sha3_256": "3031300d060960864801650304020805000420",
    "sha3_384": "3041300d060960864801650304020905000430",
    "sha3_512": "3051300d060960864801650304020a05000440",
}
_SPELT = {"ripemd": "ripemd160", "rmd160": "ripemd160", "ssl3md5": "md5", "ssl3sha1": "sha1"}
_NAMES = (
    "RSA-MD5", "RSA-RIPEMD160", "RSA-SHA1", "RSA-SHA224", "RSA-SHA256", "RSA-SHA3-224",
    "RSA-SHA3-256", "RSA-SHA3-384", "RSA-SHA3-512", "RSA-SHA384", "RSA-SHA512",
    "RSA-SHA512/224", "RSA-SHA512/256", "md5", "md5WithRSAEncryption", "ripemd", "ripemd160",
    "rmd160", "sha1", "sha1WithRSAEncryption", "sha224", "sha224WithRSAEncryption", "sha256",
    "sha256WithRSAEncryption", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "sha384",
    "sha384WithRSAEncryption", "sha512", "sha512-224", "sha512-256", "sha512WithRSAEncryption",
)  # fmt: skip
ALGORITHMS = {name: name for name in _NAMES}


def hash_name(algorithm: str) -> str:
    """Return hashlib's name of the hash in an algorithm such as RSA-SHA256."""
    word = algorithm.lower().removeprefix("rsa-")
    word = re.sub(r"withrsa(encryption)?$|^id-rsassa-pkcs1-v1_5-with-", "", word)
    word = re.sub(r"^(sha3|sha512)[-/](\d+)$", r"\1_\2", word)
    word = _SPELT.get(word.replace("-", ""), word)
    if word not in _DIGEST_INFO:
        raise NodeError(f"The signing algorithm {algorithm!r} is not there.")
    return word


def sign(data: bytes, pem: str, algorithm: str) -> bytes:
    """Return a signature: PKCS #1 v1.5 of an RSA key, DER of an EC or DSA key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = hash_name(algorithm)
    digest = hashlib.new(name, data, usedforsecurity=False).digest()
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NodeError(f"The private key cannot be used: {error}") from error
    if isinstance(key, rsa.RSAPrivateKey):
        info = bytes.fromhex(_DIGEST_INFO[name]) + digest
        try:
            return key.sign(info, padding.PKCS1v15(), utils.NoDigestInfo())
        except ValueError as error:
            raise NodeError(f"The private key cannot sign this: {error}") from error
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(utils.Prehashed(_hash_of(name))))
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(digest, utils.Prehashed(_hash_of(name)))
    raise NodeError("The private key is of a kind that cannot sign here: take an RSA or EC key.")


def _hash_of(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from cryptography.hazmat.primitives import hashes

    found = getattr(hashes, name.upper(), None)
    if found is None:
        raise NodeError(f"A key of this kind cannot sign with {name}.")
    return found()
