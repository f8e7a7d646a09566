"""Slack: an access token."""

from typing import Any

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values
from workflows.engine.parameters import text

HOSTS = ("slack.com", "files.slack.com")


def complaint(answer: Any) -> str:
    """Return what Slack complains of: it answers 200 all the same."""
    if not isinstance(answer, dict):
        return "the answer is no JSON"
    return "" if answer.get("ok") else str(answer.get("error") or "it says no")


@shelf.add
class SlackApi(CredentialType):
    """An access token of Slack."""

    key = "slackApi"
    label = "Slack"
    signs = True
    fields = (
        text("accessToken", "Access Token", secret=True, required=True),
        text("signatureSecret", "Signature Secret", secret=True, hint="Of calls from Slack."),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """Slack's own."""
        return HOSTS

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"Bearer {values['accessToken']}"})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask whose token it is."""
        return Probe("https://slack.com/api/auth.test", complaint=complaint)
