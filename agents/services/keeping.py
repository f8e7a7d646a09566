"""How long models stay in the memory of hosts: what goes with every call, and pins."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from agents.live import tell
from agents.models import Agent, AgentModel, Call, Health, ModelJob
from agents.models.registry import KEEP_RULE
from agents.services.health import check_soon
from agents.services.managing import start_jobs, verbs_of, vet_host
from whoosh_site.core import audit
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.permissions import demand

Verb = ModelJob.Verb
REPEATS_WITHIN = timedelta(days=1)
FIRST_PAUSE, MOST_DOUBLINGS = timedelta(minutes=1), 6


def kept_at(agent: Agent, model: str) -> str | int | None:
    """Return the keep_alive that goes with every call to a model there; None as the host likes."""
    row = AgentModel.objects.filter(agent=agent, model__name=model).first()
    return row.kept if row is not None else None


@transaction.atomic
def keep_model(
    held: AgentModel, *, by: Actor, keep_alive: str | None = None, pinned: bool | None = None
) -> bool:
    """Say how long a model stays in a host's memory; returns whether that changed anything.

    A model in memory is told the host at once; a pinned one that is not there is loaded as soon as
    the host has nothing else to do.

    Raises:
        Forbidden: the caller does not own the host's team.
        BadInput: no such time, or the host leaves memory to nobody.
    """
    agent = held.agent
    demand(by, "model.manage", [agent.team_id])
    vet_host(Verb.LOAD, agent)
    wanted = {"keep_alive": keep_alive, "pinned": pinned}
    news = {k: v for k, v in wanted.items() if v is not None and v != getattr(held, k)}
    if not news:
        return False
    _vet_keep(news.get("keep_alive", ""))
    AgentModel.objects.filter(pk=held.pk).update(**news)
    for name, value in news.items():
        setattr(held, name, value)
    model = {"model": held.model.name}
    audit.record(by, "changed keeping on", agent, model | news)
    tell(agent)
    if held.resident and held.kept is not None and not _busy_with(held):
        start_jobs(Verb.LOAD, held.model.name, [agent], by=by)
    elif held.pinned:
        check_soon(agent)
    return True


def _vet_keep(text: object) -> None:
    try:
        KEEP_RULE(str(text))
    except ValidationError as error:
        raise BadInput(f"keep_alive: {error.message}") from error


def _busy_with(held: AgentModel) -> bool:
    return ModelJob.objects.open().filter(agent=held.agent, model_name=held.model.name).exists()


def hold_pinned(health_id: int) -> None:
    """Start loading a pinned model that is not in memory, on a host that has nothing else to do.

    One at a time, and the sooner it was lost again the later: pinned models that do not fit beside
    each other must not drive each other out all day.
    """
    rows = AgentModel.objects.filter(agent__health=health_id, pinned=True, resident=False)
    lost = [row for row in rows.select_related("agent__health", "model") if _idle(row.agent)]
    for row in lost:
        if not (_busy_with(row) or _lost_lately(row)):
            start_jobs(Verb.LOAD, row.model.name, [row.agent], by=SYSTEM)
            return


def _idle(agent: Agent) -> bool:
    calls = Call.objects.at_work().filter(agent=agent)
    jobs = ModelJob.objects.open().filter(agent=agent).exclude(verb=Verb.PULL)
    online = agent.status == Health.Status.ONLINE and agent.health.open_until is None
    return online and Verb.LOAD in verbs_of(agent) and not (calls.exists() or jobs.exists())


def _lost_lately(row: AgentModel) -> bool:
    now = timezone.now()
    jobs = ModelJob.objects.filter(
        agent=row.agent,
        model_name=row.model.name,
        verb=Verb.LOAD,
        created_by=None,
        created_at__gt=now - REPEATS_WITHIN,
    )
    loads = list(jobs.order_by("-pk").values_list("created_at", flat=True)[: MOST_DOUBLINGS + 1])
    return bool(loads) and now < loads[0] + FIRST_PAUSE * 2 ** (len(loads) - 1)
