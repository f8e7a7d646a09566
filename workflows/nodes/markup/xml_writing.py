"""Plain values as XML, in the shape xml2js reads."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.nodes.lists.ordering import text as as_text

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
START = ":A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d"
START += "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
NAME = re.compile(f"[{START}][{START}.0-9\u00b7\u0300-\u036f\u203f\u2040-]*")
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
BEYOND = re.compile("[\U00010000-\U0010ffff]")
TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}
ATTRIBUTE = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}


@dataclass(frozen=True)
class Style:
    """How values become elements; names and meanings are those of xml2js."""

    attributes: str = "$"
    text: str = "_"
    root: str = "root"
    cdata: bool = False
    headless: bool = False
    beyond: bool = False  # whether characters beyond the basic plane are allowed


def write(values: Mapping[str, Any], style: Style) -> str:
    """Return values as XML, indented. A single value is its own root.

    Raises:
        NodeError: a name or a character is none that XML allows.
    """
    root: Any = values
    name = style.root
    if len(values) == 1 and name == "root":
        ((name, root),) = values.items()
    lines = [] if style.headless else [HEAD]
    return "\n".join([*lines, *_Writer(style).element(name, root, "")])


class _Writer:
    """Writes elements as lines."""

    def __init__(self, style: Style) -> None:
        self.style = style

    def element(self, name: str, value: Any, indent: str) -> Iterator[str]:
        """Yield the lines of an element."""
        if not NAME.fullmatch(name):
            raise NodeError(
                f"Invalid character in name: {name}",
                description="The names of fields become names of elements; rename the field.",
            )
        attributes, texts, inside = self._parts(value)
        opening = f"{indent}<{name}{attributes}"
        texts = [one for one in texts if one]
        if not texts and not inside:
            yield f"{opening}/>"
        elif not inside and len(texts) == 1:
            yield f"{opening}>{texts[0]}</{name}>"
        else:
            yield f"{opening}>"
            deeper = f"{indent}  "
            for text in texts:
                yield f"{deeper}{text}"
            for key, one in inside:
                yield from self.element(key, one, deeper)
            yield f"{indent}</{name}>"

    def _parts(self, value: Any) -> tuple[str, list[str], list[tuple[str, Any]]]:
        """Return an element's attributes, its texts, and its children."""
        if value is None:
            return "", [], []
        if isinstance(value, list):
            return "", [], [pair for one in value if isinstance(one, dict) for pair in one.items()]
        if not isinstance(value, dict):
            return "", [self._text(as_text(value))], []
        attributes, texts, inside = "", [], []
        for key, one in value.items():
            if key == self.style.attributes and isinstance(one, dict):
                attributes += "".join(self._attribute(n, v) for n, v in one.items())
            elif key == self.style.text:
                texts.append(self._text(as_text(one)))
            elif isinstance(one, list):
                inside += [(key, each) for each in one]
            else:
                inside.append((key, one))
        return attributes, texts, inside

    def _attribute(self, name: str, value: Any) -> str:
        if not NAME.fullmatch(name):
            raise NodeError(f"Invalid character in name: {name}")
        if value is None:
            return ""
        text = self._legal(as_text(value))
        return f' {name}="{_escaped(text, ATTRIBUTE)}"'

    def _text(self, text: str) -> str:
        text = self._legal(text)
        if self.style.cdata and re.search("[&<>]", text):
            return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
        return _escaped(text, TEXT)

    def _legal(self, text: str) -> str:
        found = ILLEGAL.search(text) or (None if self.style.beyond else BEYOND.search(text))
        if found:
            hint = "" if ILLEGAL.search(text) else "The option 'Allow Surrogate Chars' allows it."
            raise NodeError(
                f"Invalid character in string: U+{ord(found[0]):04X} at index {found.start()}",
                description=hint or "XML cannot hold this control character.",
            )
        return text


def _escaped(text: str, marks: Mapping[str, str]) -> str:
    return re.sub("[" + re.escape("".join(marks)) + "]", lambda m: marks[m[0]], text)
