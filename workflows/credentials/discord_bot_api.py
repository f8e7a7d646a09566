"""Discord: a bot."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values
from workflows.engine.parameters import text


@shelf.add
class DiscordBotApi(CredentialType):
    """A bot of Discord."""

    key = "discordBotApi"
    label = "Discord Bot"
    signs = True
    fields = (text("botToken", "Bot Token", secret=True, required=True),)

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """Discord's own."""
        return ("discord.com",)

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"Bot {values['botToken']}"})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask who the bot is."""
        return Probe("https://discord.com/api/v10/users/@me")
