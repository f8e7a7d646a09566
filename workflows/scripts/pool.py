"""The host's side: a few worker processes, started when needed, ended from outside when they must.

A worker serves one request at a time and holds a context for each of several executions. Who asks
gets the worker that knows its context when it is free, another one otherwise: contexts hold nothing
that cannot be handed over again. Works from any event loop and thread, and after a fork.
"""

import asyncio
import atexit
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

from workflows.engine.errors import NodeError, ScriptMemory, ScriptsOff, ScriptTimeout
from workflows.scripts.turns import Turn, Turns
from workflows.scripts.worker import (
    ANSWER,
    ASK,
    DROP,
    FAILED,
    HEAD,
    READY,
    REFUSED,
    RENEW,
    START,
    Limits,
)

ROOT = Path(__file__).resolve().parents[2]
LOOK = 0.05  # seconds between looks at a busy worker's memory
START_LIMIT = 30.0
CONTEXTS = 32  # kept in one worker
PATIENCE = 0.25  # seconds a request waits before one more worker is started
GROWTH = 4  # at most so many times the usual number of workers
ALONE = 0.75  # of them: what one owner gets at most
RETRY = 60.0  # seconds until a refused start is tried again
PIPE_SIZE = 1 << 20
SET_PIPE_SIZE = 1031


class WorkerLost(NodeError):
    """The worker ended before it took the request: asking another one is safe."""


