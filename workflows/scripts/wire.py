"""Values on their way into V8 and back: JSON text in which dates carry their kind."""

import gc
import json
from collections.abc import Callable
from typing import Any

import orjson

from workflows.engine.errors import NodeError
from workflows.engine.values import UNDEFINED, DateText, DateTimeText

PLAIN: tuple[type[Any], ...] = (str, int, float, dict, list)
OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS


LARGE = 1 << 16  # bytes of an answer
MOST_VALUES = 5_000_000  # in an answer: small ones take thirty times their bytes in memory


def _loaded(text: bytes) -> Any:
    """Parse without the collector going through what is only being built: half the time."""
    if len(text) < LARGE or not gc.isenabled():
        return orjson.loads(text)
    gc.disable()  # nobody else runs meanwhile: parsing holds the interpreter's lock
    try:
        return orjson.loads(text)
    finally:
        gc.enable()


class Marks:
    """The marks of one session. Its secret keeps data from pretending to be a date."""

    def __init__(self, secret: str) -> None:
        self.mark = f"\x01{secret}"
        self._found = self.mark.replace("\x01", "\\u0001").encode()

    def write(self, value: Any) -> bytes:
        """Return JSON text; raises NodeError for what JSON cannot hold at all."""
        try:
            return orjson.dumps(value, self._default, OPTIONS)
        except (TypeError, orjson.JSONEncodeError):
            return self._slowly(value)

    def _default(self, value: Any) -> Any:
        if value is UNDEFINED:
            return f"{self.mark}U"
        if isinstance(value, DateText):
            return f"{self.mark}D{value}"
        if isinstance(value, DateTimeText):
            return f"{self.mark}L{value}"
        for plain in PLAIN:
            if isinstance(value, plain):
                return plain(value)
        raise TypeError(f"values of type {type(value).__name__}")

    def _slowly(self, value: Any) -> bytes:
        """For what orjson refuses: numbers beyond 64 bits, broken Unicode, deep nesting."""
        try:
            made = json.dumps(self._plain(value), separators=(",", ":"), allow_nan=False)
        except RecursionError:
            raise NodeError("The data is nested too deeply for scripts.") from None
        except (TypeError, ValueError) as error:
            raise NodeError(f"The data cannot be handed to scripts: {error}") from None
        return made.encode()

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): self._plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        if type(value) is float and (value != value or value in (float("inf"), float("-inf"))):
            return None
        if value is None or type(value) in (str, int, float, bool):
            return value
        return self._default(value)

    def read(self, text: bytes) -> Any:
        """Return the value of an answer. Raises NodeError when it is no plain JSON."""
        if len(text) > LARGE and text.count(b",") + text.count(b":") > MOST_VALUES:
            raise NodeError("The result of the script holds too many values.")
        try:
            value = _loaded(text)
        except orjson.JSONDecodeError:
            value = self._read_slowly(text)
        try:
            return self._revived(value) if self._found in text else value
        except RecursionError:
            raise NodeError("The result of the script is nested too deeply.") from None

    def _read_slowly(self, text: bytes) -> Any:
        """Lone surrogates, which orjson refuses, become question marks; too deep is an error."""
        try:
            value = json.loads(text)
            whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            return json.loads(whole)
        except (ValueError, RecursionError):
            raise NodeError("The result of the script is nested too deeply, or no data.") from None

    def _revived(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._date(value) if value.startswith(self.mark) else value
        if isinstance(value, dict):
            return {key: self._revived(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._revived(one) for one in value]
        return value

    def _date(self, text: str) -> Any:
        kind, rest = text[len(self.mark) : len(self.mark) + 1], text[len(self.mark) + 1 :]
        makers: dict[str, Callable[[str], Any]] = {"D": DateText, "L": DateTimeText}
        return makers[kind](rest) if kind in makers else UNDEFINED
