"""API of the agents room."""

from agents.api.agents import AgentViewSet
from agents.api.calls import CallViewSet
from agents.api.discoveries import DiscoveryViewSet
from agents.api.jobs import ModelJobViewSet
from agents.api.joining import JoinRequestViewSet, JoinTokenViewSet, JoinView
from agents.api.models import CapabilityViewSet, ModelViewSet

__all__ = [
    "AgentViewSet",
    "CallViewSet",
    "CapabilityViewSet",
    "DiscoveryViewSet",
    "JoinRequestViewSet",
    "JoinTokenViewSet",
    "JoinView",
    "ModelJobViewSet",
    "ModelViewSet",
]