class Worker:
    """One process. Frames go in and out without blocking the caller's event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.level = ""
        self.owner = ""  # who holds it
        self.contexts: OrderedDict[int, None] = OrderedDict()
        self._untold: list[tuple[int, int]] = []
        self.host = os.getpid()
        options = json.dumps({"limits": asdict(limits), "parent": self.host})
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", START, str(ROOT), options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, SET_PIPE_SIZE, PIPE_SIZE)

    async def ready(self) -> None:
        """Wait for its first word. Raises ScriptsOff when it refuses to run."""
        try:
            kind, body = await self._receive(START_LIMIT)
        except NodeError:
            kind, body = 0, b""
        if kind == REFUSED:
            self.kill()
            raise ScriptsOff(
                "Scripts are off: their process cannot run closed in on this machine",
                description=f"{body.decode(errors='replace')}. Install requirements.txt, and allow "
                "seccomp filters to the user WHOOSH runs as (in containers a security option).",
            )
        if kind != READY:
            self.kill()
            raise ScriptsOff("Scripts are off: their process did not start")
        self.level = body.decode(errors="replace")

    async def ask(self, context: int, body: bytes, limit: float) -> bytes:
        """Send a request to a context (a new one when it is not known), return the answer.

        Raises ScriptTimeout and ScriptMemory after ending the process, WorkerLost when it was dead.
        """
        self.contexts[context] = None
        self.contexts.move_to_end(context)
        while len(self.contexts) > CONTEXTS:
            self.drop(next(iter(self.contexts)))
        self.flush()
        try:
            await self._send(HEAD.pack(len(body), ASK, context) + body, limit)
            kind, answer = await self._receive(limit)
        except BaseException:
            self.kill()  # also when the caller was cancelled: the script may run on
            raise
        if kind == ANSWER:
            return answer
        self.kill()
        raise self._failure(kind, answer)

    def drop(self, context: int) -> None:
        """Let go of a context. Told to the process by `flush`: now it may be in mid-sentence."""
        if self.contexts.pop(context, 0) is None:
            self._untold.append((DROP, context))

    def renew(self, context: int) -> None:
        """Have a context made as new, for another run; told by `flush` too."""
        if context in self.contexts:
            self._untold.append((RENEW, context))

    def flush(self) -> None:
        """Tell what was dropped or is to be new; for who holds the worker, between requests."""
        untold, self._untold = self._untold, []
        if untold and self.alive:
            try:
                os.write(self._in, b"".join(HEAD.pack(0, kind, one) for kind, one in untold))
            except OSError:
                self.kill()

    def _failure(self, kind: int, answer: bytes) -> NodeError:
        try:
            reason, told = json.loads(answer) if kind == FAILED else ("", "")
        except (ValueError, TypeError):
            reason, told = "", ""
        if reason == "memory":
            return _too_much(self.limits.heap)
        if reason == "size":
            most = self.limits.answer >> 20
            return NodeError(f"The result of the script is larger than {most} MB.")
        return NodeError(
            f"The script engine failed: {told}" if told else "The script engine failed."
        )

    async def _send(self, frame: bytes, limit: float) -> None:
        left = memoryview(frame)
        deadline = time.monotonic() + limit
        while True:
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                pass
            except OSError:
                raise WorkerLost("The script process has ended.") from None
            if not left:
                return
            await self._wait(self._in, deadline, limit, writing=True)

    async def _receive(self, limit: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + limit
        found = bytearray()
        wanted = HEAD.size
        kind = 0
        while len(found) < wanted or not kind:
            try:
                piece = os.read(self._out, PIPE_SIZE)
            except BlockingIOError:
                await self._wait(self._out, deadline, limit)
                continue
            if not piece:
                raise self._ended()
            found += piece
            if not kind and len(found) >= HEAD.size:
                length, kind, _ = HEAD.unpack_from(found)
                wanted = HEAD.size + length
                if length > self.limits.answer + PIPE_SIZE or not kind:
                    raise _too_much(self.limits.answer)
        return kind, bytes(memoryview(found)[HEAD.size :])

    async def _wait(self, pipe: int, deadline: float, limit: float, writing: bool = False) -> None:
        """Wait until the pipe is ready, looking at memory and clock meanwhile."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def look() -> None:
            problem = self._problem(deadline, limit)
            if problem is None:
                timers.append(loop.call_later(LOOK, look))
            elif not woken.done():
                woken.set_exception(problem)

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timers = [loop.call_later(LOOK, look)]
        (loop.add_writer if writing else loop.add_reader)(pipe, wake)
        try:
            await woken
        finally:
            timers[-1].cancel()
            (loop.remove_writer if writing else loop.remove_reader)(pipe)

    def _problem(self, deadline: float, limit: float) -> NodeError | None:
        if time.monotonic() > deadline:
            return ScriptTimeout(f"The script ran longer than {limit:g} seconds and was ended.")
        if self.memory > self.limits.memory:
            return _too_much(self.limits.memory)
        return None

    def _ended(self) -> NodeError:
        """The error for a process that ended while it worked: V8 gives up when memory does."""
        self.kill()
        return ScriptMemory("The script process ended: it wanted more memory than it may have.")

    @property
    def memory(self) -> int:
        """Resident bytes, memory outside of V8's heap included."""
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * PAGE
        except (OSError, ValueError, IndexError):
            return _memory_elsewhere(self.process.pid)

    @property
    def alive(self) -> bool:
        """Whether it can be asked, by this process."""
        return self.host == os.getpid() and self.process.poll() is None

    def kill(self) -> None:
        """End it now and close its pipes."""
        if self.host != os.getpid():
            return
        self.contexts.clear()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


PAGE = os.sysconf("SC_PAGESIZE")


