"""What every end of a call brings about."""

from django.db import transaction
from django.utils import timezone

from agents.live import tell_call
from agents.models import Agent, Call
from agents.models.calls import CANCELED, CallQuerySet
from agents.signals import call_ended
from whoosh_site.core import leases


def ended(call: Call, agent: Agent | None = None) -> None:
    """Tell of an end, in its transaction: to pages, to rooms above, and to who waits for a slot."""
    tell_end(call, agent)
    leases.wake()


def tell_end(call: Call, agent: Agent | None = None) -> None:
    """Tell of one of several ends; whoever tells of the last one wakes the runners."""
    tell_call(call, agent)
    call_ended.send(sender=Call, pk=call.pk, source=call.source)


@transaction.atomic
def withdraw(call: Call) -> bool:
    """End a call that still waits; False when an agent has it, or it has ended."""
    waiting = Call.objects.filter(pk=call.pk, state=leases.QUEUED)
    if not waiting.update(state=CANCELED, cancel_asked=True, finished_at=timezone.now()):
        return False
    ended(call)
    return True


def end_canceled(calls: CallQuerySet) -> None:
    """End those that came back to the queue after somebody had canceled them."""
    for call in calls.filter(state=leases.QUEUED, cancel_asked=True).defer(*Call.TEXTS):
        withdraw(call)
