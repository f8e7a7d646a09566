"""Carrying jobs at hosts: claimed, done there, heard, and written down under their lease."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.db.models import Count, F
from django.utils import timezone

from agents.errors import (
    AgentBusy,
    AgentFailed,
    AgentOffline,
    AgentSlow,
    ModelMissing,
    NoAgent,
    RequestRefused,
)
from agents.live import tell_job
from agents.models import Agent, AgentModel, ModelJob
from agents.models.calls import CANCELED, ERROR, SUCCESS
from agents.protocols import HostProtocol, Progress
from agents.services.endpoints import host_of
from agents.services.health import check_soon, refresh_soon
from agents.services.keeping import kept_at
from agents.services.learning import LOADED_IN
from agents.services.managing import ENDS_A_STAY, calls_on, in_use
from whoosh_site.core import leases, live
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.leases import QUARANTINED, RUNNING, Lease

Verb = ModelJob.Verb
PULLS_AT_ONCE = 2
"""How many models one host fetches at a time: more share the same line and disk."""
WRITE_EVERY = 1.0
STALLED = 300.0
"""Seconds without a new byte or word, although the host sends lines: asking again often helps."""
SHIFT, NEXT_SHIFT = 600.0, timedelta(seconds=2)
"""Seconds after which a pull is asked for anew: a runner ends only with nothing in its hands."""
RATE_OVER = 10.0
MOST_LAYERS = 200
TRIES = 5
"""How often in a row a host may fail a pull without a byte; one that is away is waited for."""
LONGEST_PAUSE = timedelta(seconds=60)


# -- taking ------------------------------------------------------------------------------------


def claim_jobs(owner: str, limit: int) -> list[Lease[ModelJob]]:
    """Take due jobs for this owner, of each host no more pulls than it does at a time."""
    if not _startable(limit):  # reads only: takes no write lock
        return []
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer anyway
            due = ModelJob.objects.due().values("agent")
            rows = Agent.objects.filter(pk__in=due).order_by("pk")
            list(rows.select_for_update(no_key=True).values("pk"))
        claimed = [leases.claim_one(ModelJob, pk, owner) for pk in _startable(limit)]
    return [lease for lease in claimed if lease is not None]


def _startable(limit: int) -> list[int]:
    pulls = ModelJob.objects.filter(state=RUNNING, verb=Verb.PULL)
    counted = pulls.values_list("agent").annotate(n=Count("pk")).order_by()
    busy: Counter[int] = Counter(dict(counted))
    full = [agent for agent, count in busy.items() if count >= PULLS_AT_ONCE]
    due = ModelJob.objects.due().exclude(verb=Verb.PULL, agent__in=full)
    found = []
    for pk, verb, agent in due.order_by("priority", "due_at", "pk").values_list(
        "pk", "verb", "agent"
    )[:limit]:
        if verb == Verb.PULL:
            busy[agent] += 1
        if verb != Verb.PULL or busy[agent] <= PULLS_AT_ONCE:
            found.append(pk)
    return found


# -- doing -------------------------------------------------------------------------------------


async def run_job(lease: Lease[ModelJob]) -> None:
    """Carry a claimed job to its end, or put it back when it has to be tried again."""
    job = await sync_to_async(_taken)(lease)
    if job is None:
        return  # its agent is gone, or somebody else carries it by now
    if job.cancel_asked:  # between two looks, or before its process died
        await sync_to_async(canceled_job)(lease)
        return
    try:
        host = host_of(job.agent, job.agent.health.found_protocol)
        if host is None:
            raise NoAgent(f"waits for the first check of {job.agent.name}")
        if job.verb not in host.verbs:  # another software listens there by now
            raise RequestRefused(f"{job.agent.name} speaks {host.label} by now.")
        done = await DO[Verb(job.verb)](host, lease, job)
    except WhooshError as error:
        await sync_to_async(_failed)(lease, job, error)
        return
    if done:
        await sync_to_async(_succeeded)(lease, job)


def _taken(lease: Lease[ModelJob]) -> ModelJob | None:
    mine = {"state": RUNNING, "owner": lease.owner, "attempt": lease.attempt}
    rows = ModelJob.objects.filter(pk=lease.pk, **mine)
    job = rows.select_related("agent__health", "agent__team").first()
    if job is not None:
        tell_job(job)
    return job


async def _pull(host: HostProtocol, lease: Lease[ModelJob], job: ModelJob) -> bool:
    hearing = Hearing(lease, job)
    try:
        return await hearing.listen(host)
    finally:
        job.layers, job.tries = hearing.layers, 0 if hearing.moved else job.tries


async def _load(host: HostProtocol, lease: Lease[ModelJob], job: ModelJob) -> bool:
    kept, began = await sync_to_async(kept_at)(job.agent, job.model_name), time.monotonic()
    await host.load(job.model_name, kept)
    took = (time.monotonic() - began) * 1000
    if took > LOADED_IN:  # else it was there already
        rows = AgentModel.objects.filter(agent=job.agent, model__name=job.model_name, load_ms=None)
        await sync_to_async(rows.update)(load_ms=took)
    return True


async def _unload(host: HostProtocol, lease: Lease[ModelJob], job: ModelJob) -> bool:
    await sync_to_async(_still_unused)(job)
    await host.unload(job.model_name)
    return True


async def _delete(host: HostProtocol, lease: Lease[ModelJob], job: ModelJob) -> bool:
    await sync_to_async(_still_unused)(job)
    with contextlib.suppress(ModelMissing):  # gone already, perhaps by an attempt that died
        await host.delete(job.model_name)
    return True


def _still_unused(job: ModelJob) -> None:
    """Raise RequestRefused when calls began on the model since the job was asked for."""
    if job.force or job.verb not in ENDS_A_STAY:
        return
    if running := calls_on(job.agent, job.model_name):
        raise RequestRefused(f"{in_use(job.agent, job.model_name, [], len(running))} or force it.")


DO: dict[str, Callable[[HostProtocol, Lease[ModelJob], ModelJob], Coroutine[Any, Any, bool]]] = {
    Verb.PULL: _pull,
    Verb.LOAD: _load,
    Verb.UNLOAD: _unload,
    Verb.DELETE: _delete,
}


class Hearing:
    """One connection's worth of a pull: what the host says, written down once a second.

    Ollama tells bytes layer by layer. What earlier connections heard stays known, so that the
    figures go on where they were; a host that has less than that by now says so itself.
    """

    def __init__(self, lease: Lease[ModelJob], job: ModelJob) -> None:
        self.lease = lease
        self.job = job
        self.layers: dict[str, list[int]] = dict(job.layers)
        self.said = ""
        self.heard: set[str] = set()  # layers this connection told of
        self.fetched = 0  # bytes that came over this connection
        self.moved = False
        self.began = self.moved_at = time.monotonic()
        self.written_at = 0.0
        self.marks: deque[tuple[float, int]] = deque([(self.began, 0)])

    async def listen(self, host: HostProtocol) -> bool:
        """Hear the host out; False when the job goes on elsewhere, or later."""
        teams = await sync_to_async(lambda: self.job.team_ids)()
        async with contextlib.aclosing(host.pull(self.job.model_name)) as steps:
            async for step in steps:
                now = time.monotonic()
                self._hear(step, now)
                if now - self.moved_at > STALLED:
                    raise AgentSlow(f"{self.job.agent.endpoint} makes no progress with the pull.")
                if now - self.written_at >= WRITE_EVERY:
                    self.written_at = now
                    if not await sync_to_async(self._write)(teams):
                        return False  # not ours any more: leaving closes the connection
                if now - self.began > SHIFT:
                    self.job.layers = self.layers
                    await sync_to_async(_put_back)(self.lease, self.job, "", NEXT_SHIFT)
                    return False
        return await sync_to_async(self._write)(teams)

    def _hear(self, step: Progress, now: float) -> None:
        if step.status != self.said:
            self.said, self.moved_at = step.status, now
        if not step.digest or step.total is None:
            return
        known = self.layers.get(step.digest)
        if known is None and len(self.layers) >= MOST_LAYERS:
            return
        completed = min(step.completed or 0, step.total)
        if known is None or completed > known[1]:
            self.moved, self.moved_at = True, now
        if step.digest in self.heard and known is not None:
            self.fetched += max(completed - known[1], 0)
        self.heard.add(step.digest)
        self.layers[step.digest] = [step.total, completed]

    def _rate(self, now: float) -> float | None:
        self.marks.append((now, self.fetched))
        while now - self.marks[0][0] > RATE_OVER and len(self.marks) > 2:
            self.marks.popleft()
        since, before = self.marks[0]
        return (self.fetched - before) / max(now - since, 0.001) if self.fetched > before else None

    @transaction.atomic
    def _write(self, teams: Sequence[int]) -> bool:
        news = {"said": self.said, "layers": self.layers, "rate": self._rate(time.monotonic())}
        if self.moved:
            news |= {"tries": 0, "deaths": 0, "trouble": ""}
        mine = self.lease.write(**news)
        if mine:
            live.announce("jobs", teams=teams)
        return mine


# -- endings: one transaction each, fenced by the lease ----------------------------------------


@transaction.atomic
def _succeeded(lease: Lease[ModelJob], job: ModelJob) -> None:
    if _ended(lease, job, SUCCESS):
        refresh_soon(job.agent)


@transaction.atomic
def _failed(lease: Lease[ModelJob], job: ModelJob, error: WhooshError) -> None:
    if isinstance(error, AgentOffline):
        check_soon(job.agent)
    if _goes_on(job, error):
        pause = min(timedelta(seconds=2 ** min(job.tries, 10)), LONGEST_PAUSE)
        _put_back(lease, job, error.message, pause, tries=job.tries + 1)
    else:
        _ended(lease, job, ERROR, error=error.message, error_code=error.code)


def _goes_on(job: ModelJob, error: WhooshError) -> bool:
    """Whether a pull is tried again: always when the host is away, else while that may help."""
    if isinstance(error, NoAgent):
        return True
    if job.verb != Verb.PULL:
        return False
    if isinstance(error, AgentFailed):
        return job.tries < TRIES
    return isinstance(error, AgentOffline | AgentSlow | AgentBusy)


@transaction.atomic
def _put_back(
    lease: Lease[ModelJob], job: ModelJob, why: str, pause: timedelta, **fields: Any
) -> None:
    known = {"trouble": why, "layers": job.layers, "rate": None}
    if lease.put_back(timezone.now() + pause, **known, **fields):
        tell_job(job)


@transaction.atomic
def canceled_job(lease: Lease[ModelJob]) -> None:
    """End a job whose coroutine was canceled because somebody asked for it.

    Without that wish its runner is stopping, or another one carries it by now.
    """
    job = ModelJob.objects.select_related("agent").filter(pk=lease.pk, cancel_asked=True).first()
    if job is not None:
        _ended(lease, job, CANCELED)


def _ended(lease: Lease[ModelJob], job: ModelJob, state: str, **fields: Any) -> bool:
    mine = lease.finish(state, finished_at=timezone.now(), said="", rate=None, **fields)
    if mine:
        tell_job(job)
    return mine


@transaction.atomic
def jobs_returned(found: leases.Returned) -> None:
    """Write why jobs in quarantine ended, and show what became of jobs whose process died."""
    ended = ModelJob.objects.filter(pk__in=found.quarantined, state=QUARANTINED, finished_at=None)
    ended.update(finished_at=timezone.now(), error=F("trouble"), error_code=QUARANTINED, rate=None)
    for job in ModelJob.objects.filter(pk__in=[*found.queued, *found.quarantined]):
        tell_job(job)