def _memory_elsewhere(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _too_much(limit: int) -> ScriptMemory:
    return ScriptMemory(f"The script wanted more memory than {limit >> 20} MB and was ended.")


class Pool:
    """The workers of this process, shared fairly between owners (teams).

    Whoever waits and holds fewest is next. One owner alone gets no more than ALONE of all there may
    be, so that others find room at once however long its scripts run.
    """

    def __init__(self, size: int = 2, limits: Limits | None = None) -> None:
        self.size = size
        self.most = size * GROWTH
        self.most_of_one = max(int(self.most * ALONE), 1)
        self.limits = limits or Limits()
        self._parents: list[Worker] = []
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # A forked child never touches its parent's workers, nor lets them be collected.
        self._parents += getattr(self, "_workers", [])
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []
        self._starting = 0
        self._turns: Turns[Worker] = Turns()
        self._refused: tuple[float, ScriptsOff] | None = None

    async def take(self, owner: str = "", wanted: Worker | None = None) -> Worker:
        """Return a worker for one request: `wanted` when it is free, any other, or a new one."""
        turn = Turn(owner, wanted)
        self._ask(turn)
        try:
            await turn.come(PATIENCE)
            if not turn.served:
                turn.patient = False
                self._ask(None)
                await turn.come()
        except BaseException:
            self._leave(turn)
            raise
        return turn.given or await self._start(owner)

    def _ask(self, turn: Turn[Worker] | None) -> None:
        with self._lock:
            if turn is not None:
                self._turns.add(turn)
            self._serve()

    def _leave(self, turn: Turn[Worker]) -> None:
        """Forget who was canceled while it waited, or just when it was served."""
        if turn.given is not None:
            self.give(turn.given)
            return
        with self._lock:
            self._turns.remove(turn)
            if turn.served:
                self._starting -= 1
                self._turns.back(turn.owner)
            self._serve()

    def _serve(self) -> None:
        """Hand what is free to those who wait, and room for new workers; the rest is ended."""
        for worker in [one for one in self._idle if not one.alive]:
            self._idle.remove(worker)
            self._bury(worker)
        while (turn := self._turns.next(self._has_for)) is not None:
            worker = self._free(turn.wanted)
            if worker is not None:
                worker.owner = turn.owner
            if turn.serve(worker):
                self._starting += worker is None
                continue
            self._turns.back(turn.owner)
            self._idle += [worker] if worker is not None else []
        while self._idle and len(self._workers) > self.size:
            self._bury(self._idle.pop(0))

    def _has_for(self, turn: Turn[Worker]) -> bool:
        if self._turns.held[turn.owner] >= self.most_of_one:
            return False
        most = self.size if turn.patient else self.most
        return bool(self._idle) or len(self._workers) + self._starting < most

    def _free(self, wanted: Worker | None) -> Worker | None:
        if wanted is not None and wanted in self._idle:
            self._idle.remove(wanted)
            return wanted
        return self._idle.pop() if self._idle else None

    async def _start(self, owner: str) -> Worker:
        worker = None
        try:
            if self._refused is not None and time.monotonic() - self._refused[0] < RETRY:
                raise self._refused[1]
            worker = Worker(self.limits)
            worker.owner = owner
            await worker.ready()
        except BaseException as error:
            if worker is not None:
                worker.kill()
            if isinstance(error, ScriptsOff) and self._refused is None:
                self._refused = (time.monotonic(), error)
            with self._lock:
                self._starting -= 1
                self._turns.back(owner)
                self._serve()
            raise
        self._refused = None
        with self._lock:
            self._starting -= 1
            self._workers.append(worker)
        return worker

    def give(self, worker: Worker) -> None:
        """Give a worker back after its request."""
        with self._lock:
            self._turns.back(worker.owner)
            if not worker.alive or self._is_fat(worker):
                self._bury(worker)
            elif worker in self._workers:
                worker.flush()
                self._idle.append(worker)
            self._serve()

    def drop(self, worker: Worker, context: int) -> None:
        """Let go of a context, whoever holds its worker."""
        with self._lock:
            worker.drop(context)
            if worker in self._idle:
                worker.flush()

    def renew(self, worker: Worker, context: int) -> None:
        """Have a context made as new: what a run left in it is gone, or the context is."""
        with self._lock:
            worker.renew(context)
            if worker in self._idle:
                worker.flush()

    def _is_fat(self, worker: Worker) -> bool:
        return worker.memory > self.limits.memory * 3 // 4

    def _bury(self, worker: Worker) -> None:
        worker.kill()
        if worker in self._workers:
            self._workers.remove(worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            workers, self._workers, self._idle = self._workers, [], []
        for worker in workers:
            worker.kill()


_shared: Pool | None = None


def shared() -> Pool:
    """Return the pool of this process; no worker is started yet."""
    global _shared
    if _shared is None:
        _shared = Pool()
        atexit.register(_shared.close)
    return _shared
