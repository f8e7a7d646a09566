"""Telegram: a bot."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class TelegramApi(CredentialType):
    """A bot. Its token stands in the address, so requests cannot be signed with it."""

    key = "telegramApi"
    label = "Telegram"
    fields = (
        text("accessToken", "Access Token", secret=True, required=True),
        text("baseUrl", "Base URL", "https://api.telegram.org"),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The host."""
        return host_of(values.get("baseUrl"))

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask who the bot is."""
        return Probe(joined(values["baseUrl"], f"bot{values['accessToken']}/getMe"))
