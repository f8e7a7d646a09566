"""Looking after agents: cheap probes, what they mean, and what the host holds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from agents import protocols
from agents.errors import AgentBusy, AgentError, AgentUnauthorised
from agents.live import tell
from agents.models import Agent, AgentModel, Health, Model
from agents.protocols import ModelInfo, Probe, Resident
from agents.routing import same_model
from agents.services.endpoints import endpoint_of, host_of
from whoosh_site.core import leases, tunables
from whoosh_site.core.leases import Lease

SECOND_LOOK = 2.0
OFFLINE_AFTER = 2
STARTING_LOOKS = 8
LONGEST_NAME = 200
MOST_MODELS = 500
"""How many models of one host are kept; nobody chooses among more."""
Status = Health.Status


@dataclass(frozen=True)
class Look:
    """What one look at a host brought."""

    probe: Probe | None = None
    latency_ms: float | None = None
    resident: Sequence[Resident] | None = None
    models: Sequence[ModelInfo] | None = None
    error: AgentError | None = None


async def check_agent(lease: Lease[Health]) -> None:
    """Look at one agent, write down what changed, and be due again."""
    agent, health = await sync_to_async(_load)(lease.pk)
    if not agent.enabled:
        await sync_to_async(_rest)(lease, health)
        return
    every = await sync_to_async(tunables.value)("health_check_interval")
    # Every second look lists the models too, so that a change of them is seen in time as well.
    look = await _look(agent, health, timedelta(seconds=every / 2))
    await sync_to_async(_write)(lease, agent, health, look)


def check_soon(agent: Agent) -> None:
    """Make the next check due now."""
    waiting = Health.objects.filter(agent=agent, state=leases.QUEUED)
    waiting.update(due_at=timezone.now())
    leases.wake()


def refresh_soon(agent: Agent) -> None:
    """Make the next check due now, and let it read the host's list of models anew."""
    Health.objects.filter(agent=agent).update(models_at=None)
    check_soon(agent)


@transaction.atomic
def keep_checking(pks: Sequence[int]) -> None:
    """Queue quarantined checks again: what looks after a host never ends, it says what is wrong."""
    later = timezone.now() + timedelta(seconds=tunables.value("health_check_interval"))
    for health in Health.objects.filter(pk__in=pks, state=leases.QUARANTINED):
        reason = f"It could not be checked: {health.trouble}"
        again = {"state": leases.QUEUED, "deaths": 0, "due_at": later}
        rows = Health.objects.filter(pk=health.pk, state=leases.QUARANTINED)
        if rows.update(**again, status=Status.DEGRADED, reason=reason, since=timezone.now()):
            tell(health.agent)


def _load(pk: int) -> tuple[Agent, Health]:
    health = Health.objects.select_related("agent__team").get(pk=pk)
    return health.agent, health


def _rest(lease: Lease[Health], health: Health) -> None:
    lease.put_back(_next_look(health, None), deaths=0, trouble="")


async def _look(agent: Agent, health: Health, list_models_every: timedelta) -> Look:
    began = time.monotonic()
    try:
        host = host_of(agent, health.found_protocol)
        if host is None:
            host, probe = await protocols.detect(endpoint_of(agent))
        else:
            probe = await host.probe()
        latency = (time.monotonic() - began) * 1000
        resident = await host.resident()
        stale = health.models_at is None or timezone.now() - health.models_at > list_models_every
        return Look(probe, latency, resident, await host.models() if stale else None)
    except AgentError as error:
        return Look(error=error)


@transaction.atomic
def _write(lease: Lease[Health], agent: Agent, health: Health, look: Look) -> None:
    now = timezone.now()
    failures = 0 if look.error is None else health.failures + 1
    new: dict[str, Any] = {"checked_at": now, "failures": failures, "deaths": 0, "trouble": ""}
    shown = False
    if look.probe is not None:
        new |= {
            "found_protocol": look.probe.protocol,
            "flavour": look.probe.flavour,
            "version": look.probe.version[:60],
            "latency_ms": look.latency_ms,
        }
        if look.models is not None:
            new["models_at"] = now
            shown = health.models_at is None  # asked for: what it brought may be looked at
            shown |= _keep_models(agent, look.models, now)
        shown |= _keep_resident(agent, look.resident or ())
        new["most_resident"] = min(max(health.most_resident, len(look.resident or ())), 1000)
    status, reason = judge(agent, look, failures)
    if (status, reason) != (health.status, health.reason):
        shown = True
        new |= {"status": status, "reason": reason}
        if status != health.status:
            new["since"] = now
    due = _next_look(health, look.error, failures)
    if health.models_at and Health.objects.filter(pk=health.pk, models_at=None).exists():
        due = now  # somebody asked for a new list while this one was read
        new.pop("models_at", None)
    mine = lease.put_back(due, **new)
    if mine and shown:
        tell(agent)


