"""n8n: the public API of another installation."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class N8nApi(CredentialType):
    """The public API of an n8n installation."""

    key = "n8nApi"
    label = "n8n"
    signs = True
    fields = (
        text("apiKey", "API Key", secret=True, required=True),
        text("baseUrl", "Base URL", required=True, hint="Such as https://n8n.example/api/v1."),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host."""
        return host_of(values.get("baseUrl"))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header X-N8N-API-KEY."""
        return Added({"x-n8n-api-key": str(values["apiKey"])})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """List one workflow."""
        return Probe(joined(values["baseUrl"], "workflows?limit=1"))
