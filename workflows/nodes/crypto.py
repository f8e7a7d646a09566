"""Crypto: hashes, signatures, random texts."""

import base64
import hashlib
import hmac
import secrets
import string
import uuid
from typing import Any, ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, flag, number, text
from workflows.engine.paths import parts, put
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.signing import ALGORITHMS, sign

HASHES = {
    "MD5": "MD5",
    "SHA256": "SHA256",
    "SHA3-256": "SHA3-256",
    "SHA3-384": "SHA3-384",
    "SHA3-512": "SHA3-512",
    "SHA384": "SHA384",
    "SHA512": "SHA512",
}
ENCODINGS = {"base64": "BASE64", "hex": "HEX"}
HASHING = {"action": ["hash", "hmac"]}
LONGEST = 100_000
KEPT = {"secret": "hmacSecret", "privateKey": "signPrivateKey"}
"""Names of the credential's values, by those of the node's own fields."""
_MISSING = object()


@shelf.add
class Crypto(Node):
    """Hash, sign or make random values."""

    key = "n8n-nodes-base.crypto"
    label = "Crypto"
    icon = "key"
    versions = (1, 2)
    varies = True  # random values must not be drawn again when a run is resumed
    chunks = True
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "action", "Action",
            {"generate": "Generate", "hash": "Hash", "hmac": "Hmac", "sign": "Sign"}, "hash",
        ),
        choice("type", "Type", HASHES, "MD5", required=True, when=HASHING),
        flag("binaryData", "Binary File", when=HASHING),
        text(
            "binaryPropertyName", "Binary Property Name", "data", required=True,
            when={**HASHING, "binaryData": [True]},
        ),
        text("value", "Value", required=True, when={**HASHING, "binaryData": [False]}),
        text("value", "Value", required=True, when={"action": ["sign"]}),
        text("dataPropertyName", "Property Name", "data", required=True),
        text(
            "secret", "Secret", required=True, secret=True, when={"action": ["hmac"]},
            hint="Empty: that of the credential.",
        ),
        choice("algorithm", "Algorithm", ALGORITHMS, "", required=True, when={"action": ["sign"]}),
        choice(
            "encoding", "Encoding", ENCODINGS, "hex", required=True,
            when={"action": ["hash", "hmac", "sign"]},
        ),
        text(
            "privateKey", "Private Key", required=True, secret=True, when={"action": ["sign"]},
            hint="In PEM form; empty: that of the credential.",
        ),
        choice(
            "encodingType", "Type",
            {"ascii": "ASCII", "base64": "BASE64", "hex": "HEX", "uuid": "UUID"}, "uuid",
            required=True, when={"action": ["generate"]},
        ),
        number(
            "stringLength", "Length", 32, required=True,
            when={"action": ["generate"], "encodingType": ["ascii", "base64", "hex"]},
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Add the result to each item."""

        async def work(index: int, one: Item) -> Items:
            action = context.value("action", index)
            if action == "generate":
                found = generated(
                    str(context.value("encodingType", index)), context.value("stringLength", index)
                )
            else:
                found = await _digested(context, str(action), index, one)
            target = str(context.value("dataPropertyName", index) or "data")
            json = put(one["json"], parts(target), found)
            return [{**one, "json": json, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


async def _digested(context: Context, action: str, index: int, one: Item) -> str:
    if action in ("hash", "hmac") and context.value("binaryData", index) is True:
        field = str(context.value("binaryPropertyName", index) or "data")
        data = await blobs.read(context, one, field)
    else:
        data = _bytes(context.value("value", index, _MISSING))
    if action == "hash":
        digest = _hash(context, index, data).digest()
    elif action == "hmac":
        secret = await _secret(context, "secret", index)
        digest = hmac.new(secret.encode(), data, _hash(context, index).name).digest()
    elif action == "sign":
        algorithm = str(context.value("algorithm", index) or "")
        digest = sign(data, await _secret(context, "privateKey", index), algorithm)
    else:
        raise NodeError(f"The action {action!r} is not there.")
    encoding = context.value("encoding", index)
    return base64.b64encode(digest).decode() if encoding == "base64" else digest.hex()


def _hash(context: Context, index: int, data: bytes = b"") -> Any:
    name = str(context.value("type", index) or "")
    try:
        return hashlib.new(name.lower().replace("sha3-", "sha3_"), data, usedforsecurity=False)
    except ValueError as error:
        raise NodeError(f"The hash {name!r} is not there.") from error


async def _secret(context: Context, name: str, index: int) -> str:
    """Return what the node's own field holds, else the credential."""
    found = context.value(name, index)
    if not found and context.node.credentials:
        kept = await context.credential("crypto")
        found = kept.values.get(KEPT[name])
        if not found:
            raise NodeError(f"The credential {kept.name!r} has no {KEPT[name]}.")
    return str(found or "")


def _bytes(value: Any) -> bytes:
    """Return a text's bytes; what is none fails in n8n's words (those of Node.js)."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if value is _MISSING or value is UNDEFINED:
        received = "undefined"
    elif value is None:
        received = "null"
    elif isinstance(value, bool):
        received = f"type boolean ({'true' if value else 'false'})"
    elif isinstance(value, int | float):
        received = f"type number ({value})"
    else:
        received = f"an instance of {'Array' if isinstance(value, list) else 'Object'}"
    raise NodeError(
        'The "data" argument must be of type string or an instance of Buffer, TypedArray, or '
        f"DataView. Received {received}"
    )


def generated(kind: str, length: Any) -> str:
    """Return a random text of a kind: uuid, or this many signs of ascii, base64 or hex."""
    if kind == "uuid":
        return str(uuid.uuid4())
    letters = {
        "hex": "0123456789abcdef",
        "base64": string.ascii_letters + string.digits,
        "ascii": "".join(map(chr, range(33, 127))),
    }.get(kind)
    if letters is None:
        raise NodeError(f"The type {kind!r} is not there.")
    try:
        count = int(length)
    except (TypeError, ValueError) as error:
        raise NodeError(f"The length {length!r} is no number.") from error
    if not 0 < count <= LONGEST:
        raise NodeError(f"The length must be between 1 and {LONGEST}.")
    return "".join(secrets.choice(letters) for _ in range(count))
