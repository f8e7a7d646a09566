"""A workflow's name: one of a team has it."""

from typing import Any

from django.db import IntegrityError, transaction

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Conflict
from workflows.live import tell
from workflows.models import Workflow


def saved(workflow: Workflow, **how: Any) -> bool:
    """Save; False when the name is taken: the unique index decides."""
    taken = Workflow.objects.filter(team=workflow.team_id, name=workflow.name)
    if taken.exclude(pk=workflow.pk).exists():
        return False
    try:
        with transaction.atomic():
            workflow.save(**how)
    except IntegrityError:
        return False
    return True


def take_name(workflow: Workflow, name: str, *, by: Actor) -> None:
    """Put another name on the row. Raises Conflict when it is taken."""
    before, workflow.name = workflow.name, name
    if not saved(workflow, update_fields=["name"]):
        workflow.name = before
        raise Conflict(f"name: {workflow.team} has a workflow called {name!r} already.")
    audit.record(by, "renamed", workflow, {"from": before})
    tell(workflow)
