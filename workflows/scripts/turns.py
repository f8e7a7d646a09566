"""Who waits for a script process, and whose turn it is."""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Given = TypeVar("Given")


@dataclass(eq=False)
class Turn(Generic[Given]):
    """One request that waits, in its own event loop."""

    owner: str
    wanted: Given | None  # what it would like best
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    given: Given | None = None  # None when it may make one itself
    served: bool = False
    patient: bool = True  # it has not waited long yet

    def __post_init__(self) -> None:
        self._woken: asyncio.Future[None] = self.loop.create_future()

    async def come(self, seconds: float | None = None) -> None:
        """Wait until it was served, or for so many seconds."""
        if not self.served:
            await asyncio.wait([self._woken], timeout=seconds)

    def serve(self, given: Given | None) -> bool:
        """Note what it gets, from any thread; False when its loop has ended meanwhile."""
        self.given, self.served = given, True
        try:
            self.loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            self.given, self.served = None, False
        return self.served

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


class Turns(Generic[Given]):
    """Turns by owner. The owner that holds fewest is next; of those who hold as many, in turn."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[Turn[Given]]] = OrderedDict()

    def add(self, turn: Turn[Given]) -> None:
        """Let a request wait behind those of its owner."""
        self._waiting.setdefault(turn.owner, deque()).append(turn)

    def remove(self, turn: Turn[Given]) -> None:
        """Forget a request that waits no longer."""
        waiting = self._waiting.get(turn.owner, deque())
        with contextlib.suppress(ValueError):
            waiting.remove(turn)
        if not waiting:
            self._waiting.pop(turn.owner, None)

    def next(self, can_be_served: Callable[[Turn[Given]], bool]) -> Turn[Given] | None:
        """Take out the next request that can be served, and count what it will hold."""
        for owner in sorted(self._waiting, key=lambda one: self.held[one]):
            turn = self._waiting[owner][0]
            if can_be_served(turn):
                self.remove(turn)
                if owner in self._waiting:
                    self._waiting.move_to_end(owner)
                self.held[owner] += 1
                return turn
        return None

    def back(self, owner: str) -> None:
        """Count that an owner holds one less."""
        self.held[owner] -= 1
        if self.held[owner] <= 0:
            del self.held[owner]
