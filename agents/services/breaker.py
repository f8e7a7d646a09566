"""The circuit breaker of an agent: whoever fails call after call gets none for a while.

What counts is what the host did to calls (no connection, too slow, an answer that broke off, 5xx,
"too busy" at once), whatever its health checks say: a host that fails in a moment looks free and
would draw all the work. After the pause one call tries it (`Board` gives it one slot), once a cheap
question was answered; its first byte must come soon. Success closes the breaker, failure doubles
the pause and sends the call elsewhere.
"""

from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from agents.errors import AgentBusy, AgentFailed, AgentOffline, AgentSlow
from agents.live import tell
from agents.models import Agent, AgentModel, Health
from whoosh_site.core import tunables
from whoosh_site.core.errors import WhooshError

TRIPS_AFTER = 3
PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=5)
COUNTED = (AgentOffline, AgentSlow, AgentFailed, AgentBusy)
LOADS = 2.0
"""How many measured loads of its model a trial call waits for its first byte, if that is more."""

tunables.declare(
    tunables.Tunable(
        "trial_first_byte",
        30,
        "First byte of a trial call",
        "Seconds until a host that failed call after call must begin to answer the call that tries "
        "it, or twice as long as it took to load the model, if that is more. Else the call goes "
        "elsewhere.",
        1,
        300,
        "seconds",
    )
)


def on_trial(agent: Agent) -> bool:
    """Whether a call that goes there tries it: its breaker has not closed yet."""
    return agent.health.open_until is not None


def first_byte(agent: Agent, model: str) -> float:
    """Return the seconds within which a host on trial must begin to answer."""
    rows = AgentModel.objects.filter(agent=agent, model__name=model)
    load = rows.values_list("load_ms", flat=True).first() or 0.0
    return max(float(tunables.value("trial_first_byte")), LOADS * load / 1000)


def worked(agent: Agent) -> None:
    """Note that the host carried a call to its end; closes the breaker."""
    troubled = Q(call_failures__gt=0) | Q(open_until__isnull=False)
    if Health.objects.filter(troubled, agent=agent).update(call_failures=0, open_until=None):
        tell(agent)


def failed(agent: Agent, error: WhooshError) -> None:
    """Note that the host failed a call; the third in a row opens the breaker."""
    if not isinstance(error, COUNTED):
        return
    rows = Health.objects.filter(agent=agent)
    rows.update(call_failures=F("call_failures") + 1)
    failures = rows.values_list("call_failures", flat=True).first() or 0
    if failures >= TRIPS_AFTER:
        pause = min(PAUSE * 2 ** min(failures - TRIPS_AFTER, 10), LONGEST_PAUSE)
        rows.update(open_until=timezone.now() + pause)
        tell(agent)
