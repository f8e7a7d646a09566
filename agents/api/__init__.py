"""API of the agents room."""

from agents.api.agents import AgentViewSet
from agents.api.calls import CallViewSet
from agents.api.jobs import ModelJobViewSet
from agents.api.models import CapabilityViewSet, ModelViewSet

__all__ = ["AgentViewSet", "CallViewSet", "CapabilityViewSet", "ModelJobViewSet", "ModelViewSet"]
