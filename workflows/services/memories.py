"""What the nodes of a kept workflow remember from run to run."""

from collections.abc import Iterator, Sequence

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from workflows.models.variables import Remembered, digest

AT_ONCE = 500
"""Keys in one statement."""


class WorkflowMemory:
    """`workflows.remembering.Memories` in the database, for one workflow.

    `inside` names a document without a row that runs inside it.
    """

    def __init__(self, workflow_id: int, inside: str = "") -> None:
        self.workflow_id = workflow_id
        self.inside = inside

    def of(self, workflow: int | None, name: str) -> "WorkflowMemory":
        """Return those of another workflow; one without a row has its own part of this one's."""
        if workflow is not None:
            return WorkflowMemory(workflow)
        return WorkflowMemory(self.workflow_id, f"{self.inside}{name}\n")

    async def recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        """Return which keys are known."""
        return await sync_to_async(self._recall)(scope, keys)

    async def remember(self, scope: str, keys: Sequence[str], *, most: int) -> None:
        """Add keys; only the newest `most` stay."""
        await sync_to_async(self._remember)(scope, keys, most)

    async def newest(self, scope: str) -> str | None:
        """Return the key that was remembered last; None when there is none."""
        newest = self._rows(scope).order_by("-pk").values_list("value", flat=True)
        return await sync_to_async(newest.first)()

    async def forget(self, scope: str) -> None:
        """Forget all keys."""
        await sync_to_async(self._rows(scope).delete)()

    def _rows(self, scope: str) -> QuerySet[Remembered]:
        return Remembered.objects.filter(workflow_id=self.workflow_id, scope=self._scope(scope))

    def _scope(self, scope: str) -> str:
        return digest(self.inside + scope)

    def _recall(self, scope: str, keys: Sequence[str]) -> set[str]:
        by_digest = {digest(key): key for key in keys}
        known: set[str] = set()
        for some in _portions(list(by_digest)):
            found = self._rows(scope).filter(digest__in=some).values_list("digest", flat=True)
            known |= {by_digest[one] for one in found}
        return known

    def _remember(self, scope: str, keys: Sequence[str], most: int) -> None:
        rows = [
            Remembered(
                workflow_id=self.workflow_id,
                scope=self._scope(scope),
                digest=digest(key),
                value=key,
            )
            for key in dict.fromkeys(keys)
        ]
        Remembered.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)
        last = self._rows(scope).order_by("-pk").values_list("pk", flat=True)[most : most + 1]
        if old := last.first():
            self._rows(scope).filter(pk__lte=old).delete()


def _portions(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), AT_ONCE):
        yield keys[first : first + AT_ONCE]