def judge(agent: Agent, look: Look, failures: int) -> tuple[str, str]:
    """Return status and reason. One silent look is a doubt; the second makes it offline."""
    error = look.error
    if isinstance(error, AgentUnauthorised):
        return Status.UNAUTHORISED, error.message
    if isinstance(error, AgentBusy):
        return Status.OVERLOADED, error.message
    if error is not None:
        doubt = failures < OFFLINE_AFTER and error.retryable
        return (Status.DEGRADED if doubt else Status.OFFLINE), error.message
    probe = look.probe
    if probe is not None and probe.busy:
        return (Status.DEGRADED if probe.loading else Status.OVERLOADED), probe.busy
    held = list(agent.models.values_list("model__name", flat=True))
    if not held:
        return Status.DEGRADED, "It has no model yet"
    missing = agent.preferred_model
    if missing and not any(same_model(missing, name) for name in held):
        return Status.DEGRADED, f"It does not have its preferred model {missing}"
    if len(held) >= MOST_MODELS:
        return Status.ONLINE, f"Only its first {MOST_MODELS} models are kept; name those to be used"
    return Status.ONLINE, ""


def _next_look(health: Health, error: AgentError | None, failures: int = 0) -> datetime:
    interval = tunables.value("health_check_interval") / 3
    # A first silence is looked into at once; a host that was never seen may be starting.
    doubtful = failures == 1 or (health.latency_ms is None and failures <= STARTING_LOOKS)
    if error is not None and doubtful:
        interval = min(interval, SECOND_LOOK)
    return timezone.now() + timedelta(seconds=interval)


def _keep_models(agent: Agent, found: Sequence[ModelInfo], now: datetime) -> bool:
    """Bring the host's rows in line with its list; returns whether a page would look different."""
    fitting = [info for info in found if len(info.name) <= LONGEST_NAME]
    listed = {info.name: info for info in fitting if _wanted(agent, info.name)}
    listed = dict(list(listed.items())[:MOST_MODELS])
    known = {row.model.name: row for row in agent.models.select_related("model")}
    changed = False
    for name, info in listed.items():
        old = known.get(name)
        model = old.model if old else Model.objects.get_or_create(name=name)[0]
        facts = {"family": info.family[:80], "parameters": info.parameters[:40]}
        news = {k: v for k, v in facts.items() if v and getattr(model, k) != v}
        if news:
            Model.objects.filter(pk=model.pk).update(**news)
        row = {
            "digest": info.digest[:80],
            "size": info.size,
            "quantization": info.quantization[:40],
            "capabilities": list(info.capabilities),
            "context_length": info.context_length,
            "remote_host": info.remote_host[:200],
            "slots": old.slots if old and old.slots else info.slots,
        }
        if old is None:
            AgentModel.objects.create(agent=agent, model=model, seen_at=now, **row)
            changed = True
        elif any(getattr(old, key) != value for key, value in row.items()):
            AgentModel.objects.filter(pk=old.pk).update(seen_at=now, **row)
            changed = True
    gone = [row.pk for name, row in known.items() if name not in listed]
    if gone:
        AgentModel.objects.filter(pk__in=gone).delete()
        Model.objects.filter(hosts=None).delete()
    return changed or bool(gone)


def _wanted(agent: Agent, name: str) -> bool:
    fixed = agent.models_fixed
    return not fixed or any(same_model(wanted, name) for wanted in fixed)


def _keep_resident(agent: Agent, found: Sequence[Resident]) -> bool:
    held = {entry.name: entry for entry in found}
    changed = False
    for row in agent.models.select_related("model"):
        entry = held.get(row.model.name)
        new = {
            "resident": entry is not None,
            "resident_until": entry.until if entry else None,
            "size_vram": entry.size_vram if entry else None,
            **_context_seen(row, entry),
        }
        if any(getattr(row, key) != value for key, value in new.items()):
            AgentModel.objects.filter(pk=row.pk).update(**new)
            changed |= row.resident != new["resident"]
    return changed


def _context_seen(row: AgentModel, entry: Resident | None) -> dict[str, int | None]:
    """Return what a look at the host's memory tells of a model's context.

    Where another length stands than before, somebody else had it loaded: what was named with our
    calls says nothing any more. What the host chose itself is its usual one.
    """
    if entry is None:
        return {"resident_context": None, "named_context": None}
    seen: dict[str, int | None] = {"resident_context": entry.context_length}
    if row.resident_context not in (None, entry.context_length):
        seen["named_context"] = None
    elif row.named_context == 0 and entry.context_length:
        seen["usual_context"] = entry.context_length
    return seen
