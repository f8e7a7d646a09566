"""The one clock of a fake host: everything that waits, waits here."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

FOREVER = timedelta(days=106_751)  # Ollama's "for ever": the longest Go duration


class Clock:
    """Host time in seconds, at a pace a test chooses.

    `pace` is how many real seconds one host second takes: 1 is real time, 0.1 ten times faster,
    0 waits nothing at all, `math.inf` waits until somebody calls `advance`. At 0 and at infinity
    time stands still except for `advance`, which may be called from any thread.
    """

    def __init__(self, pace: float = 1.0) -> None:
        self._pace = pace
        self._began = datetime.now(UTC)
        self._offset = 0.0
        self._since = time.monotonic()
        self._sleepers: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def pace(self) -> float:
        """Real seconds per host second."""
        return self._pace

    @pace.setter
    def pace(self, value: float) -> None:
        self._offset, self._since = self.now(), time.monotonic()
        self._pace = value
        self._ring()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop whose sleepers `advance` wakes."""
        self._loop = loop

    def now(self) -> float:
        """Host seconds since the clock was made."""
        if self._pace == 0 or math.isinf(self._pace):
            return self._offset
        return self._offset + (time.monotonic() - self._since) / self._pace

    def moment(self, at: float | None = None) -> datetime:
        """Return host time as a date; infinity is some 292 years away."""
        if at is not None and math.isinf(at):
            return self._began + FOREVER
        return self._began + timedelta(seconds=self.now() if at is None else at)

    def advance(self, seconds: float) -> None:
        """Move host time on and wake whoever has slept enough."""
        self._offset += seconds
        self._ring()

    async def sleep(self, seconds: float) -> None:
        """Wait some host seconds."""
        await self.until(self.now() + seconds)

    async def until(self, at: float) -> None:
        """Wait for a moment of host time; gives others a turn in any case."""
        waited = False
        while self._pace and (left := at - self.now()) > 0:
            await self._nap(left * self._pace)
            waited = True
        if not waited:
            await asyncio.sleep(0)

    async def pause(self, seconds: float) -> None:
        """Wait real seconds whatever the pace: faults use it."""
        await asyncio.sleep(seconds)

    def since(self, start: float, nominal: float) -> float:
        """Host seconds since `start`, at least the nominal ones: exact where nothing waits."""
        return max(self.now() - start, nominal)

    async def _nap(self, real_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[None] = loop.create_future()
        self._sleepers.add(sleeper)
        timer = None
        if not math.isinf(real_seconds):
            timer = loop.call_later(real_seconds, _wake, sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer is not None:
                timer.cancel()

    def _ring(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for sleeper in list(self._sleepers):
            _wake(sleeper)


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)
