"""How a node of an active workflow starts runs by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ON_RECEIVED, LAST_NODE, RESPONSE_NODE = "onReceived", "lastNode", "responseNode"
"""When a call is answered: at once, when the run has ended, or by a node of the run."""

WEBHOOK, FORM, CHAT, SCHEDULE, POLL = "webhook", "form", "chat", "schedule", "poll"


@dataclass(frozen=True)
class Listener:
    """One way a node starts runs: a call of `method` at `path`, or the moments of `rules`.

    `path` has no slash at either end; a part that begins with ":" is a parameter, and such a path
    begins with the node's webhook id, as n8n's do. `options` are what the door has to know before a
    run exists: the node's own parameters, evaluated when the workflow was activated.
    """

    kind: str
    method: str = ""
    path: str = ""
    rules: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a run answers to the call that started it."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    page: Mapping[str, Any] = field(default_factory=dict)  # of a form: the door draws it
