"""What the nodes of runs gave: lines of JSON, pressed, in rows that stay small."""

import zlib
from collections.abc import Iterable, Iterator, Sequence

from django.db import models
from django.db.models import Max, Sum
from django.db.models.functions import Length

from workflows.engine.run import Step, read_steps
from workflows.engine.values import pack, unpack

LEVEL = 3
"""How hard data is pressed: more costs twice the time for a tenth of the bytes."""
LARGEST_ROW = 1 << 20
"""Bytes in one row; more of them follow it."""
AT_ONCE = 16
"""Rows that are read together."""
BITE = 64 * 1024
"""Bytes that are unpressed at a time: they may become a thousand times as many."""


class ExecutionPart(models.Model):
    """Some of what the nodes of an execution gave; its parts, in order, are all of it.

    A part begins a stream of its own, or goes on with that of the part before. Each write adds some
    while the run is under way; what stands in them is never changed.
    """

    execution = models.ForeignKey(
        "workflows.Execution", on_delete=models.CASCADE, related_name="parts"
    )
    number = models.PositiveIntegerField()
    blob = models.BinaryField()
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes before compression")

    class Meta:
        ordering = ["execution", "number"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "number"], name="execution_part")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of execution {self.execution_id}"


class KeptSteps:
    """All that is kept of one execution."""

    def __init__(self, execution_pk: int) -> None:
        self.rows = ExecutionPart.objects.filter(execution=execution_pk).order_by("number")
        self.pk = execution_pk

    @property
    def size(self) -> int:
        """Bytes before compression; 0 while nothing is kept."""
        return self.rows.aggregate(all=Sum("size"))["all"] or 0

    @property
    def length(self) -> int:
        """Bytes it takes, pressed."""
        return self.rows.aggregate(all=Sum(Length("blob")))["all"] or 0

    @property
    def next_number(self) -> int:
        """The number of the part that comes next."""
        last = self.rows.aggregate(last=Max("number"))["last"]
        return 0 if last is None else last + 1

    def add(self, pieces: "Pieces", number: int) -> int:
        """Write steps as the parts from this number on; returns the next number."""
        ExecutionPart.objects.bulk_create(
            ExecutionPart(
                execution_id=self.pk,
                number=number + place,
                blob=blob,
                size=0 if place else pieces.size,
            )
            for place, blob in enumerate(pieces.blobs)
        )
        return number + len(pieces.blobs)

    def cut(self, number: int) -> None:
        """Delete the parts from this number on."""
        self.rows.filter(number__gte=number).delete()

    def steps(self, first: int = 0) -> Iterator[Step]:
        """Yield the steps in the order they were written, from this part on."""
        return read_steps(self._lines(first))

    def step(self, node: str, index: int) -> Step | None:
        """Return one run of one node; what others gave is not read."""
        found: list[bytes] = []
        for line in self._lines():
            is_head = line.lstrip()[:1] == b"{"
            if found and is_head:
                break
            if found or (is_head and _begins(line, node, index)):
                found.append(line)
        return next(read_steps(found), None)

    def _blobs(self, first: int) -> Iterator[bytes]:
        last = first - 1
        while True:
            rows = self.rows.filter(number__gt=last).values_list("number", "blob")[:AT_ONCE]
            for last, blob in rows:  # noqa: B007  (where the next query begins)
                yield bytes(blob)
            if len(rows) < AT_ONCE:
                return

    def _lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield line by line, never holding all of it unpacked."""
        parts: list[bytes] = []
        for piece in _unpressed(self._blobs(first)):
            *ends, rest = piece.split(b"\n")
            for end in ends:
                yield b"".join([*parts, end])
                parts = []
            parts.append(rest)


class Pieces:
    """Steps as they are kept: pressed, in pieces of a row's size."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.blobs: list[bytes] = []
        self.size = 0
        self._press(steps)

    @property
    def length(self) -> int:
        """Bytes, pressed."""
        return sum(map(len, self.blobs))

    def _press(self, steps: Sequence[Step]) -> None:
        last = {step.node: step for step in steps if not step.failed}
        noted = {(step.node, *(step.notes or ())): step for step in steps if not step.failed}
        press, held = zlib.compressobj(LEVEL), bytearray()
        for step in steps:
            newest = noted.get((step.node, *(step.notes or ()))) is step
            for line in step.lines(state=last.get(step.node) is step, notes=newest):
                self.size += len(line) + 1
                held += press.compress(line + b"\n")
                while len(held) > LARGEST_ROW:
                    self.blobs.append(bytes(held[:LARGEST_ROW]))
                    del held[:LARGEST_ROW]
        held += press.flush()
        self.blobs += [
            bytes(held[at : at + LARGEST_ROW]) for at in range(0, len(held), LARGEST_ROW)
        ]


def _unpressed(blobs: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what streams hold that stand one after another, cut anywhere."""
    stream = zlib.decompressobj()
    for blob in blobs:
        for at in range(0, len(blob), BITE):
            left = blob[at : at + BITE]
            while left:
                yield stream.decompress(left)
                left = b""
                if stream.eof:
                    left, stream = stream.unused_data, zlib.decompressobj()


def _begins(line: bytes, node: str, index: int) -> bool:
    if line.startswith(b"{"):
        return line.startswith(pack({"node": node, "index": index})[:-1] + b",")
    head = unpack(line)  # written the slow way, for what it holds
    return bool((head["node"], head["index"]) == (node, index))
