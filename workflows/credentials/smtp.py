"""SMTP: a server that sends mail."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Server, Values, server_hosts
from workflows.engine.parameters import flag, number, text


@shelf.add
class Smtp(CredentialType):
    """A server that sends mail."""

    key = "smtp"
    label = "SMTP"
    fields = (
        text("user", "User"),
        text("password", "Password", secret=True),
        text("host", "Host", required=True),
        number("port", "Port", 465),
        flag("secure", "SSL/TLS", True, hint="From the first byte on."),
        flag("disableStartTls", "Disable STARTTLS", False, when={"secure": [False]}),
        text("hostName", "Client Host Name", hint="What the server is told of this machine."),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return server_hosts(values)

    @classmethod
    def server(cls, values: Values) -> Server:
        """The server."""
        return Server(
            "smtp", values["host"], int(values["port"]), values["user"], values["password"],
            bool(values["secure"]),
            {"starttls": not values.get("disableStartTls"), "name": values["hostName"]},
        )  # fmt: skip
