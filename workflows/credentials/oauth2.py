"""OAuth2: what its credential types share. Tokens are fetched and kept by the room's services."""

from typing import ClassVar

from workflows.credentials.base import Added, CredentialType, Values, host_of

CODE, CLIENT, PKCE = "authorizationCode", "clientCredentials", "pkce"
TOKEN = "accessToken"  # noqa: S105 - the name of a value
"""What a token is called among the values of a credential that is lent to a run."""


class OAuth2(CredentialType):
    """A token that is fetched with the client's own secret, and renewed when it ends."""

    signs = True
    auth_url: ClassVar[str] = ""  # where a type's own are, they need not be entered
    token_url: ClassVar[str] = ""

    @classmethod
    def grant(cls, values: Values) -> str:
        """Return how a token is got: authorizationCode, clientCredentials or pkce."""
        return str(values.get("grantType") or CODE)

    @classmethod
    def addresses(cls, values: Values) -> tuple[str, str]:
        """Return where people say yes, and where tokens come from."""
        authorize = cls.auth_url or str(values.get("authUrl") or "")
        return authorize, cls.token_url or str(values.get("accessTokenUrl") or "")

    @classmethod
    def goes_to(cls, values: Values) -> tuple[str, ...]:
        """The client's secret and refresh tokens go to where tokens come from."""
        return (*cls.hosts_of(values), *host_of(cls.addresses(values)[1]))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"Bearer {values[TOKEN]}"})
