"""JWT: make, check and read JSON web tokens (RFC 7519)."""

import time
import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, flag, json, number, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs

ALGORITHMS = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512",
)  # fmt: skip
SIGN, VERIFY = {"operation": ["sign"]}, {"operation": ["verify"]}
_ALGORITHM = choice("algorithm", "Override Algorithm", {name: name for name in ALGORITHMS}, "HS256")
_NAMES = {"audience": "aud", "issuer": "iss", "jwtid": "jti", "subject": "sub"}


@shelf.add
class Jwt(Node):
    """Sign, verify or decode JSON web tokens. `alg: none` is never taken for signed."""

    key = "n8n-nodes-base.jwt"
    label = "JWT"
    icon = "circle-check"
    varies = True  # it uses the clock
    chunks = True
    credentials = ("jwtAuth",)
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "operation", "Operation",
            {"decode": "Decode", "sign": "Sign", "verify": "Verify"}, "sign", literal=True,
        ),
        text(
            "key", "Key", secret=True, when={"operation": ["sign", "verify"]},
            hint="A passphrase, or a key in PEM form; empty: that of the credential.",
        ),
        flag("useJson", "Use JSON to Build Payload", when=SIGN),
        collection(
            "claims", "Payload Claims",
            text("audience", "Audience"), number("expiresIn", "Expires In", 3600),
            text("issuer", "Issuer"), text("jwtid", "JWT ID"), number("notBefore", "Not Before", 0),
            text("subject", "Subject"),
            when={**SIGN, "useJson": [False]},
        ),
        json(
            "claimsJson", "Payload Claims (JSON)", '{\n  "my_field_1": "value from field 1"\n}',
            when={**SIGN, "useJson": [True]},
        ),
        text("token", "Token", required=True, when={"operation": ["verify", "decode"]}),
        collection(
            "options", "Options",
            flag("complete", "Return Additional Info"),
            flag("ignoreExpiration", "Ignore Expiration", when={"/operation": ["verify"]}),
            flag("ignoreNotBefore", "Ignore Not Before Claim", when={"/operation": ["verify"]}),
            number("clockTolerance", "Clock Tolerance", 0, when={"/operation": ["verify"]}),
            _ALGORITHM,
            when={"operation": ["verify", "decode"]},
        ),
        collection("options", "Options", _ALGORITHM, text("kid", "Key ID"), when=SIGN),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Give each item's token, or what is in it."""

        kept = await _kept(context)

        async def work(index: int, one: Item) -> Items:
            with warnings.catch_warnings(record=True) as weak:  # a passphrase that is too short
                warnings.simplefilter("always")
                made = _made(context, str(context.value("operation", index)), index, kept)
            for warning in weak:
                context.warn(str(warning.message))
            return [{"json": made, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


async def _kept(context: Context) -> Mapping[str, Any]:
    """Return what the credential holds, where one is chosen and needed."""
    if not context.node.credentials or context.value("operation", 0) == "decode":
        return {}
    return (await context.credential("jwtAuth")).values


def _made(context: Context, operation: str, index: int, kept: Mapping[str, Any]) -> dict[str, Any]:
    options = context.value("options", index, {}) or {}
    algorithm = str(options.get("algorithm") or kept.get("algorithm") or "HS256")
    if operation == "sign":
        claims, key = _claims(context, index), _key(context, index, kept, "privateKey")
        return {"token": signed(claims, key, algorithm, options.get("kid"))}
    token = str(context.value("token", index) or "").strip()
    if operation == "verify":
        key = _key(context, index, kept, "publicKey")
        found = verified(token, key, algorithm, options)
    elif operation == "decode":
        found = decoded(token)
    else:
        raise NodeError(f"The operation {operation!r} is not there.")
    return found if options.get("complete") else {"payload": found["payload"]}


def _key(context: Context, index: int, kept: Mapping[str, Any], half: str) -> str:
    """Return the node's own key, else the credential's: its secret, or this half of its pair."""
    name = half if kept.get("keyType") == "pemKey" else "secret"
    found = str(context.value("key", index) or kept.get(name) or "")
    if not found:
        raise NodeError(
            "The key is missing.",
            description="Choose a credential of the type jwtAuth, or give the key in the field.",
        )
    return found.replace("\\n", "\n") if "-----BEGIN" in found else found


def _claims(context: Context, index: int) -> dict[str, Any]:
    now = int(time.time())
    if context.value("useJson", index):
        given = context.value("claimsJson", index)
        try:
            found = orjson.loads(given) if isinstance(given, str) else given
        except ValueError as error:
            raise NodeError(f"The payload claims are no valid JSON: {error}") from error
        if not isinstance(found, dict):
            raise NodeError("The payload claims must be a JSON object.")
        return {"iat": now, **found}
    claims = context.value("claims", index, {}) or {}
    made: dict[str, Any] = {
        short: str(claims[name]) for name, short in _NAMES.items() if claims.get(name)
    }
    for name, short in (("expiresIn", "exp"), ("notBefore", "nbf")):
        if claims.get(name):
            made[short] = now + int(claims[name])
    return {"iat": now, **made}


def signed(claims: Mapping[str, Any], key: str, algorithm: str, kid: Any = None) -> str:
    """Return a token of these claims."""
    import jwt

    if algorithm not in ALGORITHMS:
        raise NodeError(f"The algorithm {algorithm!r} is not there.")
    headers = {"kid": str(kid)} if kid else None
    try:
        return jwt.encode(dict(claims), key, algorithm, headers)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NodeError(f"The token cannot be signed: {error}") from error


def verified(token: str, key: str, algorithm: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return header, payload and signature of a token that holds; NodeError says why it does not.

    Only the named algorithm is taken, whatever the token says of itself.
    """
    import jwt

    if algorithm not in ALGORITHMS:
        raise NodeError(f"The algorithm {algorithm!r} is not there.")
    checks: Any = {
        "verify_exp": not options.get("ignoreExpiration"),
        "verify_nbf": not options.get("ignoreNotBefore"),
        "verify_aud": False, "verify_iat": False, "verify_sub": False, "verify_jti": False,
    }  # fmt: skip
    leeway = timedelta(seconds=float(options.get("clockTolerance") or 0))
    try:
        found = jwt.decode_complete(
            token, key, algorithms=[algorithm], options=checks, leeway=leeway
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NodeError(f"The token is not valid: {error}") from error
    return _told(found, token)


def decoded(token: str) -> dict[str, Any]:
    """Return header, payload and signature of a token, unchecked."""
    import jwt

    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError) as error:
        raise NodeError(f"The token cannot be read: {error}") from error
    return _told(found, token)


def _told(found: Mapping[str, Any], token: str) -> dict[str, Any]:
    signature = token.rpartition(".")[2]
    return {"header": found["header"], "payload": found["payload"], "signature": signature}
