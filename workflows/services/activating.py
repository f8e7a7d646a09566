"""Workflows that run by themselves: activated, deactivated, archived."""

import logging

from django.db import IntegrityError, transaction
from django.db.models import Q

from whoosh_site.core import audit, leases
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Conflict
from whoosh_site.core.permissions import demand
from workflows.engine.node import Node
from workflows.live import tell
from workflows.models import Trigger, Workflow, WorkflowVersion
from workflows.services.clocks import wind
from workflows.services.linting import kinds
from workflows.services.listening import triggers_of

log = logging.getLogger(__name__)


def activate_workflow(
    workflow: Workflow, *, by: Actor, version: WorkflowVersion | None = None
) -> None:
    """Make a version the one that triggers run; the current one if none is named.

    Its triggers listen as soon as this is over, those of the version before no longer.

    Raises:
        Conflict: the workflow is archived, a trigger cannot work, or its address is taken.
    """
    demand(by, "workflow.change", [workflow.team_id])
    version = version or workflow.current
    triggers = triggers_of(workflow, version) if version else []
    try:
        with transaction.atomic():
            _activated(workflow, version, triggers, by)
    except IntegrityError:
        raise _taken(workflow, triggers) from None


def _activated(
    workflow: Workflow, version: WorkflowVersion | None, triggers: list[Trigger], by: Actor
) -> None:
    rows = Workflow.objects.filter(pk=workflow.pk, archived=False)
    if not rows.update(active=version):
        raise Conflict(f"{workflow} is archived; bring it back first.")
    wind(triggers, list(Trigger.objects.filter(workflow=workflow, test=False)))
    _silenced(workflow)
    Trigger.objects.bulk_create(triggers)
    workflow.active = version
    audit.record(by, "activated", workflow, {"version": version.number if version else 0})
    tell(workflow)
    leases.wake()


def listen_again() -> None:
    """Give active workflows without triggers theirs: a database of before there were any."""
    listen = [key for key, node in kinds().items() if _listens(node)]
    said = Q()
    for key in listen:
        said |= Q(active__text__contains=f'"{key}"')
    rows = Workflow.objects.filter(said, active__isnull=False, triggers=None)
    for workflow in rows.select_related("active"):
        try:
            triggers = triggers_of(workflow, workflow.active)
            with transaction.atomic():
                locked = Workflow.objects.select_for_update(no_key=True)
                mine = locked.filter(pk=workflow.pk, active=workflow.active_id)
                if mine.exists() and not workflow.triggers.exists():
                    wind(triggers, [])
                    Trigger.objects.bulk_create(triggers)
        except (Conflict, IntegrityError) as error:
            log.warning("%s cannot listen: %s. Activate it anew.", workflow, error)


def _listens(node: type[Node]) -> bool:
    return any("listeners" in one.__dict__ for one in node.__mro__ if one is not Node)


def _taken(workflow: Workflow, triggers: list[Trigger]) -> Conflict:
    """Return who listens at an address already, as far as the caller may know: not whose it is."""
    for one in triggers:
        others = Trigger.objects.filter(path=one.path, method=one.method, test=False)
        other = others.exclude(workflow=workflow).select_related("workflow").first()
        if one.path and other is not None:
            ours = other.workflow.team_id == workflow.team_id
            whose = f"{other.node} of {other.workflow}" if ours else "another team's workflow"
            words = f"{one.node}: {one.method} {one.address} belongs to {whose}."
            return Conflict(f"{words} Choose another path.", {"node": one.node})
    return Conflict(f"{workflow}: two of its nodes listen at the same address. Change one path.")


def _silenced(workflow: Workflow) -> None:
    Trigger.objects.filter(workflow=workflow, test=False).delete()


@transaction.atomic
def deactivate_workflow(workflow: Workflow, *, by: Actor) -> None:
    """Let no trigger run it any more."""
    demand(by, "workflow.change", [workflow.team_id])
    if Workflow.objects.filter(pk=workflow.pk, active__isnull=False).update(active=None):
        _silenced(workflow)
        workflow.active = None
        audit.record(by, "deactivated", workflow)
        tell(workflow)


@transaction.atomic
def archive_workflow(workflow: Workflow, *, by: Actor) -> None:
    """Take a workflow out of the list; it is no longer active."""
    demand(by, "workflow.change", [workflow.team_id])
    rows = Workflow.objects.filter(pk=workflow.pk, archived=False)
    if rows.update(archived=True, active=None):
        _silenced(workflow)
        workflow.archived, workflow.active = True, None
        audit.record(by, "archived", workflow)
        tell(workflow)
