"""Crypto: what the Crypto node signs with."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType
from workflows.engine.parameters import text


@shelf.add
class Crypto(CredentialType):
    """What the Crypto node signs with; it is sent nowhere."""

    key = "crypto"
    label = "Crypto"
    stays = True
    fields = (
        text("hmacSecret", "Hmac Secret", secret=True),
        text("signPrivateKey", "Private Key", secret=True, language="pem", hint="In PEM form."),
    )
