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
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workflows.engine.errors import NodeError, ScriptMemory, ScriptsOff, ScriptTimeout
from workflows.scripts.worker import (
    ANSWER,
    ASK,
    DROP,
    FAILED,
    HEAD,
    READY,
    REFUSED,
    START,
    Limits,
)

ROOT = Path(__file__).resolve().parents[2]
LOOK = 0.05  # seconds between looks at a busy worker's memory
START_LIMIT = 30.0
CONTEXTS = 32  # kept in one worker
PATIENCE = 0.25  # seconds a request waits before one more worker is started
GROWTH = 4  # at most so many times the usual number of workers
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
        self.contexts: OrderedDict[int, None] = OrderedDict()
        self._dropped: list[int] = []
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
            self._dropped.append(context)

    def flush(self) -> None:
        """Tell what was dropped; only for who holds the worker, between two requests."""
        dropped, self._dropped = self._dropped, []
        if dropped and self.alive:
            try:
                os.write(self._in, b"".join(HEAD.pack(0, DROP, one) for one in dropped))
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
    """The workers of this process."""

    def __init__(self, size: int = 2, limits: Limits | None = None) -> None:
        self.size = size
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
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._refused: tuple[float, ScriptsOff] | None = None

    async def take(self, wanted: Worker | None = None) -> Worker:
        """Return a worker for one request: `wanted` when it is free, any other, or a new one."""
        most = self.size
        while True:
            with self._lock:
                worker = self._free(wanted)
                if worker is not None:
                    return worker
                if len(self._workers) + self._starting < most:
                    self._starting += 1
                    break
                loop = asyncio.get_running_loop()
                turn: asyncio.Future[None] = loop.create_future()
                self._waiting.append((loop, turn))
            try:
                await asyncio.wait_for(turn, PATIENCE)
            except TimeoutError:
                most = self.size * GROWTH
        return await self._start()

    def _free(self, wanted: Worker | None) -> Worker | None:
        while self._idle:
            known = wanted is not None and wanted in self._idle
            worker = wanted if wanted is not None and known else self._idle[-1]
            self._idle.remove(worker)
            if worker.alive:
                return worker
            self._bury(worker)
        return None

    async def _start(self) -> Worker:
        worker = None
        try:
            if self._refused is not None and time.monotonic() - self._refused[0] < RETRY:
                raise self._refused[1]
            worker = Worker(self.limits)
            await worker.ready()
        except BaseException as error:
            if worker is not None:
                worker.kill()
            if isinstance(error, ScriptsOff) and self._refused is None:
                self._refused = (time.monotonic(), error)
            raise
        else:
            self._refused = None
            with self._lock:
                self._workers.append(worker)
            return worker
        finally:
            with self._lock:
                self._starting -= 1

    def give(self, worker: Worker) -> None:
        """Give a worker back after its request."""
        with self._lock:
            if not worker.alive or len(self._workers) > self.size or self._is_fat(worker):
                self._bury(worker)
            elif worker in self._workers:
                worker.flush()
                self._idle.append(worker)
            while self._waiting:
                loop, turn = self._waiting.popleft()
                if not turn.done():
                    with contextlib.suppress(RuntimeError):  # its loop has ended meanwhile
                        loop.call_soon_threadsafe(_wake(turn))
                        break

    def drop(self, worker: Worker, context: int) -> None:
        """Let go of a context, whoever holds its worker."""
        with self._lock:
            worker.drop(context)
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


def _wake(turn: "asyncio.Future[None]") -> Callable[[], Any]:
    return lambda: None if turn.done() else turn.set_result(None)


_shared: Pool | None = None


def shared() -> Pool:
    """Return the pool of this process; no worker is started yet."""
    global _shared
    if _shared is None:
        _shared = Pool()
        atexit.register(_shared.close)
    return _shared
