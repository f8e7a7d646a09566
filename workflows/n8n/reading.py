"""What people hand in as a workflow: files, pasted text, answers of n8n's API, the gallery's."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from whoosh_site.core.errors import BadInput
from workflows.n8n import jsontext
from workflows.n8n.findings import NOTE, WARNING, Finding, sorted_out, storable, whole
from workflows.n8n.mending import mend

WRAPPERS = ("workflow", "workflowData", "document", "data", "template", "workflows")
DEEPEST_WRAP = 5
LONGEST_NAME = 255
LARGEST = 16 * 1024 * 1024
"""Bytes a file may have."""


@dataclass(frozen=True)
class Given:
    """One workflow that was handed in.

    `text` is to be stored as it stands; `document` is what the engine reads; `node_count` counts
    the nodes. `name` is its own, or that of what was around it, or empty.
    """

    name: str
    text: str
    document: dict[str, Any] = field(repr=False)
    findings: list[Finding]

    @property
    def node_count(self) -> int:
        """How many nodes it has, notes left out."""
        types = [node["type"].rpartition(".")[2] for node in self.document["nodes"]]
        return len(types) - types.count("stickyNote")

    @property
    def origin(self) -> str:
        """The id n8n gave it; empty when it has none."""
        ident = self.document.get("id")
        return storable(str(ident)) if isinstance(ident, str | int) and ident else ""

    @property
    def tags(self) -> list[str]:
        """The names of its tags."""
        return list(dict.fromkeys(_tag_names(self.document.get("tags"))))


def decoded(content: bytes) -> str:
    """Return the text of a file; its byte order mark, if any, says how.

    Raises:
        BadInput: it is too large, or no text.
    """
    if len(content) > LARGEST:
        raise BadInput(f"This is larger than {LARGEST // 2**20} MB; a workflow is smaller.")
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if content.startswith(marks) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"This is no text in UTF-8 (line {line}); a workflow is JSON.") from None


def read_all(text: str) -> list[Given]:
    """Return the workflows in a text: one, a list of them, or one in a wrapper.

    Raises:
        BadInput: something in it is no workflow; says which key, line or item, and why.
    """
    text = text.removeprefix("\ufeff")
    found = list(_unwrapped(text, jsontext.read(text), "", "", DEEPEST_WRAP))
    if not found:
        raise BadInput("There is no workflow in this list: it is empty.")
    return found


def read_one(text: str) -> Given:
    """Return the one workflow in a text. Raises BadInput also when there are several."""
    found = read_all(text)
    if len(found) > 1:
        raise BadInput(f"This holds {len(found)} workflows; give one.")
    return found[0]


def _unwrapped(text: str, value: Any, name: str, where: str, room: int) -> Iterator[Given]:
    """Yield the workflows inside a value; `text` is its text, `name` that of its wrapper."""
    if room == 0:
        raise BadInput(f"{where or 'This'} is no workflow: it is wrapped too often.")
    if isinstance(value, str):
        yield from _inside_text(value, name, where, room)
    elif isinstance(value, list):
        _vet_list(value, where)
        for number, piece in enumerate(jsontext.pieces(text)):
            inner = f"{where} item {number + 1}".strip()
            one = jsontext.cut(text, piece)
            yield from _unwrapped(one, value[number], "", inner, room - 1)
    elif not isinstance(value, dict):
        raise BadInput(f"{where or 'This'} is no workflow: it is {_kind(value)}, not an object.")
    elif "nodes" in value:
        yield _workflow(text, value, name, where)
    else:
        yield from _inside_wrapper(text, value, name, where, room)


def _inside_text(value: str, name: str, where: str, room: int) -> Iterator[Given]:
    value = whole(value)
    try:
        inner = jsontext.read(value)
    except BadInput:
        said = f"{where or 'This'} is no workflow: it is a text, {value[:40]!r}."
        raise BadInput(said) from None
    note = Finding(NOTE, "The workflow was JSON inside a JSON text; it is kept without that shell.")
    for given in _unwrapped(value, inner, name, where, room - 1):
        given.findings.append(note)
        yield given


def _inside_wrapper(
    text: str, value: dict[str, Any], name: str, where: str, room: int
) -> Iterator[Given]:
    for key in WRAPPERS:
        piece = jsontext.member(text, key)
        if piece is not None and isinstance(value[key], dict | list | str):
            name = _name_of(value) or name
            inner = f"{where} {key}".strip()
            yield from _unwrapped(jsontext.cut(text, piece), value[key], name, inner, room - 1)
            return
    keys = ", ".join(repr(key[:40]) for key in list(value)[:8]) or "none"
    said = f"{where or 'This'} is no n8n workflow: the key 'nodes' is missing. Its keys: {keys}."
    raise BadInput(said)


def _vet_list(value: list[Any], where: str) -> None:
    if value and all(
        isinstance(one, dict) and "type" in one and "nodes" not in one for one in value
    ):
        said = "is a list of nodes or credentials, not of workflows; give the whole workflow."
        raise BadInput(f"{where or 'This'} {said}")


def _workflow(text: str, value: dict[str, Any], name: str, where: str) -> Given:
    nodes = value["nodes"]
    if not isinstance(nodes, list | dict):
        piece = jsontext.member(text, "nodes")
        line = text.count("\n", 0, piece.start if piece else 0) + 1
        said = f"nodes (line {line}) has to be a list, but is {_kind(nodes)}."
        raise BadInput(f"{where or 'This'} is no workflow: {said}")
    document, findings = mend(value)
    own = _name_of(value)
    if not own and value.get("name") not in (None, ""):
        findings.append(Finding(WARNING, "name is no text; the workflow goes by another name."))
    if len(own or name) > LONGEST_NAME:
        said = (
            f"The name is longer than {LONGEST_NAME} characters; it is cut here, not in the file."
        )
        findings.append(Finding(NOTE, said))
    return Given(shortened(own or name), text, document, sorted_out(findings))


def shortened(name: str) -> str:
    """Return a name as it can be kept: on one line, not too long."""
    return " ".join(storable(name).split())[:LONGEST_NAME]


def _name_of(value: dict[str, Any]) -> str:
    name = value.get("name")
    return name.strip() if isinstance(name, str) else ""


def _tag_names(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else []:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and name.strip():
            yield shortened(name)[:60]


def _kind(value: Any) -> str:
    words = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return words.get(type(value), "null" if value is None else "an object")
