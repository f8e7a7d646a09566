"""What pages of this room watch, and how its services tell them."""

from agents.models import Agent, Call, Discovery, ModelJob
from whoosh_site.core import live
from whoosh_site.core.leases import QUEUED, RUNNING
from whoosh_site.core.live import topics
from whoosh_site.core.models.people import User

topics.declare_lists("agents", "calls", "jobs")


def tell(agent: Agent) -> None:
    """Let the pages that show this agent know that it changed."""
    live.announce("agents", f"agent:{agent.pk}", teams=agent.team_ids)


def tell_call(call: Call, agent: Agent | None = None) -> None:
    """Let the pages that show this call, and the agent it is on, know that it changed."""
    live.announce("calls", f"call:{call.pk}", teams=[call.team_id])
    if agent is not None:
        tell(agent)


def tell_discovery(pk: int) -> None:
    """Let the pages that show this search know that it went on."""
    live.announce(f"discovery:{pk}")


def tell_job(job: ModelJob) -> None:
    """Let the pages that list jobs know that this one changed."""
    live.announce("jobs", teams=job.team_ids)


@topics.topics.add
class AgentTopic(topics.Topic):
    """One agent's page."""

    key = "agent"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Agent.objects.visible_to(user).filter(pk=pk).exists()


@topics.topics.add
class CallTopic(topics.Topic):
    """One call and its stream of tokens."""

    key = "call"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Call.objects.visible_to(user).filter(pk=pk).exists()

    @classmethod
    def watched(cls, pk: int) -> None:
        """Have the tokens sent on as they come, if nobody has asked for that yet."""
        still = Call.objects.filter(pk=pk, streams=False, state__in=(QUEUED, RUNNING))
        still.update(streams=True)


@topics.topics.add
class DiscoveryTopic(topics.Topic):
    """One search for hosts."""

    key = "discovery"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Discovery.objects.visible_to(user).filter(pk=pk).exists()
