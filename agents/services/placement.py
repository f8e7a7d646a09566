"""Where a call goes: what routing has to know, and the slot that is held."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from agents import routing
from agents.errors import NoAgent
from agents.live import tell_call
from agents.models import Agent, AgentModel, Call, Health, with_models
from agents.protocols import HostProtocol
from agents.services.endpoints import host_of
from whoosh_site.core import leases, tunables
from whoosh_site.core.leases import Lease


@dataclass(frozen=True)
class Placement:
    """Where a call goes."""

    agent: Agent
    model: str

    def host(self) -> HostProtocol:
        """Return the host to ask; only inside an event loop, whose connections it uses."""
        found = host_of(self.agent, self.agent.health.found_protocol)
        if found is None:
            raise NoAgent(f"waits for the first check of {self.agent.name}")
        return found


def facts(call: Call) -> list[tuple[Agent, routing.Candidate]]:
    """Return every agent of the call's team with what routing needs to know."""
    now = timezone.now()
    interval = tunables.value("health_check_interval")
    rows = (
        Agent.objects.of_team(call.team_id)
        .select_related("health")
        .prefetch_related(with_models(), "capabilities__capability")
    )
    found = []
    running = Q(state=leases.RUNNING) & ~Q(pk=call.pk)
    counts = Call.objects.filter(running, agent__isnull=False).values_list("agent")
    busy = dict(counts.annotate(n=Count("pk")).order_by())
    for agent in rows:
        status, reason = agent.status, agent.status_reason
        if status == Health.Status.ONLINE and agent.health.stale(now, interval):
            status, reason = Health.Status.DEGRADED, "not checked lately"
        candidate = routing.Candidate(
            name=agent.name,
            status=status,
            status_reason=reason,
            slots=agent.slots,
            busy=busy.get(agent.pk, 0),
            held=[_held(row) for row in agent.models.all()],
            preferred=agent.preferred_model,
            skills={row.capability.name: row.proficiency for row in agent.capabilities.all()},
            min_tps=agent.min_tps,
            priority=agent.priority,
        )
        found.append((agent, candidate))
    return found


def _held(row: AgentModel) -> routing.Held:
    return routing.Held(row.model.name, row.resident, row.tps, frozenset(row.capabilities))


def place(lease: Lease[Call], call: Call) -> Placement:
    """Choose an agent and take one of its slots; raises NoAgent saying what the call waits for."""
    found = facts(call)
    need = routing.Need(
        agent=call.wanted_agent,
        model=call.wanted_model,
        capability=call.wanted_capability,
        abilities=abilities(call),
        failed=frozenset(call.failed_agents),
    )
    decision = routing.choose(need, [candidate for _, candidate in found])
    if decision.winner is None:
        raise NoAgent(decision.reason, {"scores": [s.as_dict() for s in decision.scores]})
    agent = next(agent for agent, _ in found if agent.name == decision.winner.agent)
    if not _take_slot(lease, call, agent, decision):
        raise NoAgent(f"waits for a free slot on {agent.name}")
    return Placement(agent, decision.winner.model)


def abilities(call: Call) -> frozenset[str]:
    """Return what a model must be able to do for this call."""
    wanted = {
        "vision": any(message.get("images") for message in call.messages),
        "tools": bool(call.options.get("tools")),
        "thinking": bool(call.options.get("think")),
    }
    return frozenset(name for name, needed in wanted.items() if needed)


@transaction.atomic
def _take_slot(lease: Lease[Call], call: Call, agent: Agent, decision: routing.Decision) -> bool:
    """Hold one of the agent's slots; the running call itself is the lease of it."""
    if connection.vendor == "postgresql":
        Agent.objects.select_for_update().get(pk=agent.pk)  # SQLite has one writer anyway
    running = Call.objects.filter(agent=agent, state=leases.RUNNING).exclude(pk=lease.pk)
    if decision.winner is None or running.count() >= agent.slots:
        return False
    now = timezone.now()
    mine = lease.write(
        agent=agent,
        agent_name=agent.name,
        model_name=decision.winner.model,
        reason=decision.reason[:300],
        decision=[score.as_dict() for score in decision.scores],
        sent_at=now,
        wait_ms=(now - call.created_at).total_seconds() * 1000,
        trouble="",
    )
    if mine:
        tell_call(call, agent)
    return mine
