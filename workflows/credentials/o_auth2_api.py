"""OAuth2: any provider."""

from workflows.credentials import shelf
from workflows.credentials.base import Values
from workflows.credentials.oauth2 import CLIENT, CODE, PKCE, OAuth2
from workflows.engine.parameters import choice, text

_ASKED = {"grantType": [CODE, PKCE]}


@shelf.add
class OAuth2Api(OAuth2):
    """A token of any OAuth2 provider: for a person who says yes, or for the client itself."""

    key = "oAuth2Api"
    label = "OAuth2"
    fields = (
        choice(
            "grantType", "Grant Type",
            {CODE: "Authorization Code", CLIENT: "Client Credentials", PKCE: "PKCE"}, CODE,
        ),
        text("authUrl", "Authorization URL", required=True, when=_ASKED),
        text("accessTokenUrl", "Access Token URL", required=True),
        text("clientId", "Client ID", required=True),
        text("clientSecret", "Client Secret", secret=True, hint="A public client has none."),
        text("scope", "Scope", hint="With spaces between them."),
        text("authQueryParameters", "Auth URI Query Parameters", when=_ASKED, hint="Such as access_type=offline."),  # noqa: E501
        choice("authentication", "Authentication", {"header": "Header", "body": "Body"}, "header"),
    )  # fmt: skip

    @classmethod
    def problem(cls, values: Values) -> tuple[str, str] | None:
        """Addresses must be some."""
        for name in ("authUrl", "accessTokenUrl"):
            given = str(values.get(name) or "")
            if given and not given.startswith(("https://", "http://")):
                return name, "Give an address that begins with https://."
        return None
