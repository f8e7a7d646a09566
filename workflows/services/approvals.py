"""Approvals: asked for by a run, decided once, and what follows."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.permissions import demand
from workflows.engine.items import Item, Outputs
from workflows.engine.run import Step
from workflows.engine.values import dumps
from workflows.live import tell_approval
from workflows.models import Approval, Execution
from workflows.n8n.findings import storable
from workflows.services.resuming import resume_execution

APPROVAL = "approval"
"""What a run waits for that asked a question."""
LONGEST_QUESTION, LONGEST_TEXT, LONGEST_DATA, LONGEST_COMMENT = 300, 20_000, 64 * 1024, 2000
State = Approval.State


def ask_approval(
    execution: Execution, node: str, asked: Mapping[str, Any], until: datetime | None
) -> Approval:
    """Write down what a run asks, in the transaction that lets it wait.

    `asked` is what the node parked with: `question`, `text`, `about` (the items), `deciders`,
    `users` and `requester_may`.
    """
    question = storable(str(asked["question"]))[:LONGEST_QUESTION]
    text = storable(str(asked["text"]))[:LONGEST_TEXT]
    about = dumps(asked["about"])
    whole = dumps([question, text]) + about
    approval = Approval.objects.create(
        team_id=execution.team_id,
        execution=execution,
        node=storable(node)[:200],
        question=question,
        text=text,
        data=storable(about.decode())[:LONGEST_DATA],
        digest=hashlib.sha256(whole).hexdigest(),
        deciders=asked["deciders"],
        users=asked["users"],
        requester_id=execution.started_by_id,
        requester_may=asked["requester_may"],
        expires_at=until,
    )
    tell_approval(approval)
    return approval


def vet_decider(approval: Approval, by: Actor) -> None:
    """Raise Forbidden, saying why, when it is not this actor's to decide."""
    demand(by, "approval.decide", [approval.team_id])
    if by.user is None or (said := approval.refusal_of(by.user)):
        raise Forbidden(said if by.user else "Only a person decides.")


@transaction.atomic
def decide_approval(
    approval: Approval, approve: bool, *, digest: str, by: Actor, comment: str = ""
) -> Approval:
    """Approve or reject, once; the run that asked goes on.

    Args:
        approval: the question.
        approve: yes or no.
        digest: of what was seen when this was decided.
        by: a person who may.
        comment: why.

    Raises:
        Forbidden: this person may not decide it.
        Conflict: it is decided, expired or withdrawn, or it is about something else than was seen.
    """
    vet_decider(approval, by)
    if len(comment) > LONGEST_COMMENT:
        raise BadInput(f"comment: at most {LONGEST_COMMENT} characters.")
    if digest != approval.digest:
        raise Conflict("This is about something else than you saw. Look at it again, then decide.")
    state, now = State.APPROVED if approve else State.REJECTED, timezone.now()
    mine = Approval.objects.open().filter(pk=approval.pk)
    if not mine.update(state=state, decided_by=by.user, decided_at=now, comment=storable(comment)):
        approval.refresh_from_db()
        raise Conflict(_over(approval), {"state": approval.shown_state})
    approval.refresh_from_db()

    def given(step: Step) -> Outputs:
        items = [_told(one, approval) for one in _items(step)]
        return [items, []] if approve else [[], items]

    if resume_execution(approval.execution_id, APPROVAL, given) is None:
        raise Conflict("The run does not wait for this any more.")
    audit.record(by, state.value, approval, {"digest": digest, "comment": comment[:200]})
    tell_approval(approval)
    return approval


def withdraw_approvals(execution: Execution) -> None:
    """End the open questions of a run that does not wait for their answers any more."""
    for approval in Approval.objects.filter(execution=execution, state=State.PENDING):
        mine = Approval.objects.filter(pk=approval.pk, state=State.PENDING)
        if mine.update(state=State.WITHDRAWN):
            tell_approval(approval)


def expire_approvals() -> None:
    """Write down which questions nobody answered in time."""
    late = Approval.objects.filter(state=State.PENDING, expires_at__lte=timezone.now())
    for approval in late[:500]:
        if Approval.objects.filter(pk=approval.pk, state=State.PENDING).update(state=State.EXPIRED):
            tell_approval(approval)


def _items(step: Step) -> list[Item]:
    """Return what a question is about: the node says them as what it gives when nobody answers."""
    return list(step.outputs[1] or ())


def _told(one: Item, approval: Approval) -> Item:
    by = approval.decided_by
    decision = {
        "decision": approval.state,
        "by": by.get_username() if by else None,
        "at": approval.decided_at.isoformat() if approval.decided_at else None,
        "comment": approval.comment,
    }
    return {**one, "json": {**one["json"], "approval": decision}}


def _over(approval: Approval) -> str:
    if approval.decided_by is not None:
        return f"{approval.decided_by} has {approval.shown_label.lower()} this already."
    return f"This can not be decided any more: it is {approval.shown_label.lower()}."
