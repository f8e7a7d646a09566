"""Tests of triggers: their addresses listen for two minutes, for one call, on a person's word."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.permissions import demand
from workflows.inbound.refusals import Refusal
from workflows.live import tell
from workflows.models import Trigger, Workflow
from workflows.services.caught import Caught
from workflows.services.listening import triggers_of

SECONDS = 120
CALLED = (Trigger.Kind.WEBHOOK, Trigger.Kind.FORM, Trigger.Kind.CHAT)


def listen_for_test(workflow: Workflow, *, by: Actor) -> list[Trigger]:
    """Let the test addresses of the current version listen, for one call or `SECONDS`.

    Raises:
        BadInput: it has no node that is called.
        Conflict: a node cannot work like this, or another workflow is tested at its address.
    """
    demand(by, "execution.start", [workflow.team_id])
    version = workflow.current
    found = triggers_of(workflow, version) if version else []
    found = [one for one in found if one.kind in CALLED]
    if not found:
        raise BadInput(f"{workflow} has no node that is called: no webhook, form or chat.")
    now = timezone.now()
    for one in found:
        one.test, one.until, one.started_by = True, now + timedelta(seconds=SECONDS), by.user
    try:
        with transaction.atomic():
            Trigger.objects.filter(test=True, until__lte=now).delete()
            Trigger.objects.filter(test=True, workflow=workflow).delete()
            made = Trigger.objects.bulk_create(found)
            tell(workflow)
    except IntegrityError:
        raise Conflict(
            "Another workflow is tested at the same address. Wait two minutes, or change the path."
        ) from None
    return made


@transaction.atomic
def stop_test(workflow: Workflow, *, by: Actor) -> bool:
    """Let its test addresses listen no longer; False when none did."""
    demand(by, "execution.start", [workflow.team_id])
    gone, _ = Trigger.objects.filter(test=True, workflow=workflow).delete()
    if gone:
        tell(workflow)
    return bool(gone)


@transaction.atomic
def spend_test(caught: Caught) -> None:
    """Use up a test: of several calls at once, one is let in.

    Raises:
        Refusal: another call was first.
    """
    mine = Trigger.objects.filter(pk=caught.pk, test=True)
    if not mine.delete()[0]:
        raise Refusal(404, "The test was over: another call came first.")
    Trigger.objects.filter(test=True, workflow=caught.workflow).delete()
    tell(Workflow.objects.get(pk=caught.workflow))
