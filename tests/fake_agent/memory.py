"""What is loaded and who may use it: Ollama's scheduler in small.

A request for a model that must be loaded enters a queue of limited length, worked off one by one:
room is made, the model is loaded. A request for a loaded model skips that queue and waits, without
limit, for one of the model's slots. (ollama/ollama, server/sched.go.)
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.clock import Clock
from tests.fake_agent.settings import Settings

LOAD_OPTIONS = {"num_ctx": None, "num_batch": 512, "main_gpu": 0, "use_mmap": None, "num_thread": 0}
"""Options that are fixed when a model is loaded, and what they are when left out."""


class QueueFull(Exception):
    """The queue of models to be loaded is full."""


@dataclass(frozen=True)
class Need:
    """What a request wants of the memory; keep_alive in seconds, negative for ever."""

    model: FakeModel
    keep_alive: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def setup(self) -> dict[str, Any]:
        """The load-time options, as far as they decide about a reload."""
        found = {name: self.options.get(name, value) for name, value in LOAD_OPTIONS.items()}
        if found["num_ctx"] is not None:
            least = 2048 if self.model.can("vision") else 1
            found["num_ctx"] = min(max(int(found["num_ctx"]), least), self.model.context_length)
        if self.options.get("num_gpu", -1) != -1:
            found["num_gpu"] = self.options["num_gpu"]
        return found


@dataclass
class Runner:
    """One loaded model."""

    model: FakeModel
    setup: dict[str, Any]
    context: int
    keep_alive: float
    slots: asyncio.Semaphore
    users: int = 0
    expires: float = math.inf
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Stay:
    """A request's time with a runner: how long it waited for what, in host seconds."""

    runner: Runner
    load: float = 0.0
    slot_wait: float = 0.0


class Memory:
    """The loaded models of one host."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.loads: Counter[str] = Counter()
        self.queued = 0
        self.waiting = 0
        self.running = 0
        self.peak_running = 0
        self.asked: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._runners: dict[str, Runner] = {}
        self._turn = asyncio.Lock()

    @property
    def answered(self) -> int:
        """How many answers were given."""
        return self.answers.total()

    def loaded(self) -> list[Runner]:
        """Return what is in memory now."""
        now = self.clock.now()
        for runner in list(self._runners.values()):
            if not runner.users and runner.expires <= now:
                self._drop(runner)
        return list(self._runners.values())

    def holds(self, model: FakeModel) -> Runner | None:
        """Return a model's runner."""
        return next((found for found in self.loaded() if found.model.name == model.name), None)

    def preload(self, model: FakeModel) -> None:
        """Have a model in memory for ever, as hosts of one model do."""
        self._load(Need(model, keep_alive=-1))

    def unload(self, model: FakeModel) -> None:
        """Let a model go, at once or when its last user leaves."""
        runner = self.holds(model)
        if runner is None:
            return
        runner.keep_alive = 0
        if not runner.users:
            self._drop(runner)

    @contextlib.asynccontextmanager
    async def hold(self, need: Need) -> AsyncIterator[Stay]:
        """Have the model loaded as long as the block lasts.

        Raises:
            QueueFull: too many others wait for a model to be loaded.
        """
        began = self.clock.now()
        runner, nominal = await self._runner(need)
        try:
            yield Stay(runner, load=self.clock.since(began, nominal))
        finally:
            self._leave(runner)

    @contextlib.asynccontextmanager
    async def use(self, need: Need) -> AsyncIterator[Stay]:
        """Have the model loaded and one of its slots; raises as `hold` does."""
        self.asked[need.model.name] += 1
        async with self.hold(need) as stay:
            began = self.clock.now()
            await self._slot(stay.runner)
            try:
                stay.slot_wait = self.clock.now() - began
                yield stay
                self.answers[need.model.name] += 1
            finally:
                self.running -= 1
                stay.runner.slots.release()

    async def _slot(self, runner: Runner) -> None:
        self.waiting += 1
        try:
            await runner.slots.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        self.peak_running = max(self.peak_running, self.running)

    async def _runner(self, need: Need) -> tuple[Runner, float]:
        """Return the runner, entered, and the seconds its loading was meant to take."""
        runner = self._fitting(need)
        if runner is not None:
            return self._enter(runner, need), 0.0
        if self.queued >= self.settings.max_queue:
            raise QueueFull
        self.queued += 1
        try:
            await self._turn.acquire()
        finally:
            self.queued -= 1
        try:
            return await self._schedule(need)
        finally:
            self._turn.release()

    async def _schedule(self, need: Need) -> tuple[Runner, float]:
        runner = self._fitting(need)
        if runner is not None:
            return self._enter(runner, need), 0.0
        old = self.holds(need.model)
        if old is not None:
            await self._evict(old)
        while len(self.loaded()) >= self.settings.max_loaded:
            await self._evict(min(self.loaded(), key=_reluctance))
        seconds = self.settings.load_seconds
        await self.clock.sleep(seconds)
        return self._enter(self._load(need), need), seconds

    def _fitting(self, need: Need) -> Runner | None:
        runner = self.holds(need.model)
        return runner if runner is not None and runner.setup == need.setup else None

    def _load(self, need: Need) -> Runner:
        setup, settings = need.setup, self.settings
        runner = Runner(
            model=need.model,
            setup=setup,
            context=setup["num_ctx"] or min(settings.context, need.model.context_length),
            keep_alive=settings.keep_alive if need.keep_alive is None else need.keep_alive,
            slots=asyncio.Semaphore(settings.slots_for(need.model)),
        )
        self._runners[need.model.name] = runner
        self.loads[need.model.name] += 1
        return runner

    async def _evict(self, runner: Runner) -> None:
        while runner.users:
            await runner.idle.wait()
        self._drop(runner)

    def _drop(self, runner: Runner) -> None:
        if self._runners.get(runner.model.name) is runner:
            del self._runners[runner.model.name]

    def _enter(self, runner: Runner, need: Need) -> Runner:
        runner.users += 1
        runner.idle.clear()
        if need.keep_alive is not None:
            runner.keep_alive = need.keep_alive
        return runner

    def _leave(self, runner: Runner) -> None:
        runner.users -= 1
        if runner.users:
            return
        runner.idle.set()
        forever = runner.keep_alive < 0
        runner.expires = math.inf if forever else self.clock.now() + runner.keep_alive
        if runner.keep_alive == 0:
            self._drop(runner)


def _reluctance(runner: Runner) -> tuple[bool, float, float]:
    """Order in which models make room: idle ones first, then the shortest-lived."""
    patience = math.inf if runner.keep_alive < 0 else runner.keep_alive
    return bool(runner.users), patience, runner.expires
