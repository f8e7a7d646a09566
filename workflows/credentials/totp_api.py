"""TOTP: the secret one-time passwords are made of."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType
from workflows.engine.parameters import text


@shelf.add
class TotpApi(CredentialType):
    """The secret one-time passwords are made of; it is sent nowhere."""

    key = "totpApi"
    label = "TOTP"
    stays = True
    fields = (
        text("secret", "Secret", secret=True, required=True, hint="Base32, as the QR code has it."),
        text("label", "Label", hint="Such as GitHub:name."),
    )
