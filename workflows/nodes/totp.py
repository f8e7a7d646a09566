"""TOTP: one-time passwords that depend on the time (RFC 6238)."""

import base64
import binascii
import hmac
import struct
import time
from typing import Any, ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, number, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs

HASHES = ("SHA1", "SHA224", "SHA256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "SHA384", "SHA512")  # fmt: skip  # noqa: E501


@shelf.add
class Totp(Node):
    """Generate the password of this moment."""

    key = "n8n-nodes-base.totp"
    label = "TOTP"
    icon = "hourglass"
    varies = True  # it uses the clock
    chunks = True
    credentials = ("totpApi",)
    fields: ClassVar[tuple[Field, ...]] = (
        choice("operation", "Operation", {"generateSecret": "Generate Secret"}, "generateSecret"),
        text("secret", "Secret", secret=True, hint="Base32; empty: that of the credential."),
        collection(
            "options", "Options",
            choice("algorithm", "Algorithm", {name: name for name in HASHES}, "SHA1"),
            number("digits", "Digits", 6),
            number("period", "Period", 30, hint="Seconds a password is valid for."),
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Give each item's password and the seconds it still holds."""
        now = time.time()
        kept = ""
        if context.node.credentials:
            kept = str((await context.credential("totpApi")).values.get("secret") or "")

        async def work(index: int, one: Item) -> Items:
            secret = str(context.value("secret", index) or kept)
            if not secret:
                raise NodeError(
                    "The secret is missing.",
                    description="Choose a credential of the type totpApi, or give it in the field.",
                )
            options = context.value("options", index, {}) or {}
            token, left = password(
                secret, now, str(options.get("algorithm") or "SHA1"),
                _whole(options, "digits", 6, 1, 10), _whole(options, "period", 30, 1, 86_400),
            )  # fmt: skip
            found = {"token": token, "secondsRemaining": left}
            return [{"json": found, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


def _whole(options: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    try:
        found = int(options.get(name) or default)
    except (TypeError, ValueError) as error:
        raise NodeError(f"The option {name} is {options[name]!r}, which is no number.") from error
    if not least <= found <= most:
        raise NodeError(f"The option {name} must be between {least} and {most}.")
    return found


def password(
    secret: str, now: float, algorithm: str = "SHA1", digits: int = 6, period: int = 30
) -> tuple[str, int]:
    """Return the password of a moment (seconds since the epoch) and the seconds it still holds."""
    if algorithm not in HASHES:
        raise NodeError(f"The algorithm {algorithm!r} is not there.")
    words = "".join(secret.split()).replace("-", "").upper().rstrip("=")
    try:
        key = base64.b32decode(words + "=" * (-len(words) % 8))
    except binascii.Error as error:
        raise NodeError("The secret is no base32 text.") from error
    step = struct.pack(">Q", int(now // period))
    digest = hmac.new(key, step, algorithm.lower().replace("sha3-", "sha3_")).digest()
    place = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits), period - int(now) % period
