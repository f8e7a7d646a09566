"""Patterns as JavaScript reads them, with a limit on the time one search may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import regex

from workflows.engine.errors import NodeError

LONGEST = 1.0
"""Seconds of CPU one search may take: a pattern somebody wrote must not hold up the process."""

ALTOGETHER = 3.0
"""Such seconds all searches of one node run may take: the runner has other runs to carry."""

AT_ONCE = 0.01
"""Such seconds that hold up nobody."""

SHORT = 2_000
"""Characters of a pattern that is read in no time."""

LARGEST = 100_000
"""Characters a pattern may come to with its counted repetitions written out."""

_WRITTEN = regex.compile(r"/(?P<source>.*)/(?P<flags>[a-z]*)", regex.DOTALL)
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}
_ATOM = regex.compile(
    r"\\k<(?P<name>\w+)>|\\u\{(?P<code>[0-9a-fA-F]+)\}|\\.|\[\^\]|\[\]|\[(?:\\.|[^\]\\])*\]|\$",
    regex.DOTALL,
)
_PIECE = regex.compile(
    r"\\.|\[(?:\\.|[^\]\\])*\]|\{(?:\d*,)?(?P<most>\d+),?\}|[\s\S]", regex.DOTALL
)


class TakesLong(Exception):
    """The searches of a node are no matter of an instant: run it again where nobody waits."""


@dataclass
class Budget:
    """What the searches of one node run may still take, in seconds."""

    left: float
    at_once: bool = False  # whether more than that is to be done elsewhere, and no error


_budget: ContextVar[Budget] = ContextVar("budget")
_budget.set(Budget(float("inf")))


@contextmanager
def limited(*, at_once: bool = False) -> Iterator[None]:
    """Let the searches inside the block take no longer than ALTOGETHER.

    With `at_once` TakesLong is raised as soon as they take longer than AT_ONCE.
    """
    token = _budget.set(Budget(AT_ONCE if at_once else ALTOGETHER, at_once))
    try:
        yield
    finally:
        _budget.reset(token)


class Pattern:
    """A pattern ready to search with."""

    def __init__(self, source: str, flags: str = "") -> None:
        if len(source) > SHORT and _budget.get().at_once:
            raise TakesLong
        if _size(source) > LARGEST:
            raise _invalid(source, f"with its repetitions it is longer than {LARGEST} characters")
        several_lines = "m" in flags
        # In JavaScript \w and \d know ASCII alone, but i knows every letter; here one flag is both.
        letters = "i" in flags and "\\" not in source
        set_flags = regex.V0 if "u" in flags or letters else regex.ASCII
        for letter in flags:
            set_flags |= _FLAGS.get(letter, regex.V0)
        try:
            self._compiled = regex.compile(_translated(source, several_lines), set_flags)
        except (regex.error, RecursionError) as error:
            raise _invalid(source, str(error)) from error
        self.source = source

    def found(self, text: str) -> bool:
        """Whether it matches anywhere in a text."""
        return self.search(text) is not None

    def search(self, text: str) -> "regex.Match[str] | None":
        """Return the first match.

        Raises:
            NodeError: it took too long.
        """
        budget, began = _budget.get(), time.thread_time()
        if budget.at_once and budget.left <= 0:
            raise TakesLong
        try:
            return self._compiled.search(text, timeout=min(LONGEST, max(budget.left, 0.001)))
        except TimeoutError as error:
            if budget.at_once:
                raise TakesLong from error
            raise NodeError(
                f"The pattern /{self.source}/ took longer than {LONGEST:g} s on one text.",
                description="Nested repetitions such as (a+)+ make a pattern slow; simplify it.",
            ) from error
        finally:
            budget.left -= time.thread_time() - began


@lru_cache(maxsize=256)
def pattern(written: str) -> Pattern:
    """Return the pattern of a text: bare, or as `/source/flags`."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return Pattern(written)
    return Pattern(match["source"], match["flags"])


def _invalid(source: str, why: str) -> NodeError:
    shown = source if len(source) < 200 else f"{source[:200]}..."
    return NodeError(
        f"Invalid regular expression: /{shown}/: {why}",
        description="Correct the pattern: it is read as JavaScript's regular expressions.",
    )


def _size(source: str) -> int:
    """Return how long a pattern is when its counted repetitions are written out."""
    open_groups, last = [0], 0
    for match in _PIECE.finditer(source):
        if match["most"]:
            times = max(int(match["most"][-9:]), 1)
            open_groups[-1] += last * (times - 1)
            last *= times
        elif match[0] == "(":
            open_groups.append(0)
        elif match[0] == ")" and len(open_groups) > 1:
            last = open_groups.pop()
            open_groups[-1] += last
        else:
            last = 1
            open_groups[-1] += 1
    return sum(open_groups)


def _translated(source: str, several_lines: bool) -> str:
    """Return the same pattern in the words of `regex` where the two differ."""

    def other(match: "regex.Match[str]") -> str:
        found = match[0]
        if match["name"]:
            return f"(?P={match['name']})"
        if match["code"]:
            return regex.escape(chr(int(match["code"], 16)))
        if found == "$":
            return "$" if several_lines else r"\Z"
        return {"[^]": r"[\s\S]", "[]": "(?!)", r"\/": "/", r"\Z": "Z", r"\A": "A"}.get(
            found, found
        )

    return _ATOM.sub(other, source)
