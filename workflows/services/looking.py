"""Looks: runs of triggers that ask whether there is something new, before anything else runs.

A look is the first half of a run. When it found something, its items and how far it has seen are
written together, and the run goes on from them like one that was cut off. So what was seen is
neither lost nor seen again, whatever becomes of the rest.
"""

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from whoosh_site.core import leases
from whoosh_site.core.leases import Lease
from workflows.execute import Outcome
from workflows.live import tell_execution
from workflows.models import Execution, KeptSteps, Pieces, Trigger
from workflows.models.executions import SUCCESS
from workflows.n8n.findings import storable
from workflows.services.statics import began_with_a_look, keep_static


def looks(execution: Execution, saved: Collection[Any]) -> bool:
    """Say whether a run is to begin with a look: that of a trigger which has not seen anything."""
    return not saved and began_with_a_look(execution)


def looked(lease: Lease[Execution], execution: Execution, outcome: Outcome) -> bool:
    """Write what a look found, in the caller's transaction; False when the run ends like any other.

    A look that found nothing leaves no run behind, nor does one that fails as the last one did;
    one that somebody asked for again stays.
    """
    if not lease.write(nodes=[]):  # another attempt owns it by now, and writes what it sees itself
        return True
    rows = Trigger.objects.filter(
        workflow=execution.workflow_id, node=execution.start_node, kind=Trigger.Kind.POLL
    )
    asked_for_by_nobody = execution.source == Execution.Source.POLL
    trouble = storable(str((outcome.error or {}).get("message", "")))
    if outcome.status == SUCCESS and (trouble := keep_static(execution, outcome.static)):
        outcome.status = Execution.State.ERROR
        outcome.error = {"message": trouble, "node": execution.start_node}
    if outcome.status != SUCCESS:
        if asked_for_by_nobody and rows.filter(trouble=trouble).exists():
            _forgotten(lease)
            return True
        rows.update(trouble=trouble)
        return False
    rows.exclude(trouble="").update(trouble="")
    if outcome.last_items:
        _goes_on(lease, execution, outcome)
        return True
    if asked_for_by_nobody:
        _forgotten(lease)
    return asked_for_by_nobody


def _forgotten(lease: Lease[Execution]) -> None:
    Execution.objects.filter(**lease.fence).delete()


def _goes_on(lease: Lease[Execution], execution: Execution, outcome: Outcome) -> None:
    if lease.put_back(timezone.now()):
        kept = KeptSteps(execution.pk)
        kept.add(Pieces(outcome.steps), kept.next_number)
        tell_execution(execution)
        leases.wake()
