"""What tells two documents apart, for people to read."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.n8n.findings import storable
from workflows.n8n.reading import Given

APART = ("nodes", "connections", "settings")
PLACE = ("position",)
MISSING = object()
LONGEST = 2000
"""Characters of a value that are shown."""
MOST_LINES = 400
"""Lines of a text that are compared one by one."""

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One value: where it stands, and what it was and is as JSON; empty where it was not there.

    Texts of several lines also have `lines`, those that went with "-" and those that came with "+".
    """

    path: str
    old: str
    new: str
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NodeChange:
    """A node of both documents whose content differs; `was` is its former name, if it changed."""

    name: str
    type: str
    was: str
    changes: list[Change]


@dataclass(frozen=True)
class Difference:
    """Everything: nodes by name, connections as "A → B", changed values by path."""

    added: list[str]
    removed: list[str]
    changed: list[NodeChange]
    moved: list[str]
    connected: list[str]
    disconnected: list[str]
    settings: list[Change]
    rest: list[Change]

    @property
    def nothing(self) -> bool:
        """Whether the two say the same, however they are written."""
        return not any(vars(self).values())


def difference(old: Given, new: Given) -> Difference:
    """Return what has to be done to the old document to get the new one."""
    pairs = list(_pairs(old.document["nodes"], new.document["nodes"]))
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    renamed = {a["name"]: b["name"] for a, b in both if a["name"] != b["name"]}
    before, after = set(_links(old, renamed)), set(_links(new, {}))
    return Difference(
        added=[storable(b["name"]) for a, b in pairs if a is None and b is not None],
        removed=[storable(a["name"]) for a, b in pairs if b is None and a is not None],
        changed=[change for a, b in both if (change := _node_change(a, b))],
        moved=[storable(b["name"]) for a, b in both if a.get("position") != b.get("position")],
        connected=sorted(after - before),
        disconnected=sorted(before - after),
        settings=list(_changes(old.document["settings"], new.document["settings"], "")),
        rest=list(_changes(_rest(old), _rest(new), "")),
    )


def _pairs(old: list[Node], new: list[Node]) -> Iterator[tuple[Node | None, Node | None]]:
    """Yield the nodes of both: the same by id, else by name, else alone."""
    ids, names = _by(old, "id"), _by(old, "name")
    taken: set[int] = set()
    kept = {node["name"] for node in new}
    for node in new:
        match = ids.get(str(node.get("id") or ""))
        if match is None or id(match) in taken:
            match = names.get(node["name"])
        elif match["name"] != node["name"] and match["name"] in kept:
            match = names.get(node["name"])  # an id that was given twice
        if match is not None and id(match) in taken:
            match = None
        if match is not None:
            taken.add(id(match))
        yield match, node
    yield from ((node, None) for node in old if id(node) not in taken)


def _by(nodes: list[Node], key: str) -> dict[str, Node]:
    return {str(node[key]): node for node in reversed(nodes) if node.get(key)}


def _node_change(old: Node, new: Node) -> NodeChange | None:
    left_out = (*PLACE, "name")
    before = {key: value for key, value in old.items() if key not in left_out}
    after = {key: value for key, value in new.items() if key not in left_out}
    changes = list(_changes(before, after, ""))
    was = storable(old["name"]) if old["name"] != new["name"] else ""
    if not changes and not was:
        return None
    return NodeChange(storable(new["name"]), storable(new["type"]), was, changes)


def _links(given: Given, renamed: Mapping[str, str]) -> Iterator[str]:
    for source, kinds in given.document["connections"].items():
        for kind, outputs in kinds.items():
            for output, ends in enumerate(outputs):
                for end in ends:
                    start = renamed.get(source, source) + (f" (output {output})" if output else "")
                    target = renamed.get(end["node"], end["node"])
                    at = f" (input {end['index']})" if end["index"] else ""
                    by = f" as {kind}" if kind != "main" else ""
                    yield storable(f"{start} → {target}{at}{by}")


def _rest(given: Given) -> dict[str, Any]:
    return {key: value for key, value in given.document.items() if key not in APART}


def _changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            inner = f"{path}.{key}" if path else str(key)
            yield from _changes(old.get(key, MISSING), new.get(key, MISSING), inner)
    elif isinstance(old, list) and isinstance(new, list):
        for n in range(max(len(old), len(new))):
            before = old[n] if n < len(old) else MISSING
            yield from _changes(before, new[n] if n < len(new) else MISSING, f"{path}[{n}]")
    elif not _same(old, new):
        yield Change(storable(path), _shown(old), _shown(new), _lines(old, new))


def _same(old: Any, new: Any) -> bool:
    # True is no 1 here, but 1 and 1.0 are one number in JSON.
    return isinstance(old, bool) is isinstance(new, bool) and bool(old == new)


def _shown(value: Any) -> str:
    if value is MISSING:
        return ""
    text = storable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _lines(old: Any, new: Any) -> list[str]:
    if not (isinstance(old, str) and isinstance(new, str)) or "\n" not in old + new:
        return []
    before, after = storable(old).splitlines(), storable(new).splitlines()
    if max(len(before), len(after)) > MOST_LINES:
        return []
    found = list(difflib.unified_diff(before, after, lineterm="", n=2))
    return [line[:LONGEST] for line in found[2:]]
