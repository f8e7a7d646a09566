"""Which nodes lead where: reach, what lies beyond an output, rings."""

from collections.abc import Iterable, Iterator

from workflows.engine.document import MAIN, Document


def targets(document: Document, name: str) -> Iterator[str]:
    """Yield the nodes the main outputs of one lead to."""
    for ends in document.targets(name):
        for end in ends:
            yield end.node


def after(document: Document, starts: Iterable[str]) -> set[str]:
    """Return these nodes and all that come after them over main links."""
    found: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(targets(document, name))
    return found


def reached(document: Document, starts: Iterable[str]) -> set[str]:
    """Return all nodes a run may come to: over main links, and those that serve such a node."""
    found = after(document, starts)
    servants = {name: set(_served(document, name)) for name in document.links}
    grown = True
    while grown:
        more = {name for name, served in servants.items() if served & found} - found
        grown = bool(more)
        found |= after(document, more)
    return found


def _served(document: Document, name: str) -> Iterator[str]:
    for kind, outputs in document.links[name].items():
        for ends in outputs if kind != MAIN else ():
            for end in ends:
                yield end.node


def beyond(document: Document, name: str, output: int) -> set[str]:
    """Return the nodes that come after one output of a node."""
    outputs = document.targets(name)
    ends = outputs[output] if output < len(outputs) else []
    return after(document, [end.node for end in ends])


def rings(document: Document) -> list[list[str]]:
    """Return the groups of nodes that lead back to themselves, each in document order.

    Two nodes are in one group when each comes after the other (Kosaraju and Sharir's two passes).
    """
    back: dict[str, list[str]] = {name: [] for name in document.nodes}
    for name in document.nodes:
        for target in targets(document, name):
            back[target].append(name)
    group_of: dict[str, str] = {}
    for root in reversed(_finished(document)):
        todo = [root]
        while todo:
            name = todo.pop()
            if name not in group_of:
                group_of[name] = root
                todo.extend(back[name])
    groups: dict[str, list[str]] = {}
    for name in document.nodes:
        groups.setdefault(group_of[name], []).append(name)
    return [
        names
        for names in groups.values()
        if len(names) > 1 or names[0] in targets(document, names[0])
    ]


def _finished(document: Document) -> list[str]:
    """Return the nodes in the order in which a walk in depth leaves them."""
    done: list[str] = []
    seen: set[str] = set()
    for root in document.nodes:
        path = [] if root in seen else [(root, targets(document, root))]
        seen.add(root)
        while path:
            name, following = path[-1]
            target = next((one for one in following if one not in seen), None)
            if target is None:
                done.append(name)
                path.pop()
            else:
                seen.add(target)
                path.append((target, targets(document, target)))
    return done


DECIDES = ("if", "switch", "filter")


def choices_before(document: Document, name: str, index: int) -> set[str]:
    """Return the nodes before one input that may send nothing on towards it."""
    origins = document.origins(name)
    starts = {origin.node for origin in origins[index]} if index < len(origins) else set()
    before = starts.union(*(document.parents(start) for start in starts)) - {name}
    return {one for one in before if document.nodes[one].short_type in DECIDES}
