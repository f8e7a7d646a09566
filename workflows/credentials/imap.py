"""IMAP: a server that holds mail."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Server, Values, server_hosts
from workflows.engine.parameters import flag, number, text


@shelf.add
class Imap(CredentialType):
    """A server that holds mail."""

    key = "imap"
    label = "IMAP"
    fields = (
        text("user", "User", required=True),
        text("password", "Password", secret=True, required=True),
        text("host", "Host", required=True),
        number("port", "Port", 993),
        flag("secure", "SSL/TLS", True),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return server_hosts(values)

    @classmethod
    def server(cls, values: Values) -> Server:
        """The server."""
        return Server(
            "imap", values["host"], int(values["port"]), values["user"], values["password"],
            bool(values["secure"]),
        )  # fmt: skip
