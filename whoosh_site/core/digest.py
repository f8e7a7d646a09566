"""HTTP's Digest scheme (RFC 7616): the answer to what a server asks. No Django, no HTTP library."""

import hashlib
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
SESSION = "-SESS"


def digest_answer(
    user: str, password: str, method: str, url: str, headers: Mapping[str, str]
) -> str:
    """Return the header Authorization that answers a 401; "" where it asks for no Digest we know.

    A server that wants the body hashed too (`auth-int` alone) is one we do not know.
    """
    scheme, _, rest = headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() != "digest":
        return ""
    asked = _read(rest)
    algorithm = asked.get("algorithm", "MD5")
    name = HASHES.get(algorithm.upper().removesuffix(SESSION))
    offered = [one.strip() for one in asked.get("qop", "").split(",") if one.strip()]
    if name is None or "nonce" not in asked or (offered and "auth" not in offered):
        return ""

    def hashed(*parts: str) -> str:
        text = ":".join(parts).encode()
        return hashlib.new(name, text, usedforsecurity=False).hexdigest()

    realm, nonce = asked.get("realm", ""), asked["nonce"]
    ours, count = secrets.token_hex(16), "00000001"
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    who = hashed(user, realm, password)
    if algorithm.upper().endswith(SESSION):
        who = hashed(who, nonce, ours)
    middle = (nonce, count, ours, "auth") if offered else (nonce,)
    told = {"username": user, "realm": realm, "nonce": nonce, "uri": path}
    told["response"] = hashed(who, *middle, hashed(method, path))
    told |= {"opaque": asked["opaque"]} if "opaque" in asked else {}
    told |= {"cnonce": ours} if offered else {}
    said = [f'{key}="{_quoted(value)}"' for key, value in told.items()]
    said.append(f"algorithm={algorithm}")
    return "Digest " + ", ".join([*said, *([f"qop=auth, nc={count}"] if offered else [])])


def _read(text: str) -> dict[str, str]:
    pairs = [one for one in parse_http_list(text) if "=" in one]
    return {key.lower(): value for key, value in parse_keqv_list(pairs).items()}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
