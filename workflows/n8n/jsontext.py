"""JSON as text: what a value loses when it is read and written again stays as it was written.

Numbers (`1.0`, `1e3`), escapes, order and doubled keys survive, because a document is never
written from values: pieces of its text are cut out, put in or laid out anew.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from whoosh_site.core.errors import BadInput

# A string may lack its end: a search that failed there would begin again at each quote in it.
STRING = r'"(?:[^"\\]|\\.)*+"?'
TOKEN = re.compile(STRING + r'|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
BRACKET = re.compile(STRING + r"|[{}\[\]]", re.DOTALL)
DEEPEST = 200
"""Levels a text may have: more than any workflow, fewer than Python can read."""
LONGEST_NUMBER = 400
"""Characters of a number that are still read as one."""


class Piece(NamedTuple):
    """A value inside a text: its key (empty in a list), and where it begins and ends."""

    key: str
    start: int
    end: int


class Doubled(dict[str, Any]):
    """An object in whose text a key stood twice; the last one counts, as everywhere."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(name for name, _ in pairs)
        self.doubled = sorted(name for name, count in times.items() if count > 1)


def read(text: str) -> Any:
    """Return the value of a JSON text; objects with a doubled key are `Doubled`.

    Raises:
        BadInput: it is no JSON; says line and column, and what stands there.
    """
    try:
        vet_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        raise BadInput(_why(text, error)) from None
    except RecursionError:
        raise BadInput(f"This JSON is nested deeper than {DEEPEST} levels.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Doubled(pairs)


def _number(text: str) -> int | float:
    if len(text) > LONGEST_NUMBER or not text.lstrip("-").isdecimal():
        return float(text)
    return int(text)


def _no_number(text: str) -> Any:
    raise BadInput(f"{text} is no JSON: write a number, or null.")


def vet_depth(text: str) -> None:
    """Raise BadInput for JSON nested too deep to be read everywhere."""
    depth = 0
    for found in BRACKET.finditer(text):
        sign = found.group()
        depth += (sign in "{[") - (sign in "}]")
        if depth > DEEPEST:
            raise BadInput(f"This JSON is nested deeper than {DEEPEST} levels.")


def _why(text: str, error: json.JSONDecodeError) -> str:
    where = f"line {error.lineno}, column {error.colno}"
    if not text.strip():
        return "This is empty: there is no JSON in it."
    if error.pos >= len(text.rstrip()):
        return f"The JSON breaks off at {where}: the end of the file is missing."
    line = text.splitlines()[error.lineno - 1] if error.lineno <= len(text.splitlines()) else ""
    near = line[max(0, error.colno - 20) : error.colno + 20].strip()
    return f"This is no JSON: {error.msg.removesuffix(' at')} at {where}, near {near!r}."


def pieces(text: str) -> list[Piece]:
    """Return where the members of an object, or the items of a list, stand in their text.

    The text has to be JSON: `read` comes first.
    """
    found: list[Piece] = []
    depth, key, start, end, in_object, said = 0, "", -1, 0, False, False
    for token in TOKEN.finditer(text):
        sign = token.group()
        opens, closes = sign in "{[", sign in "}]"
        if depth == 0:
            in_object = sign == "{"
        elif depth == 1 and not opens:
            if sign == ":" and not said:
                key, start, said = json.loads(text[start:end]), -1, True
            elif sign == "," or closes:
                if start >= 0:
                    found.append(Piece(key if in_object else "", start, end))
                key, start, said = "", -1, False
            elif start < 0:
                start = token.start()
        elif depth == 1 and start < 0:
            start = token.start()
        depth += opens - closes
        end = token.end()
    return found


def member(text: str, key: str) -> Piece | None:
    """Return where the value of a key stands: the last one, as it is the one that counts."""
    named = [piece for piece in pieces(text) if piece.key == key]
    return named[-1] if named else None


def cut(text: str, piece: Piece) -> str:
    """Return the text of one value."""
    return text[piece.start : piece.end]


def with_member(text: str, key: str, value: Any) -> str:
    """Return the text of an object with one of its values replaced, or put first."""
    said = json.dumps(value, ensure_ascii=False)
    there = member(text, key)
    if there is not None:
        return text[: there.start] + said + text[there.end :]
    begin = text.index("{") + 1
    comma = "," if pieces(text) else ""
    return f"{text[:begin]}{json.dumps(key)}: {said}{comma}{text[begin:]}"


def laid_out(text: str, indent: int = 2) -> str:
    """Return the same JSON with one member a line; every key, string and number as it was."""
    return "".join(_lines(text, indent)) + "\n"


def _lines(text: str, indent: int) -> Iterator[str]:
    depth, before = 0, ""
    for token in TOKEN.finditer(text):
        sign = token.group()
        if sign in "}]":
            depth -= 1
            if before not in "{[":
                yield "\n" + " " * (indent * depth)
        elif before and before in "{[,":
            yield "\n" + " " * (indent * depth)
        yield sign + (" " if sign == ":" else "")
        depth += sign in "{["
        before = sign if len(sign) == 1 else "text"
