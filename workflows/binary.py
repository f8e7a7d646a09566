"""Where the binary data of workflows is kept: files under opaque names, never under given ones.

`<folder>/<owner>/<run>/<name>`: the owner (a team) and the run are ours, the name is random. A
record found in an item names its file by `id`; it is looked for only below the owner's folder, and
only in the runs this run may see: an id somebody made up, or copied from elsewhere, finds nothing.
"""

import asyncio
import base64
import binascii
import io
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from workflows.engine.errors import NodeError
from workflows.nodes.files.kinds import record as described

MOST_BYTES = 512 * 1024 * 1024
PIECE = 1024 * 1024
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9a-f]{32})")


class Binaries:
    """The binary data one run can see.

    `also` are other runs of the same owner whose items this run was given: the one that started
    it, the one it goes on from. `quota` is how many bytes all runs of the owner may keep together;
    0 for any number.
    """

    def __init__(
        self, folder: Path, *, owner: str, run: str, also: Sequence[str] = (), quota: int = 0
    ) -> None:
        for word in (owner, run, *also):
            if not _WORD.fullmatch(word):
                raise ValueError(f"{word!r} is no name of an owner or a run")
        self.folder = folder / owner
        self.run = run
        self.seen = frozenset((run, *also))
        self.quota = quota

    async def keep(self, data: bytes, *, mime: str, name: str = "") -> dict[str, Any]:
        """Store bytes; returns the record for an item's `binary`."""
        if len(data) > MOST_BYTES:
            raise NodeError(f"A file of more than {MOST_BYTES // 1024**2} MB cannot be kept.")
        key = secrets.token_hex(16)
        try:
            await asyncio.to_thread(self._write, key, data)
        except OSError as error:
            raise NodeError(f"The file could not be kept: {error.strerror}.") from error
        return {"id": f"{self.run}.{key}", **described(len(data), mime, name)}

    async def bytes_of(self, record: Mapping[str, Any]) -> bytes:
        """Return the bytes of a record; NodeError when this run does not hold them.

        A record without `id` may carry its bytes itself, as base64 in `data`: code makes such.
        """
        if "id" not in record and isinstance(record.get("data"), str):
            return _inline(record["data"])
        path = self._path(record)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise _unknown() from error

    async def size_of(self, record: Mapping[str, Any]) -> int:
        """Return how many bytes `bytes_of` would give, without reading a file. Raises as it does.

        What the record says of its size may have been changed by code.
        """
        if "id" not in record and isinstance(record.get("data"), str):
            return len(record["data"]) * 3 // 4
        path = self._path(record)
        try:
            return (await asyncio.to_thread(path.stat)).st_size
        except OSError as error:
            raise _unknown() from error

    async def pieces(self, record: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """Yield the bytes of a record in pieces, for what is too large to hold."""
        if "id" not in record:
            yield await self.bytes_of(record)
            return
        try:
            with await asyncio.to_thread(open, self._path(record), "rb") as file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    yield piece
        except OSError as error:
            raise _unknown() from error

    def open(self, record: Mapping[str, Any]) -> BinaryIO:
        """Return a file to read a record from; NodeError when this run does not hold it."""
        if "id" not in record and isinstance(record.get("data"), str):
            return io.BytesIO(_inline(record["data"]))
        try:
            return self._path(record).open("rb")
        except OSError as error:
            raise _unknown() from error

    def forget(self) -> None:
        """Delete everything this run kept."""
        shutil.rmtree(self.folder / self.run, ignore_errors=True)
        _measured.pop(self.folder, None)

    def size(self) -> int:
        """Return how many bytes this run kept."""
        return _bytes_in(self.folder / self.run)

    def _write(self, key: str, data: bytes) -> None:
        if self.quota:
            _make_room(self.folder, len(data), self.quota)
        folder = self.folder / self.run
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = folder / f"{key}.part"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        unfinished.rename(folder / key)

    def _path(self, record: Mapping[str, Any]) -> Path:
        found = _ID.fullmatch(str(record.get("id") or ""))
        if found is None or found[1] not in self.seen:
            raise _unknown()
        return self.folder / found[1] / found[2]


def _unknown() -> NodeError:
    return NodeError(
        "This run does not hold the file.",
        description="Files are kept with the run that made them, for as long as the run is kept.",
    )


def _inline(words: str) -> bytes:
    try:
        return base64.b64decode(words, validate=False)
    except binascii.Error as error:
        raise NodeError(f"The binary data is no base64 text: {error}") from error


Measured = tuple[float, int]
MEASURED_FOR = 10.0
"""Seconds after which what an owner's files take is measured again: other processes add to it."""
_measured: dict[Path, Measured] = {}
_measuring = threading.Lock()


def _make_room(folder: Path, size: int, quota: int) -> None:
    """Count bytes that are about to be kept; NodeError when the owner has no room for them."""
    with _measuring:
        when, taken = _measured.get(folder, (-MEASURED_FOR, 0))
        if taken + size > quota or time.monotonic() - when > MEASURED_FOR:
            when, taken = time.monotonic(), taken_by(folder)
        if taken + size <= quota:
            _measured[folder] = (when, taken + size)
            return
        _measured[folder] = (when, taken)
    raise NodeError(
        f"A file of {size:,} bytes could not be kept: the files of this team's executions take "
        f"{taken:,} of {quota:,} bytes.",
        description="Delete executions whose files nobody needs, or ask an administrator to raise "
        "the setting team_files_megabytes.",
    )


def taken_by(folder: Path) -> int:
    """Return how many bytes the runs of an owner keep, by the owner's folder."""
    return sum(sizes(folder).values())


def sizes(folder: Path) -> dict[str, int]:
    """Return how many bytes each run of an owner keeps, by the owner's folder."""
    return {run.name: _bytes_in(run) for run in _entries(folder)}


def _bytes_in(run: Path) -> int:
    size = 0
    for file in _entries(run):
        try:
            size += file.stat().st_size
        except OSError:  # gone meanwhile
            continue
    return size


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # none, or gone meanwhile
        return []


def runs(folder: Path) -> Iterator[tuple[str, str, float]]:
    """Yield owner, run and age in seconds of everything that is kept, for who cleans up."""
    now = time.time()
    for owner in sorted(folder.iterdir()) if folder.is_dir() else ():
        for run in sorted(owner.iterdir()):
            yield owner.name, run.name, now - run.stat().st_mtime
