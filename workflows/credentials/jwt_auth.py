"""JWT Auth: what tokens are signed and checked with."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType
from workflows.engine.parameters import choice, text

ALGORITHMS = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
    "PS256", "PS384", "PS512",
)  # fmt: skip
_PEM = {"keyType": ["pemKey"]}


@shelf.add
class JwtAuth(CredentialType):
    """What tokens of the JWT node are signed and checked with; it is sent nowhere."""

    key = "jwtAuth"
    label = "JWT Auth"
    stays = True
    fields = (
        choice("keyType", "Key Type", {"passphrase": "Passphrase", "pemKey": "PEM Key"}, "passphrase"),  # noqa: E501
        text("secret", "Secret", secret=True, required=True, when={"keyType": ["passphrase"]}),
        text("privateKey", "Private Key", secret=True, when=_PEM, language="pem"),
        text("publicKey", "Public Key", when=_PEM, language="pem"),
        choice("algorithm", "Algorithm", {name: name for name in ALGORITHMS}, "HS256"),
    )  # fmt: skip
