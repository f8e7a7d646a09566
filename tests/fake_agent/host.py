"""A fake model host: an HTTP server that behaves like Ollama, llama.cpp, vLLM, LM Studio or a
plain /v1 server, and misbehaves on demand."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self

from aiohttp import web

from tests.fake_agent.catalog import Catalog, FakeModel
from tests.fake_agent.clock import Clock
from tests.fake_agent.control import Control
from tests.fake_agent.downloads import Downloads
from tests.fake_agent.engine import Engine
from tests.fake_agent.faults import Faults
from tests.fake_agent.gate import Gate
from tests.fake_agent.listener import LOOPBACK, Listener
from tests.fake_agent.memory import Memory
from tests.fake_agent.ollama import Inference
from tests.fake_agent.ollama_models import Library
from tests.fake_agent.openai import Compatible
from tests.fake_agent.others import extra_routes, missing, v1_error
from tests.fake_agent.record import Record, Seen
from tests.fake_agent.settings import Flavour, Settings
from tests.fake_agent.wire import HOST, Json, Part, Refusal

LARGEST_REQUEST = 64 * 1024 * 1024
PATIENCE = 10
"""Real seconds other threads wait for the server's."""


class FakeHost:
    """One host on a free port of 127.0.0.1.

    `async with FakeHost("ollama", pace=0) as host:` serves in the running loop, `with
    running(FakeHost(...)) as host:` in a thread of its own; `host.url` is where. The further
    arguments are the fields of Settings. `faults`, `clock`, `settings`, `down` and `up` may be
    used from any thread while it runs.
    """

    def __init__(self, flavour: str = "ollama", **settings: Any) -> None:
        self.settings = Settings(flavour, **settings)
        self.clock = Clock(self.settings.pace)
        self.catalog = Catalog(
            self.settings.models, tagged=self.kind.native, any_name=self.kind.any_name
        )
        self.memory = Memory(self.settings, self.clock)
        self.downloads = Downloads(self.settings, self.clock)
        self.engine = Engine(self.settings, self.clock, self.memory)
        self.record = Record()
        self.faults = Faults(self._refuse, self.up)
        self.began = int(self.clock.moment(0).timestamp())
        self.loading = False
        self._listener = Listener(self.settings.port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False

    # -- what tests look at --------------------------------------------------------------------

    @property
    def kind(self) -> Flavour:
        """The software played."""
        return self.settings.kind

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://{LOOPBACK}:{self._listener.port}"

    @property
    def requests(self) -> list[Seen]:
        """The requests seen, oldest first."""
        return self.record.requests

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return self.record.in_flight

    @property
    def canceled(self) -> int:
        """How many callers left before their answer ended."""
        return self.record.canceled

    def state(self, last: int = 20) -> Json:
        """Return everything countable, and the last requests."""
        record, memory = self.record, self.memory
        seen = record.requests[-last:] if last else []
        return {
            "seen": record.seen,
            "in_flight": record.in_flight,
            "peak": record.peak,
            "canceled": record.canceled,
            "statuses": {str(status): count for status, count in record.statuses.items()},
            "loads": dict(memory.loads),
            "loaded": [runner.model.name for runner in memory.loaded()],
            "queued": memory.queued,
            "waiting": memory.waiting,
            "running": memory.running,
            "peak_running": memory.peak_running,
            "fetched": dict(self.downloads.fetched),
            "answered": memory.answered,
            "faults": dict(self.faults.used),
            "requests": [
                {**one._asdict(), "body": one.body.decode(errors="replace")} for one in seen
            ],
        }

    # -- what the routes ask -------------------------------------------------------------------

    def model(self, name: str) -> FakeModel:
        """Return a model.

        Raises:
            Refusal: the host has none of this name.
        """
        found = self.catalog.find(name)
        if found is None and not name:
            raise Refusal(400, "model is required")
        if found is None:
            raise missing(self.kind, name)
        return found

    def stamp(self, at: float | None = None) -> str:
        """Return a moment of host time as Go prints it, down to nanoseconds."""
        return self.clock.moment(at).isoformat(timespec="microseconds")[:26] + "321Z"

    def v1_error(self, status: int, message: str) -> Json:
        """Return the body of an error under /v1."""
        return v1_error(self.kind, status, message)

    # -- life ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        self.clock.bind(self._loop)
        self._runner = web.AppRunner(
            self._app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        self._serving = True
        self._open()
        if not self.kind.on_demand:
            self._load_all()

    async def stop(self) -> None:
        """Close everything, whatever is going on."""
        self._serving = False
        self._close()
        for task in list(self._tasks):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def down(self) -> None:
        """Refuse connections and break off the open ones; from any thread."""
        self._in_loop(self._close)

    def up(self) -> None:
        """Listen again, on the same port; from any thread."""
        self._in_loop(self._open)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[Gate(self).middleware])
        app[HOST] = self
        parts: list[Part] = [Control(self), Compatible(self)]
        if self.kind.native:
            parts += [Inference(self), Library(self)]
        for part in parts:
            app.add_routes(part.routes())
        app.add_routes(extra_routes(self))
        return app

    def _load_all(self) -> None:
        """Load what is served; llama.cpp answers 503 as long as it does."""
        for model in self.catalog:
            self.memory.preload(model)
        if self.kind.key == "llamacpp" and self.settings.pace:
            self.loading = True
            self._spawn(self._finish_loading())

    async def _finish_loading(self) -> None:
        await self.clock.sleep(self.settings.load_seconds)
        self.loading = False

    def _open(self) -> None:
        if self._serving and self._runner is not None and self._runner.server is not None:
            self._listener.open(self._runner.server)

    def _close(self) -> None:
        self.record.drop_all()
        self._listener.close()

    def _refuse(self, seconds: float) -> None:
        self.down()
        if seconds and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._open)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _in_loop(self, action: Callable[[], None]) -> None:
        """Do something in the server's loop, and wait for it when in another thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            action()
        else:
            asyncio.run_coroutine_threadsafe(_done(action), loop).result(PATIENCE)


async def _done(action: Callable[[], None]) -> None:
    action()


@contextlib.contextmanager
def running(host: FakeHost) -> Iterator[FakeHost]:
    """Serve in a thread of its own as long as the block lasts, for callers that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-host", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(host.start(), loop).result(PATIENCE)
        yield host
    finally:
        asyncio.run_coroutine_threadsafe(host.stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()
