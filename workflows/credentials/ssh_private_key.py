"""SSH Private Key: a machine one signs in to with a key."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Values, server_hosts
from workflows.engine.parameters import number, text


@shelf.add
class SshPrivateKey(CredentialType):
    """A machine one signs in to with a key."""

    key = "sshPrivateKey"
    label = "SSH Private Key"
    fields = (
        text("host", "Host", "localhost", required=True),
        number("port", "Port", 22),
        text("username", "Username", required=True),
        text("privateKey", "Private Key", secret=True, required=True, language="pem"),
        text("passphrase", "Passphrase", secret=True, hint="Where the key has one."),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The machine."""
        return server_hosts(values)
