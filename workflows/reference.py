"""The reference of nodes, written from their declarations."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from whoosh_site.core import manual
from workflows import credentials
from workflows.credentials import CredentialType
from workflows.engine.node import Differing, Node
from workflows.engine.parameters import Field
from workflows.nodes import shelf

MADE = "<!-- Written by `manage.py reference`. Change the code, then run it again. -->"
INTRO = (
    "The node types that run here, by group. Any other type is imported, shown and exported "
    "without loss, and fails by its name when it is run. Parameters are called as in n8n."
)
CREDENTIALS = (
    "The types of credentials there are, called as in n8n. What they sign, HTTP Request nodes can "
    "send; others are for nodes of their own. See [credentials](../user/credentials.md)."
)
MOST = 60
"""Signs of a default that are shown."""


@manual.add
def node_pages() -> Mapping[str, str]:
    """Return the list of nodes, and a page for each."""
    made = {"nodes": _index()}
    return made | {f"nodes/{page_name(node)}": _node(node) for node in shelf}


@manual.add
def credential_page() -> Mapping[str, str]:
    """Return the list of credential types."""
    parts = [MADE, "# Credential types", _wrapped(CREDENTIALS)]
    for kind in sorted(credentials.shelf, key=lambda one: one.label.lower()):
        parts += [f"## {kind.label}", *_credential(kind)]
    return {"credentials": "\n\n".join(parts) + "\n"}


def _credential(kind: type[CredentialType]) -> Iterator[str]:
    uses = "signs HTTP requests" if kind.signs else "is sent nowhere" if kind.stays else ""
    yield _wrapped(f"Type `{kind.key}`{f'; {uses}' if uses else ''}. {kind.said()} {kind.hint}")
    lines = []
    for one in kind.fields:
        marks = [word for word in ("required", "secret") if getattr(one, word)]
        lines.append(_wrapped(_line(one, 0) + (f"; {', '.join(marks)}" if marks else ""), "  "))
    yield "\n".join(lines)


def page_name(node: type[Node]) -> str:
    """Return what the page of a node is called."""
    return node.key.rpartition(".")[2]


def _index() -> str:
    groups: dict[str, list[type[Node]]] = {}
    for node in sorted(shelf, key=lambda one: one.label.lower()):
        groups.setdefault(node.group, []).append(node)
    parts = [MADE, "# Nodes", _wrapped(INTRO)]
    for group in sorted(groups):
        rows = [
            f"| [{node.label}](nodes/{page_name(node)}.md) | `{node.key}` | {_versions(node)} |"
            for node in groups[group]
        ]
        head = ["| Node | Type | Versions |", "| --- | --- | --- |"]
        parts += [f"## {group}", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def _node(node: type[Node]) -> str:
    documented = (node.__doc__ or node.label).strip().split("\n\n")
    parts = [MADE, f"# {node.label}", *(_wrapped(" ".join(one.split())) for one in documented)]
    parts.append(
        f"Type `{node.key}`, versions {_versions(node)}. "
        f"Inputs: {', '.join(node.input_names) or 'none'}. "
        f"Outputs: {', '.join(node.output_names) or 'none'}."
    )
    parts[-1] = _wrapped(parts[-1])
    if rows := list(dict.fromkeys(_rows(node))):
        parts += ["## Parameters", "\n".join(rows)]
    if node.unsupported:
        lines = [_wrapped(f"- {_refused(one)}", "  ") for one in node.unsupported]
        parts += ["## Not supported", "Using one of these fails and names it.", "\n".join(lines)]
    if node.differing:
        parts += ["## Other than in n8n", *map(_differing, node.differing)]
    return "\n\n".join(parts) + "\n"


def _differing(one: Differing) -> str:
    values = " or ".join(f"`{value}`" for value in one.values) or "used"
    lines = [_wrapped(f"- {said}", "  ") for said in one.how]
    return "\n".join([f"Where `{one.path}` is {values}:", "", *lines])


def _refused(one: Any) -> str:
    values = ", ".join(f"`{value}`" for value in one.values)
    return f"`{one.path}`{f' = {values}' if values else ''}: {one.why}"


def _rows(node: type[Node]) -> Iterator[str]:
    """Yield a line for every parameter any version has."""
    seen: dict[tuple[str, str], list[float]] = {}
    for version in node.versions:
        for one, depth in _walk(node.fields_of(version), version, 0):
            line = _line(one, depth)
            seen.setdefault((one.name, line), []).append(version)
    for (_, line), versions in seen.items():
        versions = sorted(set(versions))
        some = len(versions) < len(node.versions)
        line += f" *(version {_spelled(versions)})*" if some else ""
        depth = len(line) - len(line.lstrip())
        yield _wrapped(line, " " * (depth + 2))


def _walk(fields: tuple[Field, ...], version: float, depth: int) -> Iterator[tuple[Field, int]]:
    for one in fields:
        if (one.versions is None or one.versions(version)) and one.kind != "notice":
            yield one, depth
            yield from _walk(one.fields, version, depth + 1)


def _line(one: Field, depth: int) -> str:
    words = f"{'  ' * depth}- `{one.name}`"
    if one.label:
        words += f" {one.label}"
    words += f" ({one.kind}"
    if one.default not in ("", {}, [], None):
        shown = repr(one.default).replace("\n", " ")
        words += f", default `{shown[:MOST]}{'…' if len(shown) > MOST else ''}`"
    words += ")"
    if one.choices:
        words += ": " + ", ".join(f"`{choice.value}`" for choice in one.choices)
    if one.when:
        words += "; where " + " and ".join(_condition(*each) for each in one.when.items())
    return words


def _condition(name: str, values: Any) -> str:
    return f"`{name}` is {' or '.join(f'`{value}`' for value in values)}"


def _versions(node: type[Node]) -> str:
    return _spelled(list(node.versions))


def _spelled(versions: list[float]) -> str:
    if len(versions) > 2:
        return f"{versions[0]:g} to {versions[-1]:g}"
    return " and ".join(f"{version:g}" for version in versions)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
