"""Customer Datastore (n8n training)."""

from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, flag, number
from workflows.nodes import shelf

ALL, ONE = "getAllPeople", "getOnePerson"


def _person(
    number: int, name: str, email: str, notes: str, country: str | None, created: str
) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": name,
        "email": email,
        "notes": notes,
        "country": country,
        "created": created,
    }


PEOPLE = (
    _person(41001, "Ada Brook", "ada@brook.example", "Reads the manual", "UK", "1843-12-10"),
    _person(41002, "Luis Prado", "luis@prado.example", "Pays on the day", "MX", "1990-10-11"),
    _person(41003, "Mina Holm", "mina@holm.example", "Wants invoices twice", "NO", "1969-07-20"),
    _person(41004, "Omar Said", "omar@said.example", "Moves often", None, "2001-01-15"),
    _person(41005, "Tess Wright", "tess@wright.example", "Prefers the phone", "US", "1903-12-17"),
)


@shelf.add
class TrainingCustomerDatastore(Node):
    """Give sample customers to practise with; made up, and always the same."""

    key = "n8n-nodes-base.n8nTrainingCustomerDatastore"
    label = "Customer Datastore (n8n training)"
    group = "Practice"
    icon = "users"
    hint = "Made-up customers to practise with"
    fields = (
        choice("operation", "Operation", {ALL: "Get All People", ONE: "Get One Person"}, ONE),
        flag("returnAll", "Return All", when={"operation": [ALL]}),
        number("limit", "Limit", 5, when={"operation": [ALL], "returnAll": [False]}),
    )

    async def run(self, context: Context) -> Outputs:
        """Give customers for each item that came in."""
        made: Items = []
        for index, _ in context.each():
            made += [
                {"json": dict(person), "pairedItem": {"item": index}}
                for person in _chosen(context, index)
            ]
        return [made]


def _chosen(context: Context, index: int) -> tuple[dict[str, Any], ...]:
    if context.value("operation", index, ONE) == ONE:
        return PEOPLE[:1]
    if context.value("returnAll", index, False):
        return PEOPLE
    limit = context.value("limit", index, 5)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0:
        raise NodeError(f"'Limit' must be a number of at least 0, not {limit!r}", item=index)
    return PEOPLE[: int(limit)]
