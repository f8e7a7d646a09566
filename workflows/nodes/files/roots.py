"""The folders the file nodes may touch. A path counts after its symbolic links were followed."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from workflows.engine.errors import NodeError
from workflows.engine.node import Outside

MOST_BYTES = 256 * 1024 * 1024
MOST_FILES = 10_000
MOST_CHOICES = 1_000
_PATTERN = re.compile(r"[*?\[{]")
OFF = "The nodes that read and write files on this machine are turned off."
OFF_WHY = (
    "An administrator can turn them on by setting WHOOSH_FILE_ROOTS to the folders they may touch, "
    "for example WHOOSH_FILE_ROOTS=/srv/exchange."
)


class Roots:
    """The folders an administrator opened. Raises NodeError at once when there are none.

    The product's own folders (`closed`) stay closed below a root; a root inside one is open.
    """

    def __init__(self, folders: Sequence[str], closed: Sequence[str] = ()) -> None:
        if not folders:
            raise NodeError(OFF, description=OFF_WHY)
        self.folders = [Path(os.path.realpath(folder)) for folder in folders]
        self.closed = [Path(os.path.realpath(folder)) for folder in closed]

    def path(self, wanted: str) -> Path:
        """Return the real path behind a path; NodeError when it is not below a root."""
        if not wanted or "\0" in wanted:
            raise NodeError("The path of the file is empty or is none.")
        path = Path(os.path.realpath(wanted))
        if not self.holds(path):
            raise self.refusal(wanted)
        return path

    def holds(self, path: Path) -> bool:
        """Whether a real path is below a root, and not inside what is closed there."""
        closed = [folder for folder in self.closed if path.is_relative_to(folder)]
        return any(
            path.is_relative_to(root)
            and all(root != folder and root.is_relative_to(folder) for folder in closed)
            for root in self.folders
        )

    def refusal(self, wanted: str) -> NodeError:
        """Return the error for a path outside; the same whether or not the file exists."""
        return NodeError(
            f"Access to the file '{wanted}' is not allowed.",
            description="Allowed are files below: "
            f"{', '.join(map(str, self.folders))}. WHOOSH_FILE_ROOTS names these folders.",
        )

    @classmethod
    def of(cls, outside: Outside) -> "Roots":
        """Return the folders that are open to a run."""
        return cls(outside.file_roots, outside.own_folders)

    def read(self, wanted: str) -> tuple[Path, bytes]:
        """Return a file's real path and bytes."""
        path = self.path(wanted)
        try:
            # The real path has no links left; one that appears meanwhile is not followed.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(handle, "rb") as file:
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise NodeError(f"'{wanted}' is no file.")
                if found.st_size > MOST_BYTES:
                    raise NodeError(f"The file '{wanted}' has more than {MOST_BYTES} bytes.")
                return path, file.read()
        except OSError as error:
            raise NodeError(f"The file '{wanted}' could not be read: {error.strerror}.") from error

    def write(self, wanted: str, data: bytes, *, append: bool = False) -> Path:
        """Write a file, new or over an old one; its folder must exist."""
        path = self.path(wanted)
        more = os.O_APPEND if append else os.O_TRUNC
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | more
            with open(os.open(path, flags, 0o640), "wb") as file:
                file.write(data)
        except OSError as error:
            raise NodeError(
                f"The file '{wanted}' could not be written: {error.strerror}."
            ) from error
        return path

    def select(self, pattern: str) -> list[str]:
        """Return the files below the roots a pattern names, in order (*, **, ?, [], {a,b}).

        Raises NodeError for a pattern that looks outside the roots.
        """
        if "\0" in pattern:
            raise NodeError("The file selector is none.")
        start, rest = _split(pattern)
        if not self.holds(start):
            if os.path.isabs(pattern) or ".." in Path(pattern).parts or pattern.startswith("~"):
                raise self.refusal(pattern)
            return []  # a relative pattern looks below the folder the server runs in
        wanted = [one.split("/") if one else [] for one in _alternatives(rest)]
        found = []
        deepest = None if any("**" in one for one in wanted) else max(map(len, wanted))
        for path, names in _files_below(start, deepest):
            if not any(_fits(one, names) for one in wanted):
                continue
            if self.holds(Path(os.path.realpath(path))):
                found.append(path)
            if len(found) > MOST_FILES:
                raise NodeError(f"The file selector names more than {MOST_FILES} files.")
        return sorted(found)


def _split(pattern: str) -> tuple[Path, str]:
    """Return the real path of a pattern's part before the first wildcard, and the rest."""
    found = _PATTERN.search(pattern)
    if found is None:
        return Path(os.path.realpath(pattern)), ""
    before = pattern[: found.start()].rpartition("/")[0]
    start = before or ("/" if pattern.startswith("/") else ".")
    rest = pattern[len(before) :].lstrip("/")
    return Path(os.path.realpath(start)), rest


def _files_below(start: Path, deepest: int | None) -> Iterator[tuple[str, list[str]]]:
    """Yield files and the names that lead to them, at most this many names deep."""
    if start.is_file():
        yield str(start), []
    for folder, folders, names in os.walk(start):
        inside = [one for one in os.path.relpath(folder, start).split("/") if one != "."]
        if deepest is not None and len(inside) + 1 >= deepest:
            folders.clear()
        for name in names:
            yield os.path.join(folder, name), [*inside, name]


def _alternatives(pattern: str) -> list[str]:
    """Return a pattern once for each of the choices in its braces."""
    todo, done = [pattern], []
    while todo:
        one = todo.pop()
        found = re.search(r"\{([^{}]*)\}", one)
        if found is None or "," not in found[1]:
            done.append(one)
            continue
        before, after = one[: found.start()], one[found.end() :]
        todo += [before + choice + after for choice in reversed(found[1].split(","))]
        if len(todo) + len(done) > MOST_CHOICES:
            raise NodeError(f"The file selector has more than {MOST_CHOICES} choices in braces.")
    return done


def _fits(pattern: Sequence[str], names: Sequence[str]) -> bool:
    """Whether names of folders and a file fit a pattern; hidden ones only where it says so."""
    places = _reached({0}, pattern)
    for name in names:
        after = set()
        for place in places:
            part = pattern[place] if place < len(pattern) else None
            if part is None or (name.startswith(".") and not part.startswith(".")):
                continue
            if part == "**":
                after.add(place)
            elif fnmatch.fnmatchcase(name, part.replace("[^", "[!")):
                after.add(place + 1)
        places = _reached(after, pattern)
    return len(pattern) in places


def _reached(places: set[int], pattern: Sequence[str]) -> set[int]:
    """Add the places that stand behind a ** that takes nothing."""
    found = set()
    for place in places:
        found.add(place)
        while place < len(pattern) and pattern[place] == "**":
            place += 1
            found.add(place)
    return found
