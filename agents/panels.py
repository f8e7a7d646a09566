"""What this room shows on the dashboard, and what it finds wrong."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from agents.models import Agent, Call, Health, JoinRequest, ModelJob
from whoosh_site.core import health
from whoosh_site.core.actor import Actor
from whoosh_site.core.health import Finding, Question, questions
from whoosh_site.core.leases import QUARANTINED
from whoosh_site.core.models.people import User
from whoosh_site.core.panels import Panel, panels
from whoosh_site.core.permissions import may
from whoosh_site.core.templatetags.ui import counted

BAD = (Health.Status.OFFLINE, Health.Status.UNAUTHORISED)
POOR = (Health.Status.OVERLOADED, Health.Status.DEGRADED)


@panels.add
class Figures(Panel):
    """Agents, running and waiting calls, tokens per second."""

    key, label = "figures", "Figures"
    order = 1
    wide = True
    template = "agents/panels/figures.html"
    topics = ("agents", "calls")
    every = 20

    def context(self, user: User) -> dict[str, Any]:
        """Count, of what the user sees."""
        agents = [a for a in Agent.objects.visible_to(user).select_related("health") if a.enabled]
        calls = Call.objects.visible_to(user)
        now = timezone.now()
        minute = calls.ended_since(now - timedelta(seconds=60))
        tokens = minute.aggregate(n=Sum("answer_tokens"))["n"] or 0
        return {
            "total": len(agents),
            "online": sum(agent.status == Health.Status.ONLINE for agent in agents),
            "slots": sum(agent.slots for agent in agents),
            "running": calls.at_work().count(),
            "waiting": calls.waiting().count(),
            "tokens_per_second": tokens / 60,
            "today": calls.filter(created_at__gte=now - timedelta(hours=24)).count(),
        }


@panels.add
class AgentsNow(Panel):
    """Every agent in one line."""

    key, label = "agents", "Agents"
    order = 10
    template = "agents/panels/agents.html"
    topics = ("agents",)

    def context(self, user: User) -> dict[str, Any]:
        """Return agents with their state."""
        return {"agents": Agent.objects.visible_to(user).with_state()[:50]}


@panels.add
class RecentCalls(Panel):
    """The newest calls."""

    key, label = "calls", "Recent calls"
    order = 20
    template = "agents/panels/calls.html"
    topics = ("calls",)

    def context(self, user: User) -> dict[str, Any]:
        """Return the newest ten, and whether the user may add one."""
        calls = Call.objects.visible_to(user).brief()[:10]
        return {"calls": calls, "may_ask": may(Actor(user), "call.create", user.roles)}


@questions.add
class AgentsAnswer(Question):
    """Agents answer and take work."""

    key = "agents"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of each that does not."""
        rows = Agent.objects.filter(enabled=True).select_related("health")
        agents = list(rows if user is None else rows.visible_to(user))
        if not agents:
            yield Finding(
                health.WARNING, "No agent is registered: nothing can be asked.",
                "Discover hosts, add one in the admin, or load a whoosh.yaml with "
                "'manage.py load_config'.",
                "/admin/agents/agent/add/" if user and user.is_superuser else "",
            )  # fmt: skip
        troubled = 0
        for agent in agents:
            if agent.status in (*BAD, *POOR):
                troubled += 1
                level = health.ERROR if agent.status in BAD else health.WARNING
                text = f"{agent} is {agent.status}: {agent.status_reason}".rstrip(": ")
                yield Finding(level, text, "", agent.get_absolute_url())
        if agents and not troubled:
            yield Finding(health.OK, f"{counted(len(agents), 'agent')}, none in trouble")


@questions.add
class HostsJoin(Question):
    """No host waits to be let in."""

    key = "joining"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Count those that wait; an administrator decides."""
        rows = JoinRequest.objects.filter(state=JoinRequest.State.WAITING)
        count = (rows if user is None else rows.visible_to(user)).count()
        if count:
            wait = "waits" if count == 1 else "wait"
            yield Finding(
                health.WARNING, f"{counted(count, 'host')} {wait} for your approval.",
                "Approve or reject what asked to join.",
                "/admin/agents/joinrequest/?state__exact=waiting",
            )  # fmt: skip
        else:
            yield Finding(health.OK, "No host waits for approval")


@questions.add
class CallsFlow(Question):
    """No call is stuck."""

    key = "calls"
    LONG, LATELY = timedelta(minutes=5), timedelta(days=1)

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of quarantined calls, and of those that wait long."""
        calls = Call.objects.all() if user is None else Call.objects.visible_to(user)
        lately = timezone.now() - self.LATELY
        quarantined = calls.filter(state=QUARANTINED, finished_at__gte=lately).count()
        if quarantined:
            yield Finding(
                health.ERROR, f"{counted(quarantined, 'call')} put in quarantine today.",
                "Look at them and ask again.", "/calls/?state=quarantined",
            )  # fmt: skip
        stuck = calls.waiting().filter(created_at__lt=timezone.now() - self.LONG)
        oldest = stuck.order_by("created_at").first()
        if oldest is not None:
            many = counted(stuck.count(), "call")
            yield Finding(
                health.WARNING, f"{many} waiting for more than five minutes.",
                oldest.trouble, "/calls/?state=queued",
            )  # fmt: skip
        if not quarantined and oldest is None:
            yield Finding(health.OK, "No call is stuck")


@questions.add
class JobsEnd(Question):
    """No job at a host was given up."""

    key = "jobs"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of those in quarantine."""
        jobs = ModelJob.objects.all() if user is None else ModelJob.objects.visible_to(user)
        lately = timezone.now() - timedelta(days=1)
        quarantined = jobs.filter(state=QUARANTINED, finished_at__gte=lately).count()
        if quarantined:
            many = counted(quarantined, "job")
            yield Finding(
                health.ERROR, f"{many} at hosts put in quarantine today.",
                "Look at why, and start them again.", "/models/",
            )  # fmt: skip
        else:
            yield Finding(health.OK, "No job at a host is stuck")
