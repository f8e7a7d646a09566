"""What can go wrong inside a run. Plain Python: the room's error tree wraps them at its doors."""

from collections.abc import Mapping
from typing import Any


class NodeError(Exception):
    """A node could not do its work; the message is for the person who made the workflow.

    `description` says more; `item` is the index of the input item it happened on.
    """

    def __init__(self, message: str, *, description: str = "", item: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.description = description
        self.item = item
        self.node = ""
        self.extra: dict[str, Any] = {}


class ExpressionError(NodeError):
    """An expression that n8n does not swallow: bad syntax, an unknown node, a missing pair."""


class ScriptTimeout(NodeError):
    """A script ran longer than it may; its process was ended."""


class ScriptMemory(NodeError):
    """A script wanted more memory than it may have; its process was ended."""


class ScriptsOff(NodeError):
    """Scripts cannot run on this machine; says why and what to do."""


class RunTimeout(NodeError):
    """The run took longer than its time limit."""


class Parked(Exception):
    """A node waits: until a time (ISO text), or until somebody calls its address.

    `outputs` are what the node gives when the time has come by itself. `details` are what the door
    that a call comes in by has to know.
    """

    def __init__(
        self,
        *,
        until: str = "",
        resume: str = "time",
        outputs: Any = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(resume)
        self.until = until
        self.resume = resume
        self.outputs = outputs
        self.details = details or {}
