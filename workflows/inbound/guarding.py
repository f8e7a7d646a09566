"""Whom the door lets in: by origin, address, kind of program, and what they know."""

import base64
import binascii
import hmac
import ipaddress
import re
import warnings
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from workflows.inbound.refusals import Refusal

MASK = "••••••••"
BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|facebookexternalhit|whatsapp|embedly|headless|lighthouse"
    r"|mediapartners|archiver|bingpreview|pinterest|telegrambot|scrap",
    re.IGNORECASE,
)
ALGORITHMS = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512",
)  # fmt: skip
LEEWAY = 0


def demand_welcome(request: HttpRequest, guard: Mapping[str, Any], address: str) -> None:
    """Raise Refusal for bots and addresses a trigger does not want."""
    agent = request.headers.get("user-agent", "")
    if guard.get("bots") is False and BOTS.search(agent):
        raise Refusal(403, "Bots are not wanted here.")
    listed = guard.get("addresses")
    if listed and not _listed(address, listed):
        raise Refusal(403, "Calls from this address are not allowed.")


def _listed(address: str, networks: list[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(one) for one in networks)


def cross_origin(request: HttpRequest, guard: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that let a page of another site read the answer, if it may."""
    origin = request.headers.get("origin", "")
    wanted = str(guard.get("origins") or "*")
    if not origin:
        return {}
    if wanted.strip() == "*":
        return {"Access-Control-Allow-Origin": "*"}
    allowed = [one.strip().rstrip("/") for one in wanted.split(",")]
    if origin.rstrip("/") in allowed:
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    return {"Vary": "Origin"}


def admitted(
    request: HttpRequest, kind: str, values: Mapping[str, Any]
) -> tuple[dict[str, str], Mapping[str, Any] | None]:
    """Check what a caller knows against a credential.

    Returns the headers that hold it, hidden, and the payload of a token.

    Raises:
        Refusal: 401, without saying what was wrong.
    """
    if kind == "basicAuth":
        return {"authorization": _basic(request, values)}, None
    if kind == "headerAuth":
        return {_header(request, values): MASK}, None
    return {"authorization": f"Bearer {MASK}"}, _token(request, values)


def _basic(request: HttpRequest, values: Mapping[str, Any]) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        pair = b""
    wanted = f"{values.get('user') or ''}:{values.get('password') or ''}".encode()
    same = hmac.compare_digest(pair, wanted)
    if not same or scheme.lower() != "basic" or wanted == b":":
        headers = {"WWW-Authenticate": 'Basic realm="Webhook", charset="UTF-8"'}
        raise Refusal(401, "Authorization is required.", headers=headers)
    return f"Basic {MASK}"


def _header(request: HttpRequest, values: Mapping[str, Any]) -> str:
    name, wanted = str(values.get("name") or ""), str(values.get("value") or "")
    given = request.headers.get(name, "") if name else ""
    same = hmac.compare_digest(given.encode(), wanted.encode())
    if not same or not wanted:
        raise Refusal(401, "Authorization is required.")
    return name.lower()


def _token(request: HttpRequest, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the payload of a token of exactly the algorithm the credential names."""
    import jwt

    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    algorithm = str(values.get("algorithm") or "HS256")
    pem = values.get("keyType") == "pemKey"
    key = str(values.get("publicKey" if pem else "secret") or "").replace("\\n", "\n")
    headers = {"WWW-Authenticate": "Bearer"}
    refusal = Refusal(401, "A valid token is required.", headers=headers)
    # A public key never checks a token that was signed as if it were a passphrase.
    if algorithm not in ALGORITHMS or pem == algorithm.startswith("HS") or not key:
        raise refusal
    if scheme.lower() != "bearer":
        raise refusal
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a passphrase that is short is its owner's choice
            options = {"verify_aud": False}
            found = jwt.decode(given.strip(), key, [algorithm], options, leeway=LEEWAY)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refusal from None
    return found
