"""A version as people see it: its picture, its nodes, what was found in it."""

import functools
import re
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from whoosh_site.core.leases import RUNNING
from workflows.engine.document import NodeSpec
from workflows.models import Execution, WorkflowVersion
from workflows.models.executions import SUCCESS
from workflows.n8n.findings import ERROR, WARNING, label
from workflows.n8n.picture import STICKY, Picture, draw
from workflows.services.linting import kinds

MOST_ROWS = 500
FALLBACK, TRIGGER, SERVANT = "box", "bolt", "puzzle"


@dataclass(frozen=True)
class Row:
    """A node in the table."""

    name: str
    label: str
    version: str
    icon: str
    known: bool
    disabled: bool
    leads_to: list[str]
    findings: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """Everything of a version. `findings` are those of the whole, the others stand at their row."""

    picture: Picture
    rows: list[Row]
    more: int
    findings: list[dict[str, str]]

    @property
    def scaled(self) -> tuple[int, int]:
        """Width and height of the picture on the page."""
        return round(self.picture.width * 0.75), round(self.picture.height * 0.75)


def shown(version: WorkflowVersion) -> Shown:
    """Return what a page shows of a version."""
    by_node: dict[str, list[dict[str, str]]] = {}
    for one in version.findings:
        by_node.setdefault(one["node"], []).append(one)
    document = version.document
    states = {name: state for name, found in by_node.items() if (state := _worst(found))}
    specs = [spec for spec in document.nodes.values() if spec.short_type != STICKY]
    specs.sort(key=lambda spec: spec.position)  # as people read the picture
    rows = [_row(spec, by_node.get(label(spec.name), []), version) for spec in specs[:MOST_ROWS]]
    names = {label(spec.name) for spec in specs[:MOST_ROWS]}
    rest = [one for one in version.findings if one["node"] not in names]
    picture = draw(document, kinds(), icon_of, states)
    return Shown(picture, rows, len(specs) - len(rows), rest)


def progress(version: WorkflowVersion, execution: Execution) -> Shown:
    """Return the picture of a version with what became of its nodes in a run."""
    states = {one["name"]: _became(one) for one in execution.nodes}
    if execution.error_node:
        states[execution.error_node] = ERROR
    return Shown(draw(version.document, kinds(), icon_of, states), [], 0, [])


def _became(figures: dict[str, Any]) -> str:
    if figures["failed"]:
        return ERROR
    return RUNNING if figures["running"] else SUCCESS


def _worst(found: list[dict[str, str]]) -> str:
    severities = {one["severity"] for one in found}
    return next((one for one in (ERROR, WARNING) if one in severities), "")


def _row(spec: NodeSpec, findings: list[dict[str, str]], version: WorkflowVersion) -> Row:
    kind = kinds().get(spec.type)
    targets = version.document.links.get(spec.name, {}).values()
    ends = [end.node for outputs in targets for ends in outputs for end in ends]
    return Row(
        name=label(spec.name),
        label=kind.label if kind else label(spec.short_type),
        version=f"{spec.version:g}",
        icon=icon_of(spec),
        known=kind is not None,
        disabled=spec.disabled,
        leads_to=[label(end) for end in dict.fromkeys(ends)],
        findings=findings,
    )


def icon_of(spec: NodeSpec) -> str:
    """Return the name of a node's icon: its type's, if there is such a drawing."""
    kind = kinds().get(spec.type)
    if kind is not None and kind.icon in drawings():
        return kind.icon
    return TRIGGER if spec.is_trigger else SERVANT if kind is None else FALLBACK


@functools.cache
def drawings() -> frozenset[str]:
    """Return the names of the icons there are."""
    text = (settings.ROOT / "static" / "vendor" / "icons.svg").read_text(encoding="utf-8")
    return frozenset(re.findall(r'<symbol id="([^"]+)"', text))
