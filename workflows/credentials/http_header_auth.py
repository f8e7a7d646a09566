"""Header Auth: one header in every request."""

from collections.abc import Iterable

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Values
from workflows.engine.parameters import text


@shelf.add
class HttpHeaderAuth(CredentialType):
    """One header in every request."""

    key = "httpHeaderAuth"
    label = "Header Auth"
    signs = True
    fields = (
        text("name", "Name", required=True, hint="Of the header, such as X-Api-Key."),
        text("value", "Value", required=True, secret=True),
    )

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header."""
        return Added({str(values["name"]).lower(): str(values["value"])})

    @classmethod
    def texts(cls, values: Values) -> Iterable[str]:
        """The value without the word before it, such as Bearer."""
        return str(values.get("value", "")).split(" ")[1:]
