"""Data of the agents room."""

from agents.models.arrivals import Discovery, JoinRequest, JoinToken
from agents.models.calls import Call
from agents.models.hosts import Agent, AgentCapability, Capability, Gpu, Health
from agents.models.jobs import ModelJob
from agents.models.registry import AgentModel, Model, with_models

__all__ = [
    "Agent",
    "AgentCapability",
    "AgentModel",
    "Call",
    "Capability",
    "Discovery",
    "Gpu",
    "Health",
    "JoinRequest",
    "JoinToken",
    "Model",
    "ModelJob",
    "with_models",
]
