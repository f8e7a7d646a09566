"""GitHub: an access token."""

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Probe, Values, host_of, joined
from workflows.engine.parameters import text


@shelf.add
class GithubApi(CredentialType):
    """An access token of GitHub, or of a server of one's own."""

    key = "githubApi"
    label = "GitHub"
    signs = True
    fields = (
        text("server", "GitHub Server", "https://api.github.com"),
        text("user", "User"),
        text("accessToken", "Access Token", secret=True, required=True),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return host_of(values.get("server"))

    @classmethod
    def added(cls, values: Values) -> Added:
        """The header Authorization."""
        return Added({"authorization": f"token {values['accessToken']}"})

    @classmethod
    def probe(cls, values: Values) -> Probe:
        """Ask whose token it is."""
        return Probe(joined(values["server"], "user"))
