"""Answers of nodes, kept for the calls that wait for them."""

from asgiref.sync import sync_to_async
from django.db import transaction

from workflows.engine.triggers import LAST_NODE, ON_RECEIVED, Reply
from workflows.live import tell_execution
from workflows.models import Answer, Execution


async def respond_to_call(execution: Execution, reply: Reply) -> bool:
    """`Outside.respond` for a run: keep the answer for the call that waits for it."""
    return await sync_to_async(_kept)(execution, reply)


@transaction.atomic
def _kept(execution: Execution, reply: Reply) -> bool:
    row = Answer.objects.filter(pk=execution.pk, status=None).first()
    if row is None or row.wish.get("mode") in (ON_RECEIVED, LAST_NODE):
        return False
    news = {
        "status": reply.status,
        "headers": [list(one) for one in reply.headers],
        "body": reply.body,
        "page": dict(reply.page),
    }
    if not Answer.objects.filter(pk=execution.pk, status=None).update(**news):
        return False
    tell_execution(execution)
    return True
