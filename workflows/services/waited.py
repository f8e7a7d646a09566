"""Runs that wait for somebody's call: found by their address, and let go on with what came."""

from collections.abc import Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.triggers import ON_RECEIVED
from workflows.inbound.refusals import Refusal
from workflows.models import Answer, Execution
from workflows.services.executing import files_of
from workflows.services.resume_links import origin_of_run, run_of
from workflows.services.resuming import resume_execution

WEBHOOK, FORM = "webhook", "form"


def find_waited(token: str) -> Execution | None:
    """Return the run an address names, whatever its state; None where none was given out."""
    pk = run_of(token)
    rows = Execution.objects.select_related("answer", "workflow")
    return rows.filter(pk=pk).first() if pk is not None else None


async def go_on(
    execution: Execution,
    resume: str,
    item: Item,
    files: Sequence[tuple[str, bytes, str, str]] = (),
    wish: Mapping[str, Any] | None = None,
) -> None:
    """Let a waiting run go on with what a call brought.

    Raises:
        Refusal: it does not wait for that any more, or the files cannot be kept.
    """
    if files:
        store = await sync_to_async(files_of)(execution)
        try:
            item = {**item, "binary": {
                key: await store.keep(data, mime=kind, name=name)
                for key, data, kind, name in files
            }}  # fmt: skip
        except NodeError as error:
            raise Refusal(507, error.message) from None
    if not await sync_to_async(_let_go_on)(execution, resume, item, wish or {}):
        raise Refusal(409, "The execution does not wait for this any more.")


@transaction.atomic
def _let_go_on(execution: Execution, resume: str, item: Item, wish: Mapping[str, Any]) -> bool:
    if resume_execution(execution.pk, resume, [[{**item, "pairedItem": {"item": 0}}]]) is None:
        return False
    if wish.get("mode", ON_RECEIVED) != ON_RECEIVED:
        wish = {**wish, "origin": origin_of_run(execution)}
        fresh = {"wish": wish, "status": None, "headers": [], "body": b"", "page": {}}
        Answer.objects.update_or_create(execution_id=execution.pk, defaults=fresh)
    return True
