"""MySQL: a MySQL or MariaDB database."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType, Values, server_hosts
from workflows.engine.parameters import flag, number, text


@shelf.add
class MySql(CredentialType):
    """A MySQL or MariaDB database."""

    key = "mySql"
    label = "MySQL"
    fields = (
        text("host", "Host", "localhost", required=True),
        text("database", "Database", "mysql", required=True),
        text("user", "User", "mysql", required=True),
        text("password", "Password", secret=True),
        number("port", "Port", 3306),
        flag("ssl", "SSL", False),
    )

    @classmethod
    def hosts_of(cls, values: Values) -> tuple[str, ...]:
        """The server."""
        return server_hosts(values)
