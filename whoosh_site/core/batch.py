"""Many coroutines, one database call: what they want written is gathered and written together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """Writes items by a function that takes several and returns a result for each.

    What comes alone is written at once. What comes while others are written, or within `pause`
    seconds after them, is written together. An item that cannot be written spoils none beside it:
    after an error each is tried alone.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result]], *, pause: float
    ) -> None:
        self._write = write
        self._pause = pause
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Writer[Item, Result]]
        self._writers = WeakKeyDictionary()

    async def put(self, item: Item) -> Result:
        """Return the result once the item is written. Who is canceled meanwhile waits for it."""
        loop = asyncio.get_running_loop()
        if loop not in self._writers:
            self._writers[loop] = _Writer(self._write, self._pause)
        written = self._writers[loop].add(item)
        try:
            return await asyncio.shield(written)
        except asyncio.CancelledError:
            await asyncio.wait([written])
            raise


class _Writer(Generic[Item, Result]):
    """What one event loop has gathered, and the task that writes it."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]], pause: float) -> None:
        self._write = write
        self._pause = pause
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, item: Item) -> "asyncio.Future[Result]":
        written: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return written

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            if not await self._written(taken):
                for one in taken:
                    await self._written([one])
            await asyncio.sleep(self._pause)

    async def _written(self, taken: "list[tuple[Item, asyncio.Future[Result]]]") -> bool:
        """Write and hand out the results; an error goes to an item that was tried alone."""
        try:
            results = await sync_to_async(self._write)([item for item, _ in taken])
        except Exception as error:  # whoever waits for the item hears of it
            if len(taken) > 1:
                return False
            taken[0][1].set_exception(error)
            return True
        for (_, written), result in zip(taken, results, strict=True):
            written.set_result(result)
        return True
