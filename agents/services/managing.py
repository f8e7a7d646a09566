"""Managing models on hosts: jobs that are asked for, and taken back."""

from collections.abc import Iterable, Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents import protocols
from agents.errors import UnknownName
from agents.live import tell_job
from agents.models import Agent, Call, ModelJob
from agents.models.calls import CANCELED
from agents.protocols import HostProtocol
from agents.routing import same_model
from whoosh_site.core import audit, leases
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import User
from whoosh_site.core.permissions import demand, may
from whoosh_site.core.templatetags.ui import counted

Verb = ModelJob.Verb
ENDS_A_STAY = (Verb.UNLOAD, Verb.DELETE)
DOING = {
    Verb.PULL: "being pulled",
    Verb.LOAD: "being loaded",
    Verb.UNLOAD: "being unloaded",
    Verb.DELETE: "being deleted",
}


def verbs_of(agent: Agent) -> frozenset[str]:
    """Return what can be done to the models of a host: none until it is known what it speaks."""
    found = _format_of(agent)
    return found.verbs if found is not None else frozenset()


def agents_named(names: Iterable[str], *, by: Actor) -> list[Agent]:
    """Return agents by name; raises UnknownName for one the caller does not see."""
    rows = Agent.objects.visible_to(by.user) if by.user else Agent.objects.all()
    seen = {agent.name: agent for agent in rows.select_related("health")}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in seen:
            there_are = ", ".join(sorted(seen)[:20]) or "none"
            raise UnknownName(
                f"agents: no agent is called {name!r}. There are: {there_are}.",
                {"existing": sorted(seen)},
            )
    return [seen[name] for name in wanted]


def _format_of(agent: Agent) -> type[HostProtocol] | None:
    return protocols.protocols.get(agent.protocol or agent.health.found_protocol)


@transaction.atomic
def start_jobs(
    verb: str, model: str, agents: Sequence[Agent], *, by: Actor, force: bool = False
) -> list[ModelJob]:
    """Have something done to a model on these hosts: all of it is recorded, or nothing.

    A job for the same that has not ended yet is returned in place of a second one.

    Raises:
        Forbidden: the caller owns not all of their teams.
        BadInput: a host cannot do it, or has no such model; names it.
        Conflict: something else is being done to the model there, it is pinned, or calls run on it.
    """
    if not agents:
        raise BadInput("agents: name at least one agent.")
    for agent in agents:
        demand(by, "model.manage", [agent.team_id])
    return [_start(verb, model, agent, by, force) for agent in agents]


def _start(verb: str, model: str, agent: Agent, by: Actor, force: bool) -> ModelJob:
    name = _name_there(verb, model, agent, vet_host(verb, agent))
    earlier = _open_job(verb, name, agent)
    if earlier is not None:
        return earlier
    if verb == Verb.UNLOAD and agent.models.filter(model__name=name, pinned=True).exists():
        raise Conflict(f"{name} is pinned on {agent.name}. Unpin it first.")
    if verb in ENDS_A_STAY and not force:
        _vet_unused(name, agent, by.user)
    job = ModelJob(agent=agent, verb=verb, model_name=name, created_by=by.user, force=force)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:  # somebody else was first, between our look and now
        if (earlier := _open_job(verb, name, agent)) is None:
            raise
        return earlier
    if by.user is not None:  # pins load by themselves; pinning is in the trail
        audit.record(by, f"started {verb} on", agent, job.told())
    tell_job(job)
    leases.wake()
    return job


def vet_host(verb: str, agent: Agent) -> type[HostProtocol]:
    """Return what the host speaks; raises BadInput unless that has this verb."""
    found = _format_of(agent)
    if found is None:
        raise BadInput(f"agents: {agent.name} has not answered yet. Check it first.")
    if verb not in found.verbs:
        raise BadInput(
            f"agents: {agent.name} speaks {found.label}, which cannot {verb} models. Leave it out."
        )
    return found


def _name_there(verb: str, model: str, agent: Agent, spoken: type[HostProtocol]) -> str:
    """Return the model's name as the host has it, or will have it."""
    if verb == Verb.PULL:
        name = spoken.vet_model(model)
        if agent.models_fixed and not any(same_model(one, name) for one in agent.models_fixed):
            only = ", ".join(agent.models_fixed)
            raise BadInput(f"agents: {agent.name} is to use only {only}. Add {name} there first.")
        return name
    if not agent.models.filter(model__name=model).exists():
        raise BadInput(f"agents: {agent.name} does not have {model}.")
    return model


def _open_job(verb: str, name: str, agent: Agent) -> ModelJob | None:
    """Return the job for this very thing; raises Conflict when it is another one."""
    found = ModelJob.objects.open().filter(agent=agent, model_name__iexact=name)
    job = found.select_related("agent").first()
    if job is not None and job.verb != verb:
        raise Conflict(
            f"{name} is {DOING[Verb(job.verb)]} on {agent.name}. Wait for that, or cancel it.",
            {"job": job.pk},
        )
    return job


def _vet_unused(name: str, agent: Agent, user: User | None) -> None:
    """Raise Conflict when calls run on the model there; names those the caller may see."""
    running = calls_on(agent, name)
    if running:
        mine = Call.objects.visible_to(user) if user else Call.objects.all()
        seen = list(mine.filter(pk__in=running).order_by("pk").values_list("pk", flat=True))
        raise Conflict(f"{in_use(agent, name, seen, len(running))} or force it.", {"calls": seen})


def calls_on(agent: Agent, name: str) -> list[int]:
    """Return the calls that run on a model of a host."""
    running = Call.objects.at_work().filter(agent=agent, model_name__iexact=name)
    return list(running.order_by("pk").values_list("pk", flat=True))


def in_use(agent: Agent, name: str, seen: Sequence[int], count: int) -> str:
    """Say which calls run on a model; of other teams' calls no more than how many."""
    who = [f"call {pk}" for pk in seen[:10]]
    if hidden := count - len(who):
        who.append(f"{hidden} more" if who else counted(hidden, "call"))
    return f"{name} is at work on {agent.name} for {', '.join(who)}. Wait for that,"


@transaction.atomic
def cancel_job(job: ModelJob, *, by: Actor) -> bool:
    """Take a job back: a waiting one ends, a running one is broken off at its host.

    Returns False when it had ended already.
    """
    demand(by, "model.manage", [job.team_id])
    moved = leases.cancel(ModelJob, job.pk, state=CANCELED, finished_at=timezone.now())
    if moved:
        audit.record(by, "canceled", job, job.told())
        tell_job(job)
        leases.wake()
    return moved


def manageable(agents: Iterable[Agent], verb: str, *, by: Actor) -> list[Agent]:
    """Return those of the agents on which the caller may do this, and which can do it."""
    return [
        agent
        for agent in agents
        if may(by, "model.manage", [agent.team_id]) and verb in verbs_of(agent)
    ]
