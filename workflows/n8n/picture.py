"""Where things stand in the picture of a workflow: boxes, lines, notes; in n8n's own units."""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from workflows.engine.document import MAIN, OUTPUT, Document, NodeSpec
from workflows.engine.node import Node
from workflows.n8n import graphs, ports
from workflows.n8n.findings import label, storable

SIZE, WIDE, ROUND = 96, 256, 80
LETTERS, LINES = 20, 2
MARGIN, LABEL = 60, 56
FARTHEST = 50_000
MOST = 1_000
"""Nodes that are drawn."""
MOST_LINES = 5_000
STEP_X, STEP_Y = 220, 160
STICKY = "stickyNote"
SERVES = (
    "agent", "chain", "document", "embedding", "languageModel", "memory", "outputParser",
    "retriever", "reranker", "textSplitter", "tool", "vectorStore",
)  # fmt: skip
KINDS = tuple(f"ai_{kind}" for kind in SERVES)
"""The kinds of links over which a node serves another (n8n's NodeConnectionTypes)."""


@dataclass
class Box:
    """A node: where it stands, what is written below it, how it is drawn."""

    name: str
    type: str
    icon: str
    x: float
    y: float
    width: float = SIZE
    height: float = SIZE
    round: bool = False
    disabled: bool = False
    state: str = ""  # "error" or "warning" where something was found
    lines: list[str] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The middle of its width."""
        return self.x + self.width / 2

    @property
    def corner(self) -> float:
        """How round its corners are."""
        return self.height / 2 if self.round else 12

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    @property
    def wide(self) -> bool:
        """Whether its words stand inside it, as others arrive at its foot."""
        return self.width > self.height

    @property
    def text_x(self) -> float:
        """The middle of its words."""
        return self.middle + 28 if self.wide else self.middle

    @property
    def icon_x(self) -> float:
        """Where its icon begins."""
        return self.x + 18 if self.wide else self.middle - 20

    @property
    def icon_y(self) -> float:
        """Where its icon begins."""
        return self.y + self.height / 2 - 20

    @property
    def rows(self) -> list[tuple[float, str]]:
        """The lines of its name and how far down each is."""
        first = self.y + self.height + 22
        if self.wide:
            first = self.y + self.height / 2 + 6 - 10 * (len(self.lines) - 1)
        return [(first + 20 * n, line) for n, line in enumerate(self.lines)]


@dataclass(frozen=True)
class Line:
    """A connection, as the path of an SVG; dashed where it serves and carries no items."""

    path: str
    dashed: bool = False


@dataclass(frozen=True)
class Label:
    """A word at an output."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Note:
    """A sticky note; `colour` is a number from 1 to 7."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    text: str


@dataclass
class Picture:
    """All of it. `left_out` counts nodes beyond the most that are drawn."""

    boxes: list[Box]
    lines: list[Line]
    labels: list[Label]
    notes: list[Note]
    left: float = 0
    top: float = 0
    width: float = 0
    height: float = 0
    left_out: int = 0


def draw(
    document: Document,
    kinds: Mapping[str, type[Node]],
    icon_of: Callable[[NodeSpec], str],
    states: Mapping[str, str],
) -> Picture:
    """Return where everything stands.

    Args:
        document: the workflow.
        kinds: the node types there are, for the number and the names of outputs.
        icon_of: the name of a node's icon.
        states: "error" or "warning" by node.
    """
    specs = list(document.nodes.values())[:MOST]
    places = _places(document, specs)
    boxes = {
        spec.name: _box(spec, document, places[spec.name], icon_of(spec), states.get(spec.name, ""))
        for spec in specs
        if spec.short_type != STICKY
    }
    notes = [_note(spec, places[spec.name]) for spec in specs if spec.short_type == STICKY]
    exits = {
        name: _outputs(document.nodes[name], document, kinds.get(document.nodes[name].type))
        for name in boxes
    }
    picture = Picture(
        boxes=list(boxes.values()),
        lines=list(islice(_lines(document, boxes, exits), MOST_LINES)),
        labels=list(_labels(boxes, exits)),
        notes=sorted(notes, key=lambda note: -note.width * note.height),
        left_out=len(document.nodes) - len(specs),
    )
    _frame(picture)
    return picture


# -- places --------------------------------------------------------------------------------------


def _places(document: Document, specs: Sequence[NodeSpec]) -> dict[str, tuple[float, float]]:
    """Return where the nodes stand; laid out by how far they are from a start if none says."""
    given = {spec.name: (_clear(spec.position[0]), _clear(spec.position[1])) for spec in specs}
    if len(specs) < 2 or len(set(given.values())) > 1:
        return given
    depth = _depths(document, [spec.name for spec in specs])
    rows: dict[int, int] = {}
    laid: dict[str, tuple[float, float]] = {}
    for spec in specs:
        column = depth[spec.name]
        laid[spec.name] = (column * STEP_X, rows.get(column, 0) * STEP_Y)
        rows[column] = rows.get(column, 0) + 1
    return laid


def _depths(document: Document, names: Sequence[str]) -> dict[str, int]:
    """Return how many steps each node is from one that nothing leads to."""
    depth: dict[str, int] = {}
    for root in sorted(names, key=lambda name: bool(document.origins(name))):
        todo = [] if root in depth else [(root, 0)]
        for name, steps in todo:
            if name not in depth:
                depth[name] = steps
                todo += [(one, steps + 1) for one in graphs.targets(document, name)]
    return depth


def _clear(number: float) -> float:
    """Return a place that can be drawn."""
    return max(-FARTHEST, min(FARTHEST, number)) if math.isfinite(number) else 0


def _box(
    spec: NodeSpec, document: Document, place: tuple[float, float], icon: str, state: str
) -> Box:
    serves = any(any(document.targets(spec.name, kind)) for kind in KINDS)
    served = bool(_kinds_into(document, spec.name))
    size = ROUND if serves else SIZE
    return Box(
        name=label(spec.name),
        type=label(spec.type),
        icon=icon,
        x=place[0],
        y=place[1],
        width=WIDE if served else size,
        height=size,
        round=serves and not served,
        disabled=spec.disabled,
        state=state,
        lines=_wrapped(label(spec.name), LETTERS),
    )


def _kinds_into(document: Document, name: str) -> list[str]:
    return sorted(kind for kind in KINDS if document.origins(name, kind))


def _wrapped(text: str, letters: int) -> list[str]:
    lines = textwrap.wrap(text, letters) or [text[:letters]]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1][: letters - 1] + "…"]
    return lines


def _note(spec: NodeSpec, place: tuple[float, float]) -> Note:
    found = spec.parameters
    colour = found.get("color")
    return Note(
        x=place[0],
        y=place[1],
        width=_length(found.get("width"), 240),
        height=_length(found.get("height"), 160),
        colour=colour if isinstance(colour, int) and 1 <= colour <= 7 else 1,
        text=storable(str(found.get("content", "")))[:4000],
    )


def _length(value: Any, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return max(20, min(10_000, _clear(value)))


# -- lines ---------------------------------------------------------------------------------------


def _outputs(spec: NodeSpec, document: Document, kind: type[Node] | None) -> list[str]:
    """Return the names of a node's outputs, as many as it has or are wired."""
    names: list[str] = []
    if kind is not None:
        names = list(ports.outputs(spec, kind))
    if names and spec.on_error == OUTPUT:
        names.append("error")
    wired = len(document.targets(spec.name))
    return names + [""] * (wired - len(names))


