"""What a fake model says: the same answer to the same question. Plain Python, no waiting."""

import itertools
import json
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.schema import instance

_TOKEN = re.compile(r"\s*\S+")
_TOOL = re.compile(r"\btools?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, whichever format brought it."""

    role: str
    text: str
    images: int = 0


@dataclass(frozen=True)
class Ask:
    """A question to a model, whichever format brought it."""

    model: FakeModel
    name: str
    """The model as the caller spelt it."""
    turns: tuple[Turn, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] | str | None = None
    think: bool | str | None = None
    limit: int = -1
    """The most tokens; none or below is no limit."""
    stop: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """The prompt's tokens: its words."""
        return sum(len(turn.text.split()) for turn in self.turns)

    @property
    def thinks(self) -> bool:
        """Say whether the model thinks aloud: on unless switched off."""
        return self.model.can("thinking") and self.think not in (False, "none")


@dataclass(frozen=True)
class Call:
    """A tool the model wants called."""

    name: str
    arguments: Mapping[str, Any]
    id: str = "call_fake0001"


@dataclass(frozen=True)
class Script:
    """An answer, token by token, before anybody waits for it."""

    prompt_tokens: int
    thinking: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    silent: int = 0
    """Tokens that are not sent as text: those of tool calls."""
    done_reason: str = "stop"

    @property
    def length(self) -> int:
        """All tokens the model makes."""
        return len(self.thinking) + len(self.tokens) + self.silent


def script(ask: Ask, length: int = 0) -> Script:
    """Write the answer: a tool call, an instance of the schema, or an echo of the last turn."""
    thinking = tokens_of(f"Thinking about: {_said(ask)}") if ask.thinks else []
    call = _called(ask)
    if call is not None:
        silent = len(tokens_of(json.dumps(call.arguments))) + 1
        return Script(ask.words, tuple(thinking), calls=(call,), silent=silent)
    tokens, done_reason = _stopped(_text(ask, length), ask.stop), "stop"
    if 0 < ask.limit < len(thinking) + len(tokens):
        thinking = thinking[: ask.limit]
        tokens, done_reason = tokens[: ask.limit - len(thinking)], "length"
    return Script(ask.words, tuple(thinking), tuple(tokens), done_reason=done_reason)


def tokens_of(text: str) -> list[str]:
    """Split a text into words that carry the space before them."""
    return _TOKEN.findall(text)


def _said(ask: Ask) -> str:
    return ask.turns[-1].text if ask.turns else ""


def _text(ask: Ask, length: int) -> list[str]:
    if isinstance(ask.schema, Mapping):
        return tokens_of(json.dumps(instance(ask.schema)))
    if ask.schema == "json":
        return tokens_of(json.dumps({"answer": f"You said: {_said(ask)}"}))
    speaker = "The tool" if ask.turns and ask.turns[-1].role == "tool" else "You"
    words = tokens_of(f"{speaker} said: {_said(ask)}")
    if not length:
        return words
    return list(itertools.islice(itertools.chain(words, itertools.cycle(_spaced(words))), length))


def _spaced(words: Iterable[str]) -> list[str]:
    return [word if word[:1].isspace() else f" {word}" for word in words]


def _stopped(tokens: list[str], stops: Iterable[str]) -> list[str]:
    text = "".join(tokens)
    cuts = [text.find(stop) for stop in stops if stop and stop in text]
    return tokens_of(text[: min(cuts)]) if cuts else tokens


def _called(ask: Ask) -> Call | None:
    asked = bool(ask.turns) and ask.turns[-1].role != "tool" and _TOOL.search(_said(ask))
    if not ask.tools or not asked:
        return None
    function = ask.tools[0].get("function") or {}
    arguments = instance(function.get("parameters") or {"type": "object"})
    return Call(str(function.get("name") or ""), arguments or {})


def vector(text: str, dimensions: int) -> list[float]:
    """Return an embedding of length 1: texts that share words lie near each other."""
    sums = [0.0] * dimensions
    for word in text.lower().split():
        code = zlib.crc32(word.encode())
        sums[code % dimensions] += 1.0 if code & 0x8000_0000 else -1.0
    length = sum(value * value for value in sums) ** 0.5
    if not length:
        sums[0] = length = 1.0
    # Rounded to what 32 bits hold: JSON and base64 then carry the same numbers.
    packed = struct.pack(f"<{dimensions}f", *(value / length for value in sums))
    return list(struct.unpack(f"<{dimensions}f", packed))
