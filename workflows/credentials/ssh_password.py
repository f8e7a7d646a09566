"""SSH Password: a machine one signs in to with a password."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Values, server_hosts
from workflows.engine.parameters import number, text


@shelf.add
class SshPassword(CredentialType):
    """A machine one signs in to with a password."""

    key = "sshPassword"
    label = "SSH Password"
    fields = (
        text("host", "Host", "localhost", required=True),
        number("port", "Port", 22),
        text("username", "Username", required=True),
        text("password", "Password", secret=True, required=True),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The machine."""
        return server_hosts(values)
