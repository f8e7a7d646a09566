"""Runs that calls from outside start: kept before they are answered, and waited for.

Many calls at once are written in one transaction (`Batch`). Whoever waits for what a run answers
watches its notices and, now and then, looks at its row.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from whoosh_site.core import leases, live
from whoosh_site.core.batch import Batch
from whoosh_site.core.live.hub import hub
from workflows.binary import Binaries
from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.triggers import LAST_NODE, Reply
from workflows.engine.values import dumps
from workflows.inbound.refusals import Refusal
from workflows.models import Answer, CallKey, Execution, Trigger
from workflows.models.executions import OPEN, PRODUCTION, SUCCESS, TEST
from workflows.nodes.hooks import replies
from workflows.nodes.hooks.fields import CREDENTIALS
from workflows.services.caught import Caught, files_quota
from workflows.services.executing import LARGEST_INPUT, files_of
from workflows.services.lending import lender
from workflows.services.running import TEAM

PAUSE = 0.005
"""Seconds in which calls gather that come while others are written."""
FIRST_LOOK, LOOK_EVERY = 0.1, 2.0
"""Seconds until a waiting call looks at its run although no notice came."""
LONGEST_KEY = 200
FAILED = Reply(500, (replies.JSON,), b'{"message": "Error in workflow"}')
DONE = Reply(200, (replies.JSON,), b'{"message": "Workflow executed successfully"}')


@dataclass
class Call:
    """A call that was let in: the trigger it fell on, and the item its run starts with."""

    caught: Caught
    item: Item
    files: Sequence[tuple[str, bytes, str, str]] = ()
    key: str = ""  # the caller's Idempotency-Key
    fingerprint: str = ""
    text: str = field(default="", init=False)
    folder: "Staged | None" = field(default=None, init=False)

    @property
    def digest(self) -> str:
        """What the caller's key is remembered by."""
        where = f"{self.caught.method} {self.caught.path}\n{self.key}"
        return hashlib.sha256(where.encode()).hexdigest()


class Staged:
    """Files of a call whose run has no number yet; `settle` gives them to the run."""

    def __init__(self, team: int) -> None:
        self.team = team
        self.store = Binaries(
            settings.VAR / "binary",
            owner=f"{TEAM}{team}",
            run=f"call-{secrets.token_hex(16)}",
            quota=files_quota(),
        )
        self.records: dict[str, dict[str, Any]] = {}

    async def keep(self, files: Sequence[tuple[str, bytes, str, str]]) -> None:
        """Store them."""
        for key, data, kind, name in files:
            record = await self.store.keep(data, mime=kind or "application/octet-stream", name=name)
            self.records[key] = record

    def settle(self, run: int) -> dict[str, dict[str, Any]]:
        """Move them to the run; returns their records."""
        there = self.store.folder / str(run)
        there.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = {}
        for name, record in self.records.items():
            key = str(record["id"]).partition(".")[2]
            (self.store.folder / self.store.run / key).rename(there / key)
            made[name] = {**record, "id": f"{run}.{key}"}
        self.store.forget()
        return made


def digest_of(request: HttpRequest) -> str:
    """Return what tells what was sent from everything else that could be."""
    sent = [request.content_type or "", request.META.get("QUERY_STRING", "")]
    return hashlib.sha256("\n".join(sent).encode() + b"\n" + request.body).hexdigest()


async def begin(call: Call) -> int:
    """Start the run of a call; returns its number once it is kept.

    Raises:
        Refusal: it is too large, or its key was used for another call.
    """
    call.text = dumps([call.item]).decode()
    if len(call.text) > LARGEST_INPUT:
        raise Refusal(413, f"Too much data: at most {LARGEST_INPUT >> 20} MB beside files.")
    if call.files:
        call.folder = await sync_to_async(Staged)(call.caught.team)
        try:
            await call.folder.keep(call.files)
        except NodeError as error:
            raise Refusal(507, error.message) from None
    if call.key:
        return await sync_to_async(_begin_once)(call)
    return await _writer.put(call)


def _begin_all(calls: Sequence[Call]) -> list[int]:
    with transaction.atomic(), live.together():
        found = [_queued(call) for call in calls]
        note_calls({call.caught.pk for call in calls})
        leases.wake()
    return found


_writer: Batch[Call, int] = Batch(_begin_all, pause=PAUSE)


def _queued(call: Call) -> int:
    caught = call.caught
    execution = Execution.objects.create(
        team_id=caught.team, workflow_id=caught.workflow, version_id=caught.version,
        source=caught.kind, input_text=call.text, start_node=caught.node,
        mode=TEST if caught.test else PRODUCTION, started_by_id=caught.started_by,
    )  # fmt: skip
    if call.folder is not None:
        item = {**call.item, "binary": call.folder.settle(execution.pk)}
        Execution.objects.filter(pk=execution.pk).update(input_text=dumps([item]).decode())
    if call.caught.waits:
        Answer.objects.create(execution=execution, wish=dict(caught.wish))
    announce(execution.pk, caught.team)
    return execution.pk


