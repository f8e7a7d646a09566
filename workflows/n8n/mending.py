"""Broken and old documents as the engine reads them, and what was found on the way.

What is stored is never changed: this is done anew whenever a document is read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from whoosh_site.core.errors import BadInput
from workflows.n8n import jsontext
from workflows.n8n.findings import ERROR, NOTE, WARNING, Finding
from workflows.n8n.jsontext import Doubled

MAIN = "main"
MOST_PORTS = 256
"""Inputs or outputs a node may have: a document that names more is broken."""


def mend(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Return a document that can be read, and what was found in this one.

    Texts that hold JSON become objects, nodes a list, connections lead from name to name; what
    leads nowhere is left out. `raw` stays as it is.
    """
    found: list[Finding] = list(_doubled(raw, ""))
    made = dict(raw)
    for key in ("settings", "connections", "pinData", "staticData"):
        made[key] = _object(raw, key, found)
    made["nodes"] = list(_nodes(raw.get("nodes"), found))
    found += _about_nodes(made["nodes"])
    made["connections"] = _connections(made, found)
    found += _about_the_rest(made)
    return made, found


def _doubled(value: Any, path: str) -> Iterator[Finding]:
    if isinstance(value, Doubled):
        where = f" in {path}" if path else ""
        for key in value.doubled:
            yield Finding(WARNING, f"The key {key!r} stands twice{where}; the last one counts.")
    members = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else ()
    for key, one in (*members, *items):
        if isinstance(one, dict | list):
            yield from _doubled(one, f"{path}.{key}" if path else str(key))


def _object(raw: Mapping[str, Any], key: str, found: list[Finding]) -> dict[str, Any]:
    """Return a member that has to be an object; empty where it is none."""
    value = raw.get(key)
    if isinstance(value, str) and value.strip():
        try:
            value = jsontext.read(value)
            found.append(
                Finding(NOTE, f"{key} is a text that holds JSON; it is read as an object.")
            )
        except BadInput as error:
            found.append(Finding(ERROR, f"{key} is a text, not an object. {error.message}"))
            return {}
    if isinstance(value, dict):
        return value
    if key == "connections" and key not in raw:
        found.append(Finding(WARNING, "connections is missing: no node leads to another."))
    elif value not in (None, "", []):
        found.append(Finding(ERROR, f"{key} is no object, so it is left out."))
    return {}


def _nodes(value: Any, found: list[Finding]) -> Iterator[dict[str, Any]]:
    named: list[tuple[str, Any]] = [("", one) for one in value] if isinstance(value, list) else []
    if isinstance(value, dict):
        found.append(Finding(WARNING, "nodes is an object, not a list; its values are the nodes."))
        named = [(key, one) for key, one in value.items()]
    if not named:
        found.append(Finding(WARNING, "nodes is empty: there is nothing to run."))
    for number, (key, node) in enumerate(named, 1):
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            said = "is no object" if not isinstance(node, dict) else "has no type"
            found.append(Finding(ERROR, f"Node {number} {said}, so it is left out."))
            continue
        yield _node(node, key, found)


def _node(node: dict[str, Any], key: str, found: list[Finding]) -> dict[str, Any]:
    made = dict(node)
    name = node.get("name")
    if not isinstance(name, str) or not name:
        name = key if key and not key.isdecimal() else node["type"].rpartition(".")[2]
        found.append(Finding(WARNING, "The node has no name; it goes by this one.", name))
        made["name"] = name
    parameters = node.get("parameters")
    if not isinstance(parameters, dict | None):
        made["parameters"] = _object({"parameters": parameters}, "parameters", found)
    if isinstance(node.get("typeVersion"), str):
        found.append(Finding(WARNING, "typeVersion is a text; it is read as a number.", name))
    if node.get("continueOnFail") is True and "onError" not in node:
        said = "continueOnFail is the old form of onError: continueRegularOutput; it still works."
        found.append(Finding(NOTE, said, name))
    made["credentials"] = _credentials(node.get("credentials"), name, found)
    return made


