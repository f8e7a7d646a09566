"""Anthropic."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class AnthropicApi(CredentialType):
    """Anthropic's models."""

    key = "anthropicApi"
    label = "Anthropic"
    signs = True
    fields = (
        text("apiKey", "API Key", secret=True, required=True),
        text("url", "Base URL", "https://api.anthropic.com"),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host."""
        return host_of(values.get("url"))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header x-api-key."""
        return Added({"x-api-key": str(values["apiKey"])})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """List the models."""
        return Probe(joined(values["url"], "v1/models"), {"anthropic-version": "2023-06-01"})
