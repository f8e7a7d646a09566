"""Slack by OAuth2."""

from workflows.credentials import shelf
from workflows.credentials.base import Probe, Values
from workflows.credentials.oauth2 import OAuth2
from workflows.credentials.slack_api import HOSTS, complaint
from workflows.engine.parameters import text


@shelf.add
class SlackOAuth2Api(OAuth2):
    """A token of Slack that somebody says yes to."""

    key = "slackOAuth2Api"
    label = "Slack OAuth2"
    auth_url = "https://slack.com/oauth/v2/authorize"
    token_url = "https://slack.com/api/oauth.v2.access"  # noqa: S105 - an address
    fields = (
        text("clientId", "Client ID", required=True),
        text("clientSecret", "Client Secret", secret=True, required=True),
        text("scope", "Scope", "channels:read,chat:write,files:write,users:read"),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """Slack's own."""
        return HOSTS

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask whose token it is."""
        return Probe("https://slack.com/api/auth.test", complaint=complaint)
