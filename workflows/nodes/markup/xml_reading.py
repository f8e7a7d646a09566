"""XML as plain values, in the shape xml2js gives."""

import re
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from workflows.engine.errors import NodeError

DEEPEST = 200
"""Levels of elements; deeper values could not be written again."""
BLANK = re.compile(r"\s*")


@dataclass(frozen=True)
class Shape:
    """How elements become values; names and meanings are those of xml2js."""

    attributes: str = "$"
    text: str = "_"
    lists: bool = True  # every child in a list, not only those that repeat
    root: bool = True  # the root element's name on top
    ignore_attributes: bool = False
    merge_attributes: bool = False
    normalize: bool = False
    lower_tags: bool = False
    trim: bool = False


def read(xml: str, shape: Shape) -> Any:
    """Return the values of an XML text.

    Entities of a document's own are refused, nothing is fetched.

    Raises:
        NodeError: it is no XML; says where.
    """
    builder = _Builder(shape)
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartCdataSectionHandler = builder.cdata
    parser.EntityDeclHandler = _refuse_entity
    try:
        parser.Parse(xml.strip().removeprefix("\ufeff").encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise NodeError(
            f"The XML cannot be read: {expat.ErrorString(error.code)}",
            description=f"In line {error.lineno}, column {error.offset + 1}.",
        ) from None
    return builder.result


def _refuse_entity(name: str, *more: Any) -> None:
    raise NodeError(
        f"The XML declares an entity of its own ('{name}'), which is refused",
        description="Such entities can make a small text huge. Remove the declaration.",
    )


class _Element:
    """An element under way: its values, its text and whether it had CDATA."""

    __slots__ = ("cdata", "name", "text", "values")

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, Any] = {}
        self.text: list[str] = []
        self.cdata = False


class _Builder:
    """Puts elements together as the parser meets them."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.stack: list[_Element] = []
        self.result: Any = None

    def start(self, name: str, attributes: list[str]) -> None:
        """Begin an element."""
        shape = self.shape
        element = _Element(name.lower() if shape.lower_tags else name)
        if attributes and not shape.ignore_attributes:
            given = dict(zip(attributes[::2], attributes[1::2], strict=True))
            if shape.merge_attributes:
                for key, value in given.items():
                    self._assign(element.values, key, value)
            else:
                element.values[shape.attributes] = given
        if len(self.stack) == DEEPEST:
            raise NodeError(f"The XML is nested more than {DEEPEST} levels deep")
        self.stack.append(element)

    def characters(self, text: str) -> None:
        """Take text of the element under way."""
        if self.stack:
            self.stack[-1].text.append(text)

    def cdata(self) -> None:
        """Note that the element under way has CDATA: it counts even if blank."""
        if self.stack:
            self.stack[-1].cdata = True

    def end(self, name: str) -> None:
        """End an element and put it into the one around it."""
        element = self.stack.pop()
        value = self._value(element)
        if self.stack:
            self._assign(self.stack[-1].values, element.name, value)
        else:
            self.result = {element.name: value} if self.shape.root else value

    def _value(self, element: _Element) -> Any:
        text, values = "".join(element.text), element.values
        if BLANK.fullmatch(text) and not element.cdata:
            return values or text
        if self.shape.trim:
            text = text.strip()
        if self.shape.normalize:
            text = re.sub(r"\s{2,}", " ", text).strip()
        if not values:
            return text
        return {self.shape.text: text, **values}

    def _assign(self, values: dict[str, Any], key: str, value: Any) -> None:
        if key not in values:
            values[key] = [value] if self.shape.lists else value
        elif isinstance(values[key], list):
            values[key].append(value)
        else:
            values[key] = [values[key], value]
