"""Query Auth: one parameter in the address of every request."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Values
from workflows.engine.parameters import text


@shelf.add
class HttpQueryAuth(CredentialType):
    """One parameter in the address of every request."""

    key = "httpQueryAuth"
    label = "Query Auth"
    hint = "Addresses stand in the logs of servers: prefer a header where there is one."
    signs = True
    fields = (
        text("name", "Name", required=True, hint="Of the parameter."),
        text("value", "Value", required=True, secret=True),
    )

    @classmethod
    def added(cls, values: Values) -> Added:
        """The parameter."""
        return Added(query={str(values["name"]): str(values["value"])})
