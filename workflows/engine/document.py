"""A workflow's document as the engine reads it: nodes, links, settings.

Lenient: what an n8n document may lack or get wrong is filled in or left out here; `workflows.n8n`
tells what was found. Nothing is ever written back: export gives the text that was stored.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STOP, CONTINUE, OUTPUT = "stopWorkflow", "continueRegularOutput", "continueErrorOutput"
MAIN = "main"
STARTS = (
    "manualTrigger",
    "executeWorkflowTrigger",
    "errorTrigger",
    "evaluationTrigger",
    "formTrigger",
)
"""Types a run starts from when nothing else is a trigger, in this order (n8n)."""


class Link(NamedTuple):
    """Where an output leads: a node and its input index."""

    node: str
    input: int


class Origin(NamedTuple):
    """Where an input comes from: a node and its output index."""

    node: str
    output: int


@dataclass(frozen=True)
class NodeSpec:
    """One node of a document."""

    name: str
    type: str
    version: float = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    position: tuple[float, float] = (0, 0)
    disabled: bool = False
    id: str = ""
    on_error: str = STOP
    tries: int = 1
    retry_wait: float = 0.0  # seconds
    always_output: bool = False
    execute_once: bool = False
    credentials: Mapping[str, Any] = field(default_factory=dict)
    webhook_id: str = ""

    @property
    def short_type(self) -> str:
        """The type without its package: `set` of `n8n-nodes-base.set`."""
        return self.type.rpartition(".")[2]

    @property
    def is_trigger(self) -> bool:
        """Whether its type says it starts runs."""
        return self.short_type.lower().endswith("trigger") or self.short_type in OLD_STARTS


MOST_INPUTS = 100
"""A link to a later input of a node is left out: no node has as many."""
OLD_STARTS = ("start", "webhook", "cron", "interval", "emailReadImap")


class Document:
    """A workflow to run: nodes by name in document order, and how they are connected."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.name = str(raw.get("name") or "")
        self.id = str(raw.get("id") or "")
        self.settings: Mapping[str, Any] = _mapping(raw.get("settings"))
        self.nodes: dict[str, NodeSpec] = {}
        for value in _sequence(raw.get("nodes")):
            spec = read_node(value)
            if spec is not None and spec.name not in self.nodes:
                self.nodes[spec.name] = spec
        self.links: dict[str, dict[str, list[list[Link]]]] = _links(raw, self.nodes)
        self._incoming = _turned_round(self.links)
        self.pins: dict[str, list[dict[str, Any]]] = {
            name: [
                one if isinstance(one.get("json"), dict) else {"json": one}
                for one in items
                if isinstance(one, dict)
            ]
            for name, items in _mapping(raw.get("pinData")).items()
            if isinstance(items, list)
        }
        self.static_data: Mapping[str, Any] = _mapping(raw.get("staticData"))

    @property
    def legacy_order(self) -> bool:
        """Whether the old order of execution holds: anything but v1, and silence too."""
        return self.settings.get("executionOrder") != "v1"

    @property
    def strict(self) -> bool:
        """Whether a failing expression ends its node instead of giving undefined."""
        return self.settings.get("expressionMode") == "strict"

    @property
    def timezone(self) -> str:
        """The workflow's own zone; nothing where the instance's holds."""
        zone = self.settings.get("timezone")
        return zone if isinstance(zone, str) and zone != "DEFAULT" else ""

    @property
    def time_limit(self) -> float:
        """Seconds a run may take; 0 for no limit of its own."""
        limit = self.settings.get("executionTimeout")
        return float(limit) if isinstance(limit, int | float) and limit > 0 else 0.0

    def targets(self, name: str, kind: str = MAIN) -> list[list[Link]]:
        """Return where a node's outputs lead, by output index."""
        return self.links.get(name, {}).get(kind, [])

    def origins(self, name: str, kind: str = MAIN) -> list[list[Origin]]:
        """Return where a node's inputs come from, by input index."""
        return self._incoming.get(name, {}).get(kind, [])

    def parents(self, name: str) -> list[str]:
        """Return all nodes whose data can reach a node over main links, nearest first."""
        found: dict[str, None] = {}
        todo = [origin.node for one in self.origins(name) for origin in one]
        while todo:
            parent = todo.pop(0)
            if parent not in found:
                found[parent] = None
                todo += [origin.node for one in self.origins(parent) for origin in one]
        return list(found)

    def wired(self, name: str, to: str) -> int | None:
        """Return the output of a node through which its data reaches another; the nearest way."""
        todo, seen = [to], {to}
        while todo:
            here = todo.pop(0)
            for origins in self.origins(here):
                for origin in origins:
                    if origin.node == name:
                        return origin.output
                    if origin.node not in seen:
                        seen.add(origin.node)
                        todo.append(origin.node)
        return None

    def start(self) -> NodeSpec | None:
        """Return the node a run starts from: the first enabled trigger, else by type."""
        enabled = [spec for spec in self.nodes.values() if not spec.disabled]
        for spec in enabled:
            if spec.is_trigger and spec.short_type not in (*STARTS, "start"):
                return spec
        for kind in (*STARTS, "start"):
            for spec in enabled:
                if spec.short_type == kind:
                    return spec
        return None


