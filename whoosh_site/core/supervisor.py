"""Keeps the children of `manage.py up` alive, and stops them all.

Each child leads a process group of its own and dies with the supervisor (Linux: PR_SET_PDEATHSIG,
set again in every process the child forks). A child that ends is started again with back-off, its
whole group swept first. A django-q2 cluster can also be alive and deaf: a killed idle worker leaves
the shared queue locked for ever (django-q2 issue 23). So a cluster that lost a process, and every
cluster now and then, is asked to run a tiny job; one that stays silent while a worker is idle is
killed as a group and started anew. Leases make that safe. The asking needs the database, so it has
a thread of its own: children are started and stopped in time even while the database hangs.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5
LONGEST_PAUSE = 30.0
STEADY_AFTER = 10.0
LARGEST_LOG = 10 * 1024 * 1024
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent is gone (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def forks_die_with_parent() -> None:
    """Give every process this one forks the same promise: no orphan outlives a cluster."""
    if _libc is not None:
        os.register_at_fork(after_in_child=die_with_parent)


def follow_parent() -> None:
    """End this process and its group when its parent is gone, where the kernel does not do that."""
    if _libc is None:
        threading.Thread(target=_watch_parent, args=[os.getppid()], daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os.killpg(os.getpgid(0), signal.SIGKILL)


@dataclass
class Child:
    """One supervised process and its group."""

    name: str
    command: list[str]
    grace: float = 5.0
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self, log_file: IO[bytes]) -> None:
        """Start the process in a group of its own, output to its log file."""
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self.started_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the leading process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started_at

    def group(self) -> set[int]:
        """Return the process ids of the group."""
        if self.process is None:
            return set()
        return {pid for pid in psutil.pids() if _group_of(pid) == self.process.pid}

    def signal_group(self, number: int) -> None:
        """Send a signal to the whole group, if there is still one."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                return

    def ended(self) -> None:
        """Sweep what is left of the group and set the time of the next start."""
        self.signal_group(signal.SIGKILL)
        self.failures = 0 if self.age > STEADY_AFTER else self.failures + 1
        pause = 0.0 if self.failures <= 1 else min(LONGEST_PAUSE, 0.5 * 2 ** (self.failures - 2))
        self.not_before = time.monotonic() + pause
        self.process = None


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


class Watch:
    """Asks one cluster child whether it still works; subclasses know how.

    `look` and `started` run in the thread of the watches, everything else in the supervisor's.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self.seen: set[int] = set()
        self.verdict: tuple[float, str] = (0.0, "")
        """Start of the child that was judged, and why its group must be killed."""
        self._known_start = 0.0

    def watch(self) -> None:
        """Look once, if the child runs; keep the verdict."""
        start = self.child.started_at
        if self.reason or not self.child.alive:
            return
        if start != self._known_start:
            self._known_start = start
            self.started()
        self.verdict = (start, self.look())

    @property
    def reason(self) -> str:
        """Why the child that runs now must be killed, or nothing."""
        start, reason = self.verdict
        return reason if start == self.child.started_at else ""

    def started(self) -> None:
        """The child was just started."""
        self.seen = set()

    def look(self) -> str:
        """Return why the group must be killed, or nothing."""
        raise NotImplementedError

    def stop_gently(self) -> None:
        """Ask the child to end."""
        if self.child.process is not None:
            self.child.process.send_signal(signal.SIGTERM)

    def lost_a_process(self) -> bool:
        """Say whether a process of the group has gone since the last look."""
        now = self.child.group()
        lost = bool(self.seen - now)
        self.seen = now
        return lost

    def has_idle_worker(self) -> bool:
        """Say whether a worker waits for work, by its process title."""
        return any("idle" in _title(pid) for pid in self.child.group())


def _title(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


class Supervisor:
    """Starts children, restarts what ends, stops everything in order."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self.watches: dict[str, Watch] = {}
        self.logs = logs
        self.say = say
        self.stopping = False
        logs.mkdir(parents=True, exist_ok=True)

    def add(self, child: Child, watch: Watch | None = None) -> None:
        """Add a child and start it. Children stop in reverse order."""
        self.children.append(child)
        if watch is not None:
            self.watches[child.name] = watch
        self._start(child)

    def run(self, each_look: Callable[[], None] = lambda: None) -> None:
        """Watch until SIGTERM or SIGINT, then stop everything."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop_asked)
        threading.Thread(target=self._keep_watching, name="watches", daemon=True).start()
        try:
            while not self.stopping:
                for child in self.children:
                    self._look(child)
                each_look()
                time.sleep(LOOK_EVERY)
        finally:
            self.stop()

    def _keep_watching(self) -> None:
        while not self.stopping:
            for watch in self.watches.values():
                try:
                    watch.watch()
                except Exception:  # the edge of the watches
                    log.exception("could not look after %s", watch.child.name)
            time.sleep(LOOK_EVERY)

    def _stop_asked(self, *_: object) -> None:
        self.stopping = True

    def _start(self, child: Child) -> None:
        path = self.logs / f"{child.name}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log_file:
            child.start(log_file)

    def _look(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.not_before:
                self._start(child)
        elif not child.alive:
            code = child.process.returncode
            self.say(f"{child.name} ended ({_reason(code)}); starting it again")
            child.ended()
        elif child.name in self.watches:
            reason = self.watches[child.name].reason
            if reason:
                self.say(f"{child.name}: {reason}; starting it again")
                child.signal_group(signal.SIGKILL)
                child.process.wait()
                child.ended()

    def stop(self) -> None:
        """Ask every child to end, workers first; what outlives its grace is killed."""
        self.stopping = True
        began = time.monotonic()
        alive = [child for child in reversed(self.children) if child.alive]
        for child in alive:
            if child.name in self.watches:
                self.watches[child.name].stop_gently()
            elif child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        for child in alive:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, began + child.grace - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} did not end in time; killed")
            child.signal_group(signal.SIGKILL)
            child.process.wait()


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
