"""Archives in memory: zip, gzip, tar. What an archive claims about itself is never believed."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from workflows.engine.errors import NodeError
from workflows.nodes.files.kinds import clean_name

MOST_BYTES = 256 * 1024 * 1024
MOST_FILES = 2_000
PIECE = 1024 * 1024


class File(NamedTuple):
    """A file's name and bytes."""

    name: str
    data: bytes


def pack(files: Sequence[File], form: str) -> bytes:
    """Return an archive of these files: zip, tar, tar.gz, or gzip of the first."""
    import tarfile  # heavy, like zipfile
    import zipfile

    made = io.BytesIO()
    if form == "gzip":
        return gzip.compress(files[0].data, mtime=0)
    if form == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in _named(files):
                archive.writestr(name, data)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w:gz" if form == "tar.gz" else "w") as tar:
        for name, data in _named(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _named(files: Sequence[File]) -> Iterator[File]:
    """Yield the files under names that are clean and differ."""
    taken: set[str] = set()
    for file in files:
        name = clean_name(file.name)
        stem, dot, extension = name.partition(".")
        count = 1
        while name in taken:
            name = f"{stem}_{count}{dot}{extension}"
            count += 1
        taken.add(name)
        yield File(name, file.data)


def unpack(file: File, most: int = MOST_BYTES) -> list[File]:
    """Return the files in an archive, which its name or its first bytes tell the kind of.

    Folders, links and what macOS adds are left out. More than `most` bytes are refused.
    """
    import tarfile
    import zipfile

    broken = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError)
    try:
        return list(_entries(file, most))
    except (*broken, ValueError) as error:
        raise NodeError(f"The archive '{file.name}' cannot be read: {error}") from error


def _entries(file: File, most: int) -> Iterator[File]:
    name = file.name.lower()
    if name.endswith(".zip") or file.data.startswith(b"PK"):
        yield from _from_zip(file, most)
    elif name.endswith((".tar.gz", ".tgz", ".tar")):
        yield from _from_tar(file, most)
    elif name.endswith((".gz", ".gzip")) or file.data.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=io.BytesIO(file.data)) as found:
            own = file.name.rpartition(".")[0] if name.endswith((".gz", ".gzip")) else file.name
            yield File(own, _bounded(found, most))
    else:
        raise NodeError(
            f"The file '{file.name}' is no archive that can be unpacked.",
            description="These can: zip, gzip, tar, tar.gz and tgz.",
        )


def _from_zip(file: File, most: int) -> Iterator[File]:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        _count(len(archive.infolist()))
        for entry in archive.infolist():
            link = (entry.external_attr >> 16) & 0o170000 == 0o120000
            if entry.is_dir() or link or entry.filename.startswith("__MACOSX/"):
                continue
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NodeError(f"'{clean_name(entry.filename)}' is packed in an unknown way.")
            with archive.open(entry) as found:
                data = _bounded(found, most)
            most -= len(data)
            yield File(clean_name(entry.filename), data)


def _from_tar(file: File, most: int) -> Iterator[File]:
    import tarfile

    data = file.data
    if data.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as found:
            data = _bounded(found, most)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for number, entry in enumerate(archive):
            _count(number)
            found_entry = archive.extractfile(entry) if entry.isreg() else None
            if found_entry is None:
                continue
            inner = _bounded(found_entry, most)
            most -= len(inner)
            yield File(clean_name(entry.name), inner)


def _count(number: int) -> None:
    if number > MOST_FILES:
        raise NodeError(f"The archive holds more than {MOST_FILES} files.")


def _bounded(source: IO[bytes] | gzip.GzipFile, most: int) -> bytes:
    """Read to the end, but stop as soon as it is too much: a bomb is never unpacked whole."""
    pieces, size = [], 0
    while piece := source.read(PIECE):
        size += len(piece)
        if size > most:
            raise NodeError(f"The archive unpacks to more than {MOST_BYTES // 1024**2} MB.")
        pieces.append(piece)
    return b"".join(pieces)
