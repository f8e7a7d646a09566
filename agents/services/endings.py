"""What every end of a call brings about."""

from agents.live import tell_call
from agents.models import Agent, Call
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
