"""Discord: the address of a channel's webhook, which is a secret itself."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Probe, Values, host_of
from workflows.engine.parameters import text


@shelf.add
class DiscordWebhookApi(CredentialType):
    """The address of a channel's webhook, which is a secret itself."""

    key = "discordWebhookApi"
    label = "Discord Webhook"
    fields = (text("webhookUri", "Webhook URL", secret=True, required=True),)

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host of the address."""
        return host_of(values.get("webhookUri"))

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask what the webhook is."""
        return Probe(str(values["webhookUri"]))
