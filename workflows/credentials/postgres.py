"""Postgres: a PostgreSQL database."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Server, Values, server_hosts
from workflows.engine.parameters import choice, number, text

MODES = {"disable": "Disable", "allow": "Allow", "require": "Require"}


@shelf.add
class Postgres(CredentialType):
    """A PostgreSQL database."""

    key = "postgres"
    label = "Postgres"
    fields = (
        text("host", "Host", "localhost", required=True),
        text("database", "Database", "postgres", required=True),
        text("user", "User", "postgres", required=True),
        text("password", "Password", secret=True),
        number("port", "Port", 5432),
        choice("ssl", "SSL", MODES, "disable"),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return server_hosts(values)

    @classmethod
    def server(cls, values: Values) -> Server:
        """The server."""
        return Server(
            "postgres", values["host"], int(values["port"]), values["user"], values["password"],
            options={"database": values["database"], "sslmode": values["ssl"]},
        )  # fmt: skip
