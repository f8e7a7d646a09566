"""Postgres: rows of a PostgreSQL database."""

from typing import ClassVar

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import Field, flag, number
from workflows.nodes import shelf
from workflows.nodes.wires import rows
from workflows.nodes.wires.postgres import Session
from workflows.nodes.wires.reaching import place

QUOTED = "treatQueryParametersInSingleQuotesAsText"


@shelf.add
class Postgres(Node):
    """Read, write and delete rows, or run SQL with its values beside it."""

    key = "n8n-nodes-base.postgres"
    label = "Postgres"
    group = "Data"
    icon = "database"
    versions = (2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6)
    reaches_out = True
    credentials = ("postgres",)
    fields: ClassVar[tuple[Field, ...]] = (
        *rows.fields(schema=True, mapper_since=2.2),
        rows.options(
            flag("cascade", "Cascade"),
            flag("restartSequences", "Restart Sequences"),
            number("delayClosingIdleConnection", "Delay Closing Idle Connection"),
            flag(QUOTED, "Treat Query Parameters in Single Quotes as Text"),
        ),
    )  # fmt: skip
    unsupported = (
        Unsupported("options.delayClosingIdleConnection"),
        Unsupported(f"options.{QUOTED}"),
    )

    async def run(self, context: Context) -> Outputs:
        """Do what the items ask for over one connection."""
        if not context.items:
            return [[]]
        return [await Session(context, await place(context, "postgres", 5432)).items()]
