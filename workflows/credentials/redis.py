"""Redis: a Redis or Valkey server."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Server, Values, server_hosts
from workflows.engine.parameters import flag, number, text


@shelf.add
class Redis(CredentialType):
    """A Redis or Valkey server."""

    key = "redis"
    label = "Redis"
    fields = (
        text("password", "Password", secret=True),
        text("user", "User", hint="Leave it empty where only a password is asked for."),
        text("host", "Host", "localhost", required=True),
        number("port", "Port", 6379),
        number("database", "Database Number", 0),
        flag("ssl", "SSL", False),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return server_hosts(values)

    @classmethod
    def server(cls, values: Values) -> Server:
        """The server."""
        return Server(
            "redis", values["host"], int(values["port"]), values["user"], values["password"],
            bool(values["ssl"]),
        )  # fmt: skip
