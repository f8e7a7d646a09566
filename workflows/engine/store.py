"""Outputs that are too long to stay in memory: kept in a file of the run, read in chunks."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, overload

from workflows.engine.items import Item
from workflows.engine.values import pack, unpack

CHUNK = 10_000
"""Items that are read and written together, and that a node gets at once where it may."""

Place = tuple[int, int]
"""Where a chunk begins in the file, and how many bytes it has."""


class Stored(Sequence[Item]):
    """Items in a store, as a list one can only read."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._places: list[Place] = []  # of each full chunk
        self._ends: list[int] = []  # how many items there are up to each chunk's end
        self._open: list[Item] = []  # the chunk that is not full yet

    def add(self, items: Sequence[Item]) -> None:
        """Append items."""
        self._open += items
        while len(self._open) >= CHUNK:
            self._write(self._open[:CHUNK])
            self._open = self._open[CHUNK:]

    def _write(self, items: list[Item]) -> None:
        self._places.append(self._store.write(items))
        self._ends.append((self._ends[-1] if self._ends else 0) + len(items))

    def __len__(self) -> int:
        return (self._ends[-1] if self._ends else 0) + len(self._open)

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the items chunk by chunk."""
        for number in range(len(self._places)):
            yield self._chunk(number)
        if self._open:
            yield self._open

    def _chunk(self, number: int) -> list[Item]:
        if number == len(self._places):
            return self._open
        return self._store.read(self._places[number])

    def __iter__(self) -> Iterator[Item]:
        for chunk in self.chunks():
            yield from chunk

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if first % CHUNK == 0 and step == 1 and 0 < last - first <= CHUNK:
                return self._chunk(first // CHUNK)[: last - first]
            return [self[n] for n in range(first, last, step)]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._chunk(index // CHUNK)[index % CHUNK]


class Store:
    """The file of one run's long outputs, gone with the run. The chunk read last is at hand."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._at_hand: tuple[Place, list[Item]] = ((-1, 0), [])

    def new(self) -> Stored:
        """Return an empty list in the file."""
        return Stored(self)

    def kept(self, items: Sequence[Item] | None) -> Sequence[Item] | None:
        """Return items as they stay: in the file when there are many."""
        if items is None or len(items) <= 2 * CHUNK or isinstance(items, Stored):
            return items
        stored = self.new()
        for first in range(0, len(items), CHUNK):
            stored.add(items[first : first + CHUNK])
        return stored

    def write(self, items: list[Item]) -> Place:
        """Append a chunk; returns where it is."""
        if self._file is None:
            # Closed by `close`, which whoever runs the run calls at its end.
            self._file = tempfile.TemporaryFile(prefix="whoosh-run-")  # noqa: SIM115
        place = self._file.seek(0, 2)
        return place, self._file.write(pack(items))

    def read(self, place: Place) -> list[Item]:
        """Return a chunk."""
        if self._at_hand[0] != place:
            if self._file is None:
                raise ValueError("the run's outputs were let go of")
            self._file.seek(place[0])
            self._at_hand = place, unpack(self._file.read(place[1]))
        return self._at_hand[1]

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
