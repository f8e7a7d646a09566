"""The shelf of wire formats: one file is one format. They know HTTP, never the database."""

import importlib

from agents.protocols.base import (
    ChatRequest,
    Embeddings,
    Endpoint,
    GenerateRequest,
    HostProtocol,
    Message,
    ModelInfo,
    Piece,
    Probe,
    Resident,
    ToolCall,
    Usage,
    detect,
    protocols,
)

for _name in ("ollama", "openai"):
    importlib.import_module(f"agents.protocols.{_name}")

__all__ = [
    "ChatRequest",
    "Embeddings",
    "Endpoint",
    "GenerateRequest",
    "HostProtocol",
    "Message",
    "ModelInfo",
    "Piece",
    "Probe",
    "Resident",
    "ToolCall",
    "Usage",
    "detect",
    "protocols",
]
