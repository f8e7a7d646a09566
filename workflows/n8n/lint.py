"""What will not work, or not as meant, when a document is run: found before it is.

Plain Python over the engine's reading of the document and the declarations of the nodes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workflows.engine.document import Document, NodeSpec
from workflows.engine.node import Differing, Node, Unsupported
from workflows.n8n import graphs, ports
from workflows.n8n.findings import ERROR, NOTE, WARNING, Finding
from workflows.n8n.texts import CheckSyntax, look_into

Kinds = Mapping[str, type[Node]]

STICKY = "stickyNote"
PASSES_ON = (
    "set", "noOp", "wait", "dateTime", "renameKeys", "markdown", "crypto", "html", "xml",
    "moveBinaryData", "sort",
)  # fmt: skip
"""Types that give on whatever comes: a loop of these alone never ends."""
MISSING = object()


def lint(
    document: Document, kinds: Kinds, check_syntax: CheckSyntax | None = None
) -> Iterator[Finding]:
    """Yield what is found.

    Args:
        document: the workflow.
        kinds: the node types there are, by n8n's type.
        check_syntax: tells what is wrong with expressions; without it nobody reads their grammar.
    """
    specs = [spec for spec in document.nodes.values() if spec.short_type != STICKY]
    yield from _reach(document, specs)
    yield from _endless(document)
    yield from _batches(document, [s for s in specs if s.short_type == "splitInBatches"])
    for spec in specs:
        kind = kinds.get(spec.type)
        if kind is None:
            said = f"The node type {spec.type} is not here: running it fails."
            yield Finding(ERROR, said, spec.name)
        else:
            yield from _declared(document, spec, kind)
    yield from look_into(specs, document.nodes, check_syntax)


# -- what is run at all --------------------------------------------------------------------------


def _reach(document: Document, specs: Sequence[NodeSpec]) -> Iterator[Finding]:
    triggers = [spec for spec in specs if spec.is_trigger]
    if specs and not triggers:
        yield Finding(WARNING, "There is no trigger: add one, such as Manual Trigger, to run it.")
        return
    if triggers and all(spec.disabled for spec in triggers):
        yield Finding(WARNING, "Every trigger is disabled: nothing starts this workflow.")
    for spec in triggers:
        if spec.disabled:
            yield Finding(NOTE, "The trigger is disabled: it starts nothing.", spec.name)
    reached = graphs.reached(document, [spec.name for spec in triggers])
    for spec in specs:
        if spec.name not in reached:
            yield Finding(WARNING, "No trigger leads here, so it is never run.", spec.name)


# -- loops ---------------------------------------------------------------------------------------


def _endless(document: Document) -> Iterator[Finding]:
    for ring in graphs.rings(document):
        specs = [document.nodes[name] for name in ring]
        if not any(_may_leave(document, spec, set(ring)) for spec in specs):
            said = (
                "This loop never ends: nothing leads out of it. Put an If with a way out into it."
            )
            yield Finding(ERROR, said, ring[0])


def _may_leave(document: Document, spec: NodeSpec, ring: set[str]) -> bool:
    """Whether items that come to a node of a ring may not go on round it."""
    if spec.disabled or spec.short_type in PASSES_ON:
        return False
    if spec.short_type != "if":
        return True  # it may drop items, fail, or send them elsewhere
    outputs = document.targets(spec.name)
    back = [any(end.node in ring for end in ends) for ends in outputs[:2]]
    return back != [True, True]


def _batches(document: Document, batches: Sequence[NodeSpec]) -> Iterator[Finding]:
    for spec in batches:
        body, done = _ports(spec)
        inside = graphs.beyond(document, spec.name, body)
        if inside and spec.name not in inside:
            said = "Its loop does not lead back to it: only the first batch is worked on."
            yield Finding(WARNING, said, spec.name)
        if spec.name in inside:
            for other in batches:
                if other is not spec and other.name in inside and not _resets(other):
                    comes_out = graphs.beyond(document, other.name, _ports(other)[1])
                    if spec.name in comes_out and other.name not in graphs.beyond(
                        document, spec.name, done
                    ):
                        yield _not_reset(spec, other)


def _ports(spec: NodeSpec) -> tuple[int, int]:
    """Return the outputs of a loop: that to its body, and that for when it is done."""
    if spec.version >= 3:
        return 1, 0
    return (0, 1) if spec.version >= 2 else (0, 0)


def _resets(spec: NodeSpec) -> bool:
    options = spec.parameters.get("options")
    return isinstance(options, Mapping) and bool(options.get("reset"))


def _not_reset(outer: NodeSpec, inner: NodeSpec) -> Finding:
    return Finding(
        WARNING,
        f"A loop inside the loop {outer.name!r} begins anew only if its option Reset says so: "
        "from the second round on it gives everything out as done. "
        'Set Reset to {{ $node["' + inner.name + '"].context.done }}.',
        inner.name,
    )


# -- what the nodes declare ----------------------------------------------------------------------


def _declared(document: Document, spec: NodeSpec, kind: type[Node]) -> Iterator[Finding]:
    if spec.version > max(kind.versions):
        said = (
            f"Version {spec.version:g} is newer than what is known here ({max(kind.versions):g})."
        )
        yield Finding(WARNING, said, spec.name)
    open_to_all = ports.parameter(spec, kind, "authentication") == "none"
    if kind.credentials and not spec.credentials and not open_to_all:
        names = " or ".join(kind.credentials)
        yield Finding(WARNING, f"It has no credential: choose one ({names}).", spec.name)
    yield from _inputs(document, spec, kind)
    for one in kind.unsupported:
        if (value := _used(one, spec.parameters)) is not MISSING:
            shown = f" = {value!r}" if one.values else ""
            yield Finding(ERROR, f"The parameter {one.path}{shown} {one.why}.", spec.name)
    for other in kind.differing:
        if (value := _used(other, spec.parameters)) is not MISSING:
            shown = f" = {value!r}" if other.values else ""
            said = f"{other.path}{shown} differs from n8n. {' '.join(other.how)}"
            yield Finding(NOTE, said, spec.name)


def _inputs(document: Document, spec: NodeSpec, kind: type[Node]) -> Iterator[Finding]:
    names = ports.inputs(spec, kind)
    if len(names) < 2:
        return
    origins = document.origins(spec.name)
    wired = [n for n in range(len(names)) if n < len(origins) and origins[n]]
    wanted = ports.needed(spec, kind)
    for index in wanted:
        if index not in wired:
            said = f"Nothing leads to input {index + 1}, which it needs: it is skipped, silently."
            yield Finding(ERROR, said, spec.name)
    if len(wired) == 1 and not wanted:
        said = f"Only one of its {len(names)} inputs is connected: there is nothing to join."
        yield Finding(WARNING, said, spec.name)
    branches = [graphs.choices_before(document, spec.name, index) for index in wanted]
    if len(wanted) > 1 and set(wanted) <= set(wired) and any(branches):
        deciding = sorted(set().union(*branches))[0]
        said = (
            f"If {deciding!r} sends no items this way, it lacks an input and is skipped, silently."
        )
        yield Finding(WARNING, said, spec.name)


def _used(one: Unsupported | Differing, parameters: Mapping[str, Any]) -> Any:
    """Return the value of a declared parameter that is used, or MISSING."""
    for value in _at(parameters, one.path.split(".")):
        if one.values and value in one.values:
            return value
        if not one.values and value not in ("", None, False, [], {}):
            return value
    return MISSING


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield the values at a path; lists on the way count with each of their items."""
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])
