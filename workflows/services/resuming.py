"""Runs that wait for a call, an answer or another run: gone on with, exactly once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from whoosh_site.core import leases
from whoosh_site.core.leases import QUEUED
from workflows.engine.items import Outputs
from workflows.engine.run import Step
from workflows.live import tell_execution
from workflows.models import Execution, KeptSteps, Pieces
from workflows.models.executions import WAITING


@transaction.atomic
def resume_execution(
    pk: int, resume: str, outputs: Outputs | Callable[[Step], Outputs] | None = None
) -> Execution | None:
    """Let a waiting run go on; None when it does not wait for this (any more).

    Args:
        pk: the execution.
        resume: what it has to wait for: the `resume` its node parked with.
        outputs: what the waiting node gives, by output, or what makes it of the step that waits;
            what the node said when it parked if left out.
    """
    found = Execution.objects.select_for_update().filter(pk=pk, state=WAITING).first()
    if found is None or found.parked.get("resume") != resume:
        return None
    if outputs is not None:
        _give(found, outputs)
    found.state, found.due_at, found.trouble, found.parked = QUEUED, timezone.now(), "", {}
    found.save(update_fields=["state", "due_at", "trouble", "parked"])
    tell_execution(found)
    leases.wake()
    return found


def _give(execution: Execution, outputs: Outputs | Callable[[Step], Outputs]) -> None:
    part: Any = execution.parked["part"]
    kept = KeptSteps(execution.pk)
    waits = next(kept.steps(part))
    woken = replace(waits, outputs=outputs(waits) if callable(outputs) else outputs)
    kept.cut(part)
    kept.add(Pieces([woken]), part)
