"""How much one run of a node may make, so that no document fills the memory."""

from dataclasses import dataclass

from workflows.engine.errors import NodeError

MOST_VALUES = 2_000_000
"""In a text that is read as JSON: small values take a hundred times their bytes as items."""


@dataclass(frozen=True)
class Bounds:
    """What an administrator may set, for one run of one node."""

    items: int = 1_000_000  # that it gives, over all outputs
    pages: int = 10_000  # that it asks for, over all its items
    page_bytes: int = 256 * 2**20  # of the answers to these

    def vet_items(self, count: int, who: str = "It gives") -> None:
        """Raise NodeError when these are more items than one run of a node may give."""
        if count > self.items:
            raise NodeError(
                f"{who} {count:,} items; {self.items:,} are allowed in one run of a node.",
                description="Give it less at once (Limit, Filter, Loop Over Items), or ask an "
                "administrator to raise the setting workflow_items.",
            )


def vet_values(text: str, what: str) -> None:
    """Raise NodeError when a text holds more values than are read as JSON; `what` names it."""
    count = text.count(",") + text.count(":")
    if count > MOST_VALUES:
        raise NodeError(
            f"{what} holds some {count:,} values; {MOST_VALUES:,} can be read as JSON at once.",
            description="Ask for less at once, or keep it as text or as a file.",
        )
