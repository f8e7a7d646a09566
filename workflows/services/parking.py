"""Runs put away until a time has come, or somebody calls, answers or decides."""

from datetime import UTC, datetime
from typing import Any

from whoosh_site.core.leases import Lease
from workflows.engine.errors import Parked
from workflows.engine.run import Step
from workflows.models import Execution
from workflows.models.executions import NEVER, WAITING
from workflows.n8n.findings import storable
from workflows.services.approvals import APPROVAL, ask_approval

FOR = {"webhook": "for a call", "form": "for a form", APPROVAL: "for an approval"}


def park_execution(
    lease: Lease[Execution],
    execution: Execution,
    parked: Parked,
    woken: Step,
    part: int,
    **told: Any,
) -> None:
    """Put a run away, in the caller's transaction.

    `woken` is the step that waits, as it is when its time has come, and `part` where it is kept.
    """
    until = datetime.fromisoformat(parked.until) if parked.until else None
    words = [woken.node, "waits"]
    if parked.resume in FOR:
        words.append(FOR[parked.resume])
    if until is not None:
        words.append(f"until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    row = {"node": woken.node, "resume": parked.resume, "part": part}
    if parked.resume == APPROVAL:
        row["approval"] = ask_approval(execution, woken.node, parked.details, until).pk
    else:
        row |= parked.details
    trouble = storable(" ".join(words))
    lease.put_back(until or NEVER, state=WAITING, trouble=trouble, parked=row, deaths=0, **told)
