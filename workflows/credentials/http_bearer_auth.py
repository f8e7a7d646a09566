"""Bearer Auth: a token in every request."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Values
from workflows.engine.parameters import text


@shelf.add
class HttpBearerAuth(CredentialType):
    """A token in every request."""

    key = "httpBearerAuth"
    label = "Bearer Auth"
    signs = True
    fields = (text("token", "Bearer Token", required=True, secret=True),)

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"Bearer {values['token']}"})
