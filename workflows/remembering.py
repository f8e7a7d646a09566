"""What nodes remember from run to run, where no database keeps it."""

from collections.abc import Sequence
from typing import Protocol


class Memories(Protocol):
    """What nodes remember from run to run (Remove Duplicates)."""

    def of(self, workflow: int | None, name: str) -> "Memories":
        """Return those of a workflow that runs inside this one: by its row, else by a name."""
        ...

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which keys are known."""
        ...

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Add keys; only the newest `most` stay."""
        ...

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last; None when there is none."""
        ...

    async def forget(self, scope: str) -> None:
        """Forget all keys."""
        ...


Known = dict[str, dict[str, dict[str, None]]]
"""Keys, oldest first, by workflow and scope."""


class ProcessMemory:
    """Memories that end with the process: for documents that are run from a file.

    `workflow` tells whose they are; those of several workflows lie beside one another.
    """

    def __init__(self, workflow: str = "", known: Known | None = None) -> None:
        self.workflow = workflow
        self._all = known if known is not None else {}
        self._known = self._all.setdefault(workflow, {})

    def of(self, workflow: int | None, name: str) -> "ProcessMemory":
        """Return those of another workflow."""
        return ProcessMemory(name if workflow is None else str(workflow), self._all)

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which keys are known."""
        return set(keys) & self._known.get(scope, {}).keys()

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Add keys; only the newest `most` stay."""
        known = self._known.setdefault(scope, {})
        known.update(dict.fromkeys(keys))
        for old in list(known)[: max(len(known) - most, 0)]:
            del known[old]

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last; None when there is none."""
        return next(reversed(self._known.get(scope, {})), None)

    async def forget(self, scope: str) -> None:
        """Forget all keys."""
        self._known.pop(scope, None)