def announce(run: int, team: int) -> None:
    """Let pages, and calls that wait, know that a run changed."""
    live.announce("executions", f"execution:{run}", teams=[team])


def note_calls(triggers: set[int]) -> None:
    """Write down that triggers were called."""
    Trigger.objects.filter(pk__in=triggers).update(last_at=timezone.now(), trouble="")


def _begin_once(call: Call) -> int:
    """Start a run, or return the one that was started with the same key."""
    found = _earlier(call)
    if found is not None:
        return found
    try:
        with transaction.atomic(), live.together():
            run = _queued(call)
            CallKey.objects.create(
                workflow_id=call.caught.workflow, digest=call.digest, execution_id=run,
                fingerprint=call.fingerprint,
            )  # fmt: skip
            note_calls({call.caught.pk})
            leases.wake()
            return run
    except IntegrityError:
        found = _earlier(call)
        if found is None:
            raise
        return found


def _earlier(call: Call) -> int | None:
    rows = CallKey.objects.filter(workflow=call.caught.workflow, digest=call.digest)
    row = rows.values_list("execution_id", "fingerprint").first()
    if row is None:
        return None
    if call.folder is not None:
        call.folder.store.forget()
    if row[1] != call.fingerprint:
        raise Refusal(409, "This Idempotency-Key was used for another call.")
    return int(row[0])


def forget_calls() -> None:
    """Delete answers and keys of calls that were long ago, and tests that are over."""
    now = timezone.now()
    ended = Answer.objects.exclude(execution__state__in=OPEN)
    ended.filter(created_at__lt=now - Answer.KEPT).delete()
    CallKey.objects.filter(created_at__lt=now - Answer.KEPT).delete()
    Trigger.objects.filter(test=True, until__lt=now).delete()


# -- waited for ----------------------------------------------------------------------------------


class Bell:
    """Rings when a run that is waited for has changed."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def offer(self, seq: int, changed: set[str], data: dict[str, list[Any]]) -> None:
        """Take what the hub tells."""
        self.event.set()


@asynccontextmanager
async def watching(run: int) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set when a run has changed."""
    bell = Bell()
    await hub.start()
    hub.watch(bell, {f"execution:{run}"})
    try:
        yield bell.event
    finally:
        hub.watch(bell, set())


async def reply_of(run: int, seconds: float) -> Reply | None:
    """Return what a run answers; None when it has not within so many seconds. It goes on then."""
    try:
        async with asyncio.timeout(seconds), watching(run) as changed:
            wait = FIRST_LOOK
            while True:
                try:
                    async with asyncio.timeout(wait):
                        await changed.wait()
                except TimeoutError:
                    wait = LOOK_EVERY
                changed.clear()
                reply = await sync_to_async(_look)(run)
                if isinstance(reply, Execution):
                    return await ended(reply)
                if reply is not None:
                    return reply
    except TimeoutError:
        return None


async def waited_for(run: int, seconds: float) -> Reply:
    """Return what a run answers; after so many seconds, that it has not."""
    reply = await reply_of(run, seconds)
    if reply is None:
        words = "The workflow has not answered in time. It goes on."
        return replies.of_json({"code": 504, "message": words, "executionId": str(run)}, 504)
    return reply


def _look(run: int) -> Reply | Execution | None:
    """Return the answer, or the run where it has ended without one; nothing while it is open."""
    answer = Answer.objects.filter(pk=run).first()
    if answer is not None and answer.status is not None:
        headers = tuple((name, value) for name, value in answer.headers)
        return Reply(answer.status, headers, bytes(answer.body), answer.page)
    execution = Execution.objects.select_related("answer").filter(pk=run).first()
    if execution is None:
        return Reply(410, (replies.JSON,), b'{"message": "The execution was deleted"}')
    return None if execution.state in OPEN else execution


async def ended(execution: Execution) -> Reply:
    """Return what is answered of a run that has ended, by what its call wished."""
    if execution.state != SUCCESS:
        return FAILED
    wish = execution.answer.wish if hasattr(execution, "answer") else {}
    if wish.get("mode") != LAST_NODE:
        return DONE
    steps = await sync_to_async(lambda: list(execution.steps()))()
    files = await sync_to_async(files_of)(execution)
    return await last_reply(wish, steps, files)


async def last_reply(wish: Mapping[str, Any], steps: Sequence[Any], files: Binaries) -> Reply:
    """Return what of the last node is answered, or why it cannot be."""
    try:
        return await replies.of_last_node(wish, steps, files.bytes_of)
    except NodeError as error:
        return replies.of_json({"code": 0, "message": error.message}, 500)


async def callers_secret(team: int, guard: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of the credential callers are checked by.

    Raises:
        Refusal: it is not there any more.
    """
    try:
        found = await lender(team)(CREDENTIALS[guard["kind"]], guard["credential"])
    except NodeError:
        raise Refusal(503, "The credential this webhook is guarded by is not there.") from None
    return found.values
