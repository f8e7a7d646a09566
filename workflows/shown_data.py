"""What nodes gave, as people see it: rows of nodes, and tables of items, a page at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from whoosh_site.core.errors import NotFound
from workflows import services
from workflows.engine.items import Item
from workflows.engine.run import Step
from workflows.engine.values import plain
from workflows.models import Execution

PER_PAGE = 50
MOST_COLUMNS = 30
LONGEST_CELL = 300
LONGEST_JSON = 500_000
MOST_LOGS = 500
MOST_RUNS = 100
TABLE, JSON = "table", "json"
ADVICE = {
    "error": "Mend the node in the workflow, then retry with the newest version: what the nodes "
    "before it gave is used again.",
    "canceled": "A retry goes on from what was kept; running it again begins anew.",
    "quarantined": "Three processes died over it. Look at memory and the log, then retry it.",
}


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


@dataclass(frozen=True)
class Wanted:
    """A node, one of its runs and outputs, where to begin, and how to show it."""

    node: str
    run: int = 0
    output: int = 0
    offset: int = 0
    how: str = TABLE

    @classmethod
    def of(cls, asked: Mapping[str, str], execution: Execution) -> "Wanted":
        """Read an address; without a node it is the one that failed, or ran last."""
        node = asked.get("node") or execution.error_node or _last(execution)
        numbers = {name: _whole(asked.get(name)) for name in ("run", "output", "offset")}
        return cls(node[:200], how=JSON if asked.get("as") == JSON else TABLE, **numbers)

    @property
    def as_table(self) -> str:
        """The query of the same as a table."""
        return self.address(**{"as": TABLE})

    @property
    def as_json(self) -> str:
        """The query of the same as JSON."""
        return self.address(**{"as": JSON})

    def address(self, **changes: Any) -> str:
        """Return the query of the same with something changed; what follows from it begins anew."""
        said = {"node": self.node, "run": self.run, "output": self.output, "offset": self.offset}
        said |= {"as": self.how} | changes
        return "?" + urlencode({name: one for name, one in said.items() if one not in (0, TABLE)})


def _last(execution: Execution) -> str:
    return next((str(one["name"]) for one in reversed(execution.nodes) if one["runs"]), "")


@dataclass(frozen=True)
class File:
    """A file of an item, and where it is downloaded."""

    name: str
    size: str
    address: str


@dataclass(frozen=True)
class Link:
    """A way to another part of the data."""

    label: str
    address: str
    current: bool = False


@dataclass
class Seen:
    """A page of what one run of a node gave."""

    step: Step
    at: datetime
    total: int
    first: int
    last: int
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[int, list[str], list[File]]] = field(default_factory=list)
    left_out: int = 0  # columns
    text: str = ""
    runs: list[Link] = field(default_factory=list)
    outputs: list[Link] = field(default_factory=list)
    before: str = ""
    after: str = ""
    logs: list[str] = field(default_factory=list)
    files: bool = False

    @property
    def origins(self) -> str:
        """Where its items came from, in words."""
        sources = [one for one in self.step.sources if one is not None]
        return ", ".join(f"{one.node} (output {one.output + 1})" for one in sources)


def rows_of(execution: Execution) -> dict[str, Any]:
    """Return the nodes in the order they ran, each with its warnings; and those of no node."""
    warnings: dict[str, list[str]] = {}
    for one in execution.warnings:
        warnings.setdefault(one["node"], []).append(one["message"])
    rows = [{**one, "warnings": warnings.pop(one["name"], [])} for one in execution.nodes]
    rest = [(node, message) for node, found in warnings.items() for message in found]
    return {"rows": rows, "warnings": rest}


def look_at(execution: Execution, wanted: Wanted) -> Seen | None:
    """Return the page that is wanted; nothing where nothing is kept."""
    if not execution.nodes and not wanted.node:
        return None
    try:
        step = services.find_step(execution, wanted.node, wanted.run)
    except NotFound:
        return None
    items = (step.outputs[wanted.output] if wanted.output < len(step.outputs) else None) or []
    first = min(wanted.offset, max(len(items) - 1, 0))
    page = items[first : first + PER_PAGE]
    seen = Seen(step, datetime.fromtimestamp(step.started, UTC), len(items), first, first)
    seen.last = first + len(page)
    seen.logs = [str(line) for line in step.logs[:MOST_LOGS]]
    _ways(seen, wanted, execution)
    if wanted.how == JSON:
        seen.text = _cut(json.dumps(plain(page), indent=2, ensure_ascii=False), LONGEST_JSON)
    else:
        _fill(seen, wanted, page)
    return seen


def _ways(seen: Seen, wanted: Wanted, execution: Execution) -> None:
    figures = next((one for one in execution.nodes if one["name"] == wanted.node), {"runs": 1})
    first = max(0, min(wanted.run - MOST_RUNS // 2, figures["runs"] - MOST_RUNS))
    for number in range(first, min(first + MOST_RUNS, figures["runs"])):
        address = wanted.address(run=number, offset=0)
        seen.runs.append(Link(f"Run {number + 1}", address, number == wanted.run))
    for number, items in enumerate(seen.step.outputs):
        label = f"Output {number + 1}: {'silent' if items is None else len(items)}"
        address = wanted.address(output=number, offset=0)
        seen.outputs.append(Link(label, address, number == wanted.output))
    if seen.first:
        seen.before = wanted.address(offset=max(seen.first - PER_PAGE, 0))
    if seen.last < seen.total:
        seen.after = wanted.address(offset=seen.last)


def _fill(seen: Seen, wanted: Wanted, page: Sequence[Item]) -> None:
    names = dict.fromkeys(name for one in page for name in one["json"])
    seen.columns = list(names)[:MOST_COLUMNS]
    seen.left_out = len(names) - len(seen.columns)
    for number, one in enumerate(page, seen.first):
        cells = [_cell(one["json"], name) for name in seen.columns]
        files = [_file(wanted, number, name, record) for name, record in _records(one)]
        seen.files = seen.files or bool(files)
        seen.rows.append((number, cells, files))


def _cell(data: Mapping[str, Any], name: str) -> str:
    if name not in data:
        return ""
    value = plain(data[name])
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _cut(text, LONGEST_CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _records(one: Item) -> list[tuple[str, Mapping[str, Any]]]:
    binary = one.get("binary")
    found = binary.items() if isinstance(binary, dict) else ()
    return [(str(name), record) for name, record in found if isinstance(record, dict)]


def _file(wanted: Wanted, number: int, name: str, record: Mapping[str, Any]) -> File:
    where = {"node": wanted.node, "run": wanted.run, "output": wanted.output}
    query = urlencode(where | {"item": number, "name": name})
    called = str(record.get("fileName") or name)
    return File(_cut(called, 100), str(record.get("fileSize") or ""), f"file/?{query}")
