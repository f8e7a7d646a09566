"""How the engine asks for expressions and code to be evaluated; `workflows.scripts` does it.

One session serves one execution and keeps its state: the data of earlier nodes is handed over once.
All templates of a node over all its items go over in one batch and come back as columns.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Outputs, Source

_BEYOND = re.compile(
    r"\$\(|\$node\b|\$items?\b|\$input\b(?!\s*\.\s*item\b)|\$itemIndex|\$position|\$getPairedItem"
    r"|\bitems\b|\$evaluateExpression|\$data\b(?=\s*\[)"
)


def is_local(text: str) -> bool:
    """Whether a template or code looks at nothing but its own item, as far as one can tell."""
    return _BEYOND.search(text) is None


class Past(Protocol):
    """One earlier run of a node, as expressions may ask for it."""

    @property
    def outputs(self) -> Outputs:
        """What it gave, by output index."""
        ...

    @property
    def sources(self) -> Sequence[Source | None]:
        """Where its inputs came from, by input index."""
        ...


@dataclass(frozen=True)
class Scope:
    """What expressions and code of one node run can see."""

    node: str  # its name
    node_type: str
    node_version: float
    node_id: str
    run_index: int
    items: Sequence[Item]  # what came in at input 0, each with its own place as pairedItem
    sources: Sequence[Source | None]  # by input index: where the items came from
    parameters: Mapping[str, Any]  # with defaults, expressions unresolved ($rawParameter)
    state: Mapping[str, Any]  # the node's context ($('Node').context of itself)
    states: Mapping[str, Mapping[str, Any]]  # the contexts of all nodes by name
    past: Callable[[str], Sequence[Past]]  # runs of a node so far; empty when it has not run
    nodes: Mapping[str, Mapping[str, Any]]  # every node: {"parameters", "disabled", "parents"}
    wired: Callable[[str], int | None]  # output of a node this one is wired to, directly or not
    workflow: Mapping[str, Any]  # id, name, active
    execution: Mapping[str, Any]  # id, mode, resumeUrl, resumeFormUrl, customData
    timezone: str
    strict: bool = False  # whether errors are told instead of giving undefined
    vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)  # what an administrator allows
    static: Mapping[str, Any] = field(default_factory=dict)  # {"global": {}, "node": {}}
    extra: Mapping[str, Any] = field(default_factory=dict)  # more names: $response, $pageCount ...
    all_items: Sequence[Item] = ()  # $input.all() where `items` are a part of them
    first_index: int = 0  # of `items`, where they are a piece of a longer list ($itemIndex)


@dataclass
class Column:
    """The values of one template, by item index; errors and what was swallowed likewise."""

    values: Mapping[int, Any]
    errors: Mapping[int, NodeError] = field(default_factory=dict)
    swallowed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """What a command of the system left: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


@dataclass
class CodeResult:
    """What a piece of code gave back.

    `value` is what it returned (a list by item for code run once for each item, with UNDEFINED
    where it returned nothing); `errors` are by item index (0 when run once for all).
    """

    value: Any
    errors: dict[int, NodeError] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    static: Mapping[str, Any] | None = None  # static data, when the code changed it
    custom: Mapping[str, Any] | None = None  # $execution.customData, when the code changed it


class Scripts(Protocol):
    """The scripts of one execution."""

    async def evaluate(
        self, templates: Sequence[str], scope: Scope, indexes: Sequence[int]
    ) -> list[Column]:
        """Evaluate templates (with their leading "=") for these item indexes of the scope.

        Raises ScriptTimeout, ScriptMemory or ScriptsOff; what fails for one item is in its column.
        """
        ...

    async def run_code(
        self, source: str, scope: Scope, *, each: bool, style: str = "code", limit: float = 60.0
    ) -> CodeResult:
        """Run JavaScript once for all items, or once for each. `limit` is in seconds.

        `style` says which names it finds: "code" as the Code node's, "function" and "functionItem"
        as those of the old nodes. Raises NodeError when the whole of it failed.
        """
        ...


class NoScripts:
    """For runs that must not need scripts: asking for one says so."""

    async def evaluate(
        self, templates: Sequence[str], scope: Scope, indexes: Sequence[int]
    ) -> list[Column]:
        """Refuse."""
        raise NodeError("This run has no script engine.")

    async def run_code(
        self, source: str, scope: Scope, *, each: bool, style: str = "code", limit: float = 60.0
    ) -> CodeResult:
        """Refuse."""
        raise NodeError("This run has no script engine.")
