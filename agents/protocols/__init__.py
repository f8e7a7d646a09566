"""The shelf of wire formats: one file is one format. They know HTTP, never the database."""

import sys

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
    Progress,
    Resident,
    ToolCall,
    Usage,
    detect,
    is_whoosh,
    protocols,
)
from whoosh_site.core.shelf import load_folder

load_folder(sys.modules[__name__])

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
    "Progress",
    "Resident",
    "ToolCall",
    "Usage",
    "detect",
    "is_whoosh",
    "protocols",
]