def _port(box: Box, index: int, count: int) -> float:
    return box.y + box.height * (index + 1) / (max(count, index + 1) + 1)


def _labels(boxes: Mapping[str, Box], exits: Mapping[str, list[str]]) -> Iterator[Label]:
    for name, names in exits.items():
        if len(names) > 1:
            for index, word in enumerate(names):
                if word and word != MAIN:
                    y = _port(boxes[name], index, len(names))
                    yield Label(boxes[name].right + 8, y - 5, storable(word)[:12])


def _lines(
    document: Document, boxes: Mapping[str, Box], exits: Mapping[str, list[str]]
) -> Iterator[Line]:
    for name, kinds in document.links.items():
        for kind, outputs in kinds.items():
            for index, ends in enumerate(outputs):
                for end in ends if name in boxes else ():
                    if end.node not in boxes:
                        continue
                    start, target = boxes[name], boxes[end.node]
                    if kind == MAIN:
                        y = _port(start, index, len(exits[name]))
                        place = end.input, len(document.origins(end.node))
                        yield Line(_across(start, y, target, _port(target, *place), boxes))
                    elif kind in KINDS:
                        at = _foot(document, target, end.node, kind)
                        yield Line(_upwards(start, at, target), dashed=True)


def _across(start: Box, y: float, target: Box, to_y: float, boxes: Mapping[str, Box]) -> str:
    """Return the path from an output to an input; one that leads back goes round below."""
    x, to_x = start.right, target.x
    if to_x >= x:
        bend = max(30, (to_x - x) / 2)
        return f"M{x:g},{y:g} C{x + bend:g},{y:g} {to_x - bend:g},{to_y:g} {to_x:g},{to_y:g}"
    low = _below(start, target, boxes) + LABEL
    return (
        f"M{x:g},{y:g} C{x + 60:g},{y:g} {x + 60:g},{low:g} {x:g},{low:g} "
        f"L{to_x:g},{low:g} C{to_x - 60:g},{low:g} {to_x - 60:g},{to_y:g} {to_x:g},{to_y:g}"
    )


def _below(start: Box, target: Box, boxes: Mapping[str, Box]) -> float:
    """Return how far down the boxes reach that a way back from one to the other would cross."""
    low = max(start.y + start.height, target.y + target.height)
    between = [one for one in boxes.values() if one.x < start.right and one.right > target.x]
    for one in sorted(between, key=lambda one: one.y):
        if one.y <= low + LABEL + 12:
            low = max(low, one.y + one.height)
    return low


def _foot(document: Document, box: Box, name: str, kind: str) -> float:
    """Return where along the foot of a node those that serve it in one way arrive."""
    kinds = _kinds_into(document, name)
    return box.x + box.width * (kinds.index(kind) + 1) / (len(kinds) + 1)


def _upwards(start: Box, to_x: float, target: Box) -> str:
    x, y, to_y = start.middle, start.y, target.y + target.height
    bend = max(30, abs(y - to_y) / 2)
    return f"M{x:g},{y:g} C{x:g},{y - bend:g} {to_x:g},{to_y + bend:g} {to_x:g},{to_y:g}"


# -- frame ---------------------------------------------------------------------------------------


def _frame(picture: Picture) -> None:
    things: list[Box | Note] = [*picture.boxes, *picture.notes]
    if not things:
        return
    picture.left = min(one.x for one in things) - MARGIN - 20
    picture.top = min(one.y for one in things) - MARGIN
    right = max(one.x + one.width for one in things) + MARGIN + 20
    low = max(one.y + one.height for one in things) + LABEL + 40
    picture.width, picture.height = right - picture.left, low - picture.top
