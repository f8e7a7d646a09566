"""Data of the ground room."""

from whoosh_site.core.models.access import ApiKey, Lockout, OneTimeLink
from whoosh_site.core.models.audit import AuditEntry
from whoosh_site.core.models.people import Membership, Role, Team, User
from whoosh_site.core.models.system import (
    ConfigSection,
    IdempotentRequest,
    Notice,
    Process,
    Setting,
)

__all__ = [
    "ApiKey",
    "AuditEntry",
    "ConfigSection",
    "IdempotentRequest",
    "Lockout",
    "Membership",
    "Notice",
    "OneTimeLink",
    "Process",
    "Role",
    "Setting",
    "Team",
    "User",
]
