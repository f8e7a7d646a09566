"""Strict YAML: plain data with the line of every value, or one clear error.

Refused: tags, anchors and aliases, duplicate keys, several documents, dates, non-text keys, very
deep or very large files. Only the safe subset of YAML 1.1 is read (PyYAML's scanner and resolver).
"""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from whoosh_site.core.errors import BadInput
from whoosh_site.core.texts import storable

LARGEST = 1024 * 1024
DEEPEST = 30
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain data and where each value stands (line numbers from 1)."""

    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, what: str) -> BadInput:
        """Return the error for one value: key path, line, what is wrong."""
        line = self.line(path)
        where = dotted(path) or "the file"
        return BadInput(f"line {line}: {where}: {what}", {"line": line, "path": dotted(path)})


def dotted(path: Path) -> str:
    """Write a path as a person would: whoosh.agents.acacia.models[0]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def small_text(file: pathlib.Path, most: int) -> str:
    """Return the text of a regular file of at most so many bytes.

    Raises:
        BadInput: it is none, cannot be read, is larger, or holds something else than text.
    """
    try:
        if file.exists() and not file.is_file():
            raise BadInput("it is no file")
        with file.open("rb") as handle:
            raw = handle.read(most + 1)
        if len(raw) > most:
            raise BadInput(f"the file is larger than {most // 1024} KB")
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("not a UTF-8 text file") from error
    except (OSError, ValueError) as error:
        raise BadInput(getattr(error, "strerror", None) or str(error)) from error


def read(text: str) -> Document:
    """Parse one YAML document.

    Raises:
        BadInput: not YAML, or more than the safe subset; names line and key path.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise BadInput(f"the file is larger than {LARGEST // 1024} KB")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _syntax(error) from error
    if node is None:
        raise BadInput("line 1: the file is empty")
    reader = _Reader()
    data = reader.value(node, ())
    return Document(data, reader.lines)


class _Loader(yaml.SafeLoader):
    """Composes nodes, but stops before one that is more than the safe subset is made."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise BadInput(f"line {line}: *{event.anchor}: aliases are not allowed")
        if event.anchor:
            raise BadInput(f"line {line}: &{event.anchor}: anchors are not allowed")
        if event.tag:
            raise BadInput(f"line {line}: {event.tag}: tags are not allowed")
        if self._depth > DEEPEST:
            raise BadInput(f"line {line}: nested deeper than {DEEPEST} levels")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _syntax(error: yaml.YAMLError) -> BadInput:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
    line = mark.line + 1 if mark else 1
    return BadInput(f"line {line}: not valid YAML: {what}", {"line": line})


class _Reader:
    """Turns nodes into plain data and notes their lines."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadInput(f"line {line}: a key must be plain text")
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise BadInput(f"line {line}: << merge keys are not allowed")
            key = str(key_node.value)
            if not storable(key):
                raise BadInput(f"line {line}: a key holds a null character or half a character")
            here = (*path, key)
            if key in found:
                first = self.lines[here]
                raise BadInput(
                    f"line {line}: {dotted(here)} stands twice (first on line {first})",
                    {"line": line, "path": dotted(here)},
                )
            self.lines[here] = line
            found[key] = self.value(value_node, here)
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind in ("timestamp", "binary", "value"):
            line = node.start_mark.line + 1
            raise BadInput(
                f"line {line}: {dotted(path)}: {node.value!r} would be read as a date; quote it",
                {"line": line, "path": dotted(path)},
            )
        if not storable(node.value):
            line = node.start_mark.line + 1
            what = "holds a null character or half a character"
            raise BadInput(f"line {line}: {dotted(path)}: {what}")
        try:
            return _CONSTRUCTOR.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            line = node.start_mark.line + 1
            raise BadInput(f"line {line}: {dotted(path)}: {node.value!r} is no value") from error


_CONSTRUCTOR = yaml.constructor.SafeConstructor()


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented under their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    # Other line breaks than \n survive only escaped.
    style = '"' if any(end in text for end in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def write(data: object) -> str:
    """Return data as YAML text, keys in the order given."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
