"""Basic Auth: a user and a password in every request."""

from collections.abc import Iterable

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Values, basic
from workflows.engine.parameters import text


@shelf.add
class HttpBasicAuth(CredentialType):
    """A user and a password in every request."""

    key = "httpBasicAuth"
    label = "Basic Auth"
    signs = True
    fields = (text("user", "User"), text("password", "Password", secret=True))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"Basic {_pair(values)}"})

    @classmethod
    def texts(cls, values: Values) -> Iterable[str]:
        """User and password as they are sent."""
        return (_pair(values),)


def _pair(values: Values) -> str:
    return basic(values.get("user", ""), values.get("password", ""))
