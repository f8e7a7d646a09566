"""OpenAI, and hosts that speak as it does."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class OpenAiApi(CredentialType):
    """OpenAI, and hosts that speak as it does."""

    key = "openAiApi"
    label = "OpenAI"
    signs = True
    fields = (
        text("apiKey", "API Key", secret=True, required=True),
        text("organizationId", "Organization ID"),
        text("url", "Base URL", "https://api.openai.com/v1"),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host."""
        return host_of(values.get("url"))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The headers Authorization and OpenAI-Organization."""
        headers = {"authorization": f"Bearer {values['apiKey']}"}
        if values.get("organizationId"):
            headers["openai-organization"] = str(values["organizationId"])
        return Added(headers)

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """List the models."""
        return Probe(joined(values["url"], "models"))