def _credentials(value: Any, node: str, found: list[Finding]) -> dict[str, Any]:
    if not isinstance(value, dict):
        if value not in (None, "", []):
            found.append(Finding(WARNING, "credentials is no object; choose them anew.", node))
        return {}
    made = {}
    for kind, one in value.items():
        if isinstance(one, str):
            said = f"The credential {kind} is a bare name, {one!r}: an old form; choose it anew."
            found.append(Finding(WARNING, said, node))
        made[kind] = {"id": None, "name": one} if isinstance(one, str) else one
    return made


def _about_nodes(nodes: list[dict[str, Any]]) -> Iterator[Finding]:
    times = Counter(node["name"] for node in nodes)
    for name, count in times.items():
        if count > 1:
            said = (
                f"{count} nodes have this name; only the first is run. Give the others new names."
            )
            yield Finding(ERROR, said, name)
    without = [node["name"] for node in nodes if not node.get("id")]
    if without:
        word = "1 node has" if len(without) == 1 else f"{len(without)} nodes have"
        yield Finding(NOTE, f"{word} no id; the name is enough to run.")


def _connections(made: Mapping[str, Any], found: list[Finding]) -> dict[str, Any]:
    names = {node["name"] for node in made["nodes"]}
    by_id = {str(node["id"]): node["name"] for node in made["nodes"] if node.get("id")}
    meant = {ident: name for ident, name in by_id.items() if ident not in names}
    kept: dict[str, Any] = {}
    for source, kinds in made["connections"].items():
        name = meant.get(source, source)
        if name != source:
            said = "Its connections name it by its id; they are read as if by its name."
            found.append(Finding(WARNING, said, name))
        if name not in names:
            if kinds:
                said = f"Connections lead from {source!r}, which does not exist; they are left out."
                found.append(Finding(WARNING, said))
        elif isinstance(kinds, dict):
            # Those by name count, should a node have both.
            wired = {
                kind: _outputs(ends, kind, name, names, meant, found)
                for kind, ends in kinds.items()
            }
            kept[name] = (
                {**wired, **kept.get(name, {})}
                if name != source
                else {**kept.get(name, {}), **wired}
            )
        else:
            found.append(
                Finding(ERROR, "Its connections are no object, so they are left out.", name)
            )
    return kept


def _outputs(
    outputs: Any,
    kind: str,
    source: str,
    names: set[str],
    meant: Mapping[str, str],
    found: list[Finding],
) -> list[list[dict[str, Any]]]:
    if not isinstance(outputs, list):
        found.append(Finding(ERROR, f"Its {kind} connections are no list; left out.", source))
        return []
    if outputs and all(isinstance(one, dict) for one in outputs):
        found.append(Finding(WARNING, "Its connections lack a level; all are at output 0.", source))
        outputs = [outputs]
    made = []
    for ends in outputs[:MOST_PORTS]:
        ends = ends if isinstance(ends, list) else []
        made.append([end for one in ends if (end := _end(one, kind, source, names, meant, found))])
    return made


def _end(
    end: Any,
    kind: str,
    source: str,
    names: set[str],
    meant: Mapping[str, str],
    found: list[Finding],
) -> dict[str, Any] | None:
    if not isinstance(end, dict) or not isinstance(end.get("node"), str):
        found.append(Finding(ERROR, "A connection names no node; it is left out.", source))
        return None
    name = meant.get(end["node"], end["node"])
    if name not in names:
        said = f"A connection leads to {end['node']!r}, which does not exist; it is left out."
        found.append(Finding(WARNING, said, source))
        return None
    index = end.get("index", 0)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < MOST_PORTS:
        said = f"The connection to {name!r} has no usable index ({index!r}); it is left out."
        found.append(Finding(ERROR, said, source))
        return None
    return {**end, "node": name, "type": end.get("type", kind), "index": index}


def _about_the_rest(made: Mapping[str, Any]) -> Iterator[Finding]:
    names = {node["name"] for node in made["nodes"]}
    for name, items in made["pinData"].items():
        if name not in names:
            yield Finding(NOTE, f"Pinned data is kept for {name!r}, which does not exist.")
        elif not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            yield Finding(WARNING, "Its pinned data is no list of items; it is not used.", name)
    if "executionOrder" not in made["settings"] and len(names) > 1:
        yield Finding(
            NOTE,
            "settings.executionOrder is missing: branches run in n8n's old order, breadth first.",
        )
