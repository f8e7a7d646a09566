"""Expressions and code in a document: the nodes they name, and whether they can be read."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from workflows.engine.document import NodeSpec
from workflows.n8n.findings import ERROR, WARNING, Finding

CheckSyntax = Callable[[Sequence[str]], Sequence[str]]
"""Given templates (with their leading "="): what is wrong with each, or an empty text."""

CODE = ("jsCode", "functionCode")
QUOTED = r"""(['"`])((?:\\.|(?!\1)[^\\]){1,300})\1"""
REFERENCES = tuple(
    re.compile(before + r"\s*" + QUOTED) for before in (r"\$\(", r"\$node\[", r"\$items\(")
)


class Text(NamedTuple):
    """A text that is looked into: an expression with its "=", or code."""

    node: str
    path: str
    text: str


def look_into(
    specs: Sequence[NodeSpec], names: Collection[str], check_syntax: CheckSyntax | None
) -> Iterator[Finding]:
    """Yield what is found in the expressions and the code of these nodes."""
    texts = [text for spec in specs for text in texts_of(spec)]
    for one in texts:
        yield from _references(one, names)
        if one.text.startswith("=") and one.text.count("{{") > one.text.count("}}"):
            said = f"{one.path}: a {{{{ is never closed, so it stays plain text."
            yield Finding(WARNING, said, one.node)
    if check_syntax is not None:
        yield from _syntax([one for one in texts if one.text.startswith("=")], check_syntax)


def texts_of(spec: NodeSpec) -> Iterator[Text]:
    """Yield the expressions and the code of a node, with the path of their parameter."""
    yield from _texts(spec.parameters, spec.name, "")


def _texts(value: Any, node: str, path: str) -> Iterator[Text]:
    if isinstance(value, str):
        if value.startswith("=") or path.rpartition(".")[2] in CODE:
            yield Text(node, path, value)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(one, node, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, node, f"{path}[{number}]")


def _references(one: Text, names: Collection[str]) -> Iterator[Finding]:
    for pattern in REFERENCES:
        for found in pattern.finditer(one.text):
            name = re.sub(r"\\(.)", r"\1", found[2])
            # A template literal with a hole is known when it runs only.
            if name not in names and not (found[1] == "`" and "${" in name):
                said = f"{one.path} asks for the node {name!r}, which does not exist."
                yield Finding(ERROR, said, one.node)


def _syntax(texts: Sequence[Text], check_syntax: CheckSyntax) -> Iterator[Finding]:
    templates = list(dict.fromkeys(one.text for one in texts))
    wrong = dict(zip(templates, check_syntax(templates), strict=True)) if templates else {}
    for one in texts:
        if wrong[one.text]:
            said = f"{one.path}: the expression cannot be read: {wrong[one.text]}"
            yield Finding(ERROR, said, one.node)