def read_node(value: object) -> NodeSpec | None:
    """Read one node; None for what is no node."""
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return None
    on_error = value.get("onError")
    if on_error not in (STOP, CONTINUE, OUTPUT):
        on_error = CONTINUE if value.get("continueOnFail") is True else STOP
    tries = _number(value.get("maxTries"), 3) if value.get("retryOnFail") is True else 1
    wait = _number(value.get("waitBetweenTries"), 1000)
    retrying = value.get("retryOnFail") is True
    return NodeSpec(
        name=str(value.get("name") or value["type"]),
        type=value["type"],
        version=_number(value.get("typeVersion"), 1),
        parameters=_mapping(value.get("parameters")),
        position=_position(value.get("position")),
        disabled=value.get("disabled") is True,
        id=str(value.get("id") or ""),
        on_error=on_error,
        tries=int(min(max(tries, 2), 5)) if retrying else 1,
        retry_wait=min(max(wait, 0), 5000) / 1000 if retrying else 0.0,
        always_output=value.get("alwaysOutputData") is True,
        execute_once=value.get("executeOnce") is True,
        credentials=_mapping(value.get("credentials")),
        webhook_id=str(value.get("webhookId") or ""),
    )


def _links(
    raw: Mapping[str, Any], nodes: Mapping[str, NodeSpec]
) -> dict[str, dict[str, list[list[Link]]]]:
    found: dict[str, dict[str, list[list[Link]]]] = {}
    for name, kinds in _mapping(raw.get("connections")).items():
        if name not in nodes:
            continue
        for kind, outputs in _mapping(kinds).items():
            found.setdefault(name, {})[kind] = [
                list(_ends(output, kind, nodes)) for output in _sequence(outputs)
            ]
    return found


def _ends(output: object, kind: str, nodes: Mapping[str, NodeSpec]) -> Iterator[Link]:
    for end in _sequence(output):
        if isinstance(end, Mapping) and end.get("node") in nodes and end.get("type", kind) == kind:
            place = int(_number(end.get("index"), 0))
            if 0 <= place < MOST_INPUTS:
                yield Link(str(end["node"]), place)


def _turned_round(
    links: Mapping[str, Mapping[str, Sequence[Sequence[Link]]]],
) -> dict[str, dict[str, list[list[Origin]]]]:
    found: dict[str, dict[str, list[list[Origin]]]] = {}
    for name, kinds in links.items():
        for kind, outputs in kinds.items():
            for output, ends in enumerate(outputs):
                for end in ends:
                    inputs = found.setdefault(end.node, {}).setdefault(kind, [])
                    while len(inputs) <= end.input:
                        inputs.append([])
                    inputs[end.input].append(Origin(name, output))
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping; also from one that was encoded as text, as broken exports have it."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _number(value: object, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    if isinstance(value, int):
        return value
    try:
        found = float(value)
    except ValueError:
        return default
    return found if math.isfinite(found) else default


def _position(value: object) -> tuple[float, float]:
    found = [_number(one, 0) for one in _sequence(value)[:2]]
    return (found[0], found[1]) if len(found) == 2 else (0, 0)
