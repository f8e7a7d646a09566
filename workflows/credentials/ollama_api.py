"""Ollama: a host of models."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class OllamaApi(CredentialType):
    """A host of models."""

    key = "ollamaApi"
    label = "Ollama"
    signs = True
    fields = (
        text("baseUrl", "Base URL", "http://localhost:11434", required=True),
        text("apiKey", "API Key", secret=True, hint="Where a proxy before it asks for one."),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host."""
        return host_of(values.get("baseUrl"))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization, if there is a key."""
        key = values.get("apiKey")
        return Added({"authorization": f"Bearer {key}"} if key else {})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """List the models."""
        return Probe(joined(values["baseUrl"], "api/tags"))
