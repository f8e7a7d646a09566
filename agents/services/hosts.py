"""Registering, changing, draining and removing agents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from agents.live import tell
from agents.models import Agent, AgentCapability, AgentModel, Capability, Gpu, Health
from agents.services.endpoints import same_place, vet_endpoint, vet_key
from agents.services.health import check_soon, refresh_soon
from whoosh_site.core import audit, leases, live
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand
from whoosh_site.core.secrets import Secret, SecretKeyError

PLAIN = (
    "team",
    "name",
    "title",
    "endpoint",
    "protocol",
    "allow_local",
    "preferred_model",
    "specialization",
    "slots",
    "tags",
    "enabled",
    "maintenance",
    "models_fixed",
    "cpu_cores",
    "ram_gb",
    "hardware_notes",
    "min_tps",
    "max_response_time",
    "target_availability",
    "priority",
    "references",
    "kept",
)
ASKS_AGAIN = {"endpoint", "protocol", "api_key", "enabled", "allow_local", "models_fixed"}


@transaction.atomic
def register_agent(*, by: Actor, team: Team, name: str, endpoint: str, **fields: Any) -> Agent:
    """Add an agent; its first check is due at once.

    Raises:
        Forbidden: the caller is no administrator.
        BadInput: a field does not fit; names it.
        Conflict: name or endpoint exists.
    """
    demand(by, "agent.register")
    agent = Agent(team=team, name=name, endpoint=endpoint, **fields)
    agent.endpoint = vet_endpoint(endpoint, allow_local=agent.allow_local)
    vet_key(_plain(fields.get("api_key")))
    _validated(agent)
    _saved(agent)
    Health.objects.create(agent=agent)
    audit.record(by, "registered", agent, {"name": agent.name, "endpoint": agent.endpoint})
    tell(agent)
    leases.wake()
    return agent


@transaction.atomic
def change_agent(agent: Agent, *, by: Actor, **fields: Any) -> list[str]:
    """Set fields of an agent; returns the names of those that really changed.

    `api_key` may be a plain text; it is never shown in the audit trail. When the endpoint moves, a
    person has to give it again. Raises as `register_agent`.
    """
    demand(by, "agent.change")
    changed = {name for name in fields if _differs(agent, name, fields[name])}
    if "api_key" in changed and "api_key" in agent.references and "references" not in fields:
        # A key from elsewhere: whoosh.yaml no longer says where it comes from.
        fields["references"] = {k: v for k, v in agent.references.items() if k != "api_key"}
        changed.add("references")
    if not changed:
        return []
    before = {name: getattr(agent, name) for name in changed}
    for name in changed:
        setattr(agent, name, fields[name])
    agent.endpoint = vet_endpoint(agent.endpoint, allow_local=agent.allow_local)
    if "api_key" in changed:
        vet_key(_plain(fields["api_key"]))
    if "endpoint" in changed and "api_key" not in fields and by.user is not None:
        _key_stays(agent, before["endpoint"])
    _validated(agent)
    _saved(agent, update_fields=sorted(changed | {"endpoint"}))
    details = {
        name: "changed" if name == "api_key" else [str(before[name]), str(getattr(agent, name))]
        for name in sorted(changed)
    }
    audit.record(by, "changed", agent, details)
    if changed & ASKS_AGAIN:
        _check_at_once(agent, forget=bool(changed & {"endpoint", "protocol"}))
    tell(agent)
    return sorted(changed)


def _key_stays(agent: Agent, old: str) -> None:
    """Refuse to send a stored key to another place than the one it was entered for."""
    if agent.api_key and not same_place(agent.endpoint, old):
        raise BadInput(f"api_key: enter it again, or leave it empty: it was stored for {old}.")


def _plain(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value or "")


def _differs(agent: Agent, name: str, value: object) -> bool:
    if name == "api_key":
        try:
            return agent.api_key.reveal() != _plain(value)
        except SecretKeyError:  # entering it again is the way out
            return True
    return bool(getattr(agent, name) != value)


@transaction.atomic
def share_agent(agent: Agent, teams: Iterable[Team], *, by: Actor) -> bool:
    """Set which other teams may use an agent; returns whether that changed anything."""
    demand(by, "agent.change")
    wanted = set(teams) - {agent.team}
    if set(agent.shared_with.all()) == wanted:
        return False
    before = agent.team_ids
    agent.shared_with.set(wanted)
    del agent.team_ids
    audit.record(by, "shared", agent, {"with": sorted(team.name for team in wanted)})
    live.announce("agents", f"agent:{agent.pk}", teams=[*before, *agent.team_ids])
    return True


@transaction.atomic
def delete_agent(agent: Agent, *, by: Actor) -> None:
    """Remove an agent; its calls stay, with its name."""
    demand(by, "agent.delete")
    audit.record(by, "deleted", agent, {"name": agent.name, "endpoint": agent.endpoint})
    tell(agent)
    agent.delete()


@transaction.atomic
def drain(agent: Agent, *, by: Actor, on: bool = True) -> bool:
    """Let calls in hand finish and start no new ones, or take calls again."""
    demand(by, "agent.drain", agent.team_ids[:1])
    moved = Agent.objects.filter(pk=agent.pk, maintenance=not on).update(maintenance=on)
    if moved:
        audit.record(by, "drained" if on else "resumed", agent)
        tell(agent)
    return bool(moved)


@transaction.atomic
def switch(agent: Agent, *, by: Actor, on: bool) -> bool:
    """Switch an agent on or off altogether."""
    demand(by, "agent.drain", agent.team_ids[:1])
    moved = Agent.objects.filter(pk=agent.pk, enabled=not on).update(enabled=on)
    if moved:
        audit.record(by, "enabled" if on else "disabled", agent)
        _check_at_once(agent)
        tell(agent)
    return bool(moved)


def check_now(agent: Agent, *, by: Actor) -> None:
    """Look at the host again at once."""
    demand(by, "agent.check", agent.team_ids)
    check_soon(agent)


def refresh(agent: Agent, *, by: Actor) -> None:
    """Look at the host again at once, and read its list of models anew."""
    demand(by, "agent.check", agent.team_ids)
    refresh_soon(agent)


@transaction.atomic
def set_capabilities(
    agent: Agent, wanted: Sequence[str] | Mapping[str, float], *, by: Actor
) -> bool:
    """Make these the agent's capabilities; a plain list keeps proficiencies already known.

    Returns whether that changed anything.
    """
    known = {row.capability.name: row for row in agent.capabilities.select_related("capability")}
    if not isinstance(wanted, Mapping):
        default = AgentCapability.DEFAULT
        wanted = {n: known[n].proficiency if n in known else default for n in wanted}
    if {name: row.proficiency for name, row in known.items()} == wanted:
        return False
    agent.capabilities.exclude(capability__name__in=wanted).delete()
    for name, proficiency in wanted.items():
        capability, _ = Capability.objects.get_or_create(name=name)
        AgentCapability.objects.update_or_create(
            agent=agent, capability=capability, defaults={"proficiency": proficiency}
        )
    audit.record(by, "set capabilities of", agent, dict(wanted))
    tell(agent)
    return True


@transaction.atomic
def set_model_slots(agent: Agent, wanted: Mapping[str, int | None], *, by: Actor) -> bool:
    """Set how many calls at once models take there; None for as many as the agent has slots.

    Returns whether that changed anything. Raises BadInput for a model the agent does not have.
    """
    demand(by, "agent.change")
    rows = {row.model.name: row for row in agent.models.select_related("model")}
    for name in wanted:
        if name not in rows:
            has = ", ".join(sorted(rows)) or "none yet"
            raise BadInput(f"model_slots: {agent.name} has no model {name!r}. It has: {has}.")
    news = {name: slots for name, slots in wanted.items() if rows[name].slots != slots}
    for name, slots in news.items():
        AgentModel.objects.filter(pk=rows[name].pk).update(slots=slots)
    if news:
        audit.record(by, "changed", agent, {"model_slots": news})
        tell(agent)
        leases.wake()
    return bool(news)


@transaction.atomic
def set_gpus(agent: Agent, wanted: Sequence[tuple[str, float | None]], *, by: Actor) -> bool:
    """Make these (name, GB) the agent's graphics cards; returns whether that changed anything."""
    if list(agent.gpus.values_list("name", "vram_gb")) == list(wanted):
        return False
    agent.gpus.all().delete()
    Gpu.objects.bulk_create([Gpu(agent=agent, name=name, vram_gb=gb) for name, gb in wanted])
    audit.record(by, "set GPUs of", agent, {"gpus": [name for name, _ in wanted]})
    tell(agent)
    return True


def _check_at_once(agent: Agent, *, forget: bool = False) -> None:
    """Look again now, models included; `forget` which format the host speaks as well."""
    if forget:
        Health.objects.filter(agent=agent).update(found_protocol="")
    refresh_soon(agent)


def _validated(agent: Agent) -> None:
    try:
        agent.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {' '.join(messages)}", error.message_dict) from error


def _saved(agent: Agent, update_fields: list[str] | None = None) -> None:
    """Save; the unique columns decide, not a prior read."""
    try:
        with transaction.atomic():
            agent.save(update_fields=update_fields)
    except IntegrityError as error:
        twin = Agent.objects.filter(endpoint=agent.endpoint).exclude(pk=agent.pk).first()
        what = (
            f"endpoint: {agent.endpoint} is registered already as {twin.name}"
            if twin
            else f"name: an agent is called {agent.name} already"
        )
        raise Conflict(f"{what}.") from error
