"""Wait for Approval: a person says yes or no before the run goes on."""

from workflows.engine.conversion import text as as_text
from workflows.engine.errors import NodeError, Parked
from workflows.engine.items import Item, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, flag, text
from workflows.nodes import shelf
from workflows.nodes.flow import waiting
from workflows.nodes.flow.wait_fields import LIMIT

DECIDERS = {
    "editors": "Editors of the Team",
    "owners": "Owners of the Team",
    "users": "These People",
}
NOBODY = {"decision": "expired", "by": None, "at": None, "comment": ""}


@shelf.add
class WaitForApproval(Node):
    """Ask a person about the items. The run waits until somebody has approved or rejected."""

    key = "whoosh.waitForApproval"
    label = "Wait for Approval"
    group = "Flow"
    icon = "circle-check"
    hint = "The items go on with `approval`: decision, by, at and comment."
    output_names = ("Approved", "Rejected")
    only_first = True
    reaches_out = True
    fields = (
        text("question", "Question", required=True, hint="What somebody has to decide."),
        text("text", "Details", hint="Markdown; shown below the question."),
        choice("deciders", "Who May Decide", DECIDERS, "editors"),
        text(
            "users", "People", when={"deciders": ["users"]}, required=True,
            hint="User names, with commas between them.",
        ),
        flag(
            "requesterMay", "Whoever Started the Run May Decide",
            hint="Otherwise somebody else has to.",
        ),
        *LIMIT,
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Park the run; when nobody answers in time, the items go to Rejected as expired."""
        question = as_text(context.value("question")).strip()
        if not question:
            raise NodeError("Question is empty: say what somebody has to decide.")
        deciders = context.value("deciders")
        if deciders not in DECIDERS:
            raise NodeError(f"Who May Decide is {as_text(deciders)!r}: choose one of the list.")
        users = [one.strip() for one in as_text(context.value("users") or "").split(",")]
        users = [one for one in users if one] if deciders == "users" else []
        if deciders == "users" and not users:
            raise NodeError("People is empty: name at least one who may decide.")
        raise Parked(
            until=waiting.limit(context),
            resume="approval",
            outputs=[[], [_expired(one, place) for place, one in enumerate(context.items)]],
            details={
                "question": question,
                "text": as_text(context.value("text") or ""),
                "deciders": deciders,
                "users": users,
                "about": [one["json"] for one in context.items],
                "requester_may": context.value("requesterMay") is True,
            },
        )


def _expired(one: Item, place: int) -> Item:
    return {**one, "json": {**one["json"], "approval": NOBODY}, "pairedItem": {"item": place}}
