"""Remove Duplicates."""

from collections.abc import Callable
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    number,
    shown_when,
    since,
    text,
)
from workflows.nodes import shelf
from workflows.nodes.dates.reading import milliseconds
from workflows.nodes.lists import fields, operations
from workflows.nodes.lists.ordering import text as as_text

HERE, EARLIER, CLEAR = (
    "removeDuplicateInputItems",
    "removeItemsSeenInPreviousExecutions",
    "clearDeduplicationHistory",
)
SEEN, NUMBER, DATE = (
    "removeItemsWithAlreadySeenKeyValues",
    "removeItemsUpToStoredIncrementalKey",
    "removeItemsUpToStoredDate",
)
SCOPE = choice(
    "scope",
    "Scope",
    {"node": "Node", "workflow": "Workflow"},
    "node",
    hint="Whether other nodes of the workflow share what is remembered",
)


def _across_runs() -> tuple[Field, ...]:
    return (
        choice(
            "logic",
            "Keep Items Where",
            {
                SEEN: "Value Is New",
                NUMBER: "Value Is Higher than Any Previous Value",
                DATE: "Value Is a Date Later than Any Previous Date",
            },
            SEEN,
        ),
        text("dedupeValue", "Value to Dedupe On", required=True, when={"logic": [SEEN]}),
        text(
            "incrementalDedupeValue", "Value to Dedupe On", required=True, when={"logic": [NUMBER]}
        ),
        text("dateDedupeValue", "Value to Dedupe On", required=True, when={"logic": [DATE]}),
        collection(
            "options",
            "Options",
            SCOPE,
            number("historySize", "History Size", 10_000, when={"/logic": [SEEN]}),
        ),
    )


@shelf.add
class RemoveDuplicates(Node):
    """Leave out items that say what an earlier one said, in this run or in earlier runs."""

    key = "n8n-nodes-base.removeDuplicates"
    label = "Remove Duplicates"
    icon = "copy-minus"
    hint = "Delete items with matching field values"
    versions = (1, 1.1, 2)
    fields = (
        choice(
            "operation",
            "Operation",
            {
                HERE: "Remove Items Repeated Within Current Input",
                EARLIER: "Remove Items Processed in Previous Executions",
                CLEAR: "Clear Deduplication History",
            },
            HERE,
            versions=since(2),
        ),
        *shown_when({"operation": [HERE, None]}, *fields.remove_duplicates()),
        *shown_when({"operation": [EARLIER]}, *_across_runs()),
        *shown_when(
            {"operation": [CLEAR]},
            choice("mode", "Mode", {"cleanDatabase": "Clean Database"}, "cleanDatabase"),
            collection("options", "Options", SCOPE),
        ),
    )
    reaches_out = True  # it looks at earlier runs

    @classmethod
    def outputs_of(cls, parameters: Any, version: float) -> tuple[str, ...]:
        """Return the outputs: what was seen earlier leaves by its own."""
        if version >= 2 and parameters.get("operation") == EARLIER:
            return ("Kept", "Discarded")
        return cls.output_names

    async def run(self, context: Context) -> Outputs:
        """Leave out what repeats."""
        operation = context.value("operation") if context.version >= 2 else HERE
        if operation == CLEAR:
            for scope in (_scope(context), f"{_scope(context)}:latest"):
                await context.outside.forget(scope)
            return [context.items]
        if operation == EARLIER:
            logic = context.value("logic")
            if logic == SEEN:
                return await _unseen(context)
            read = _number if logic == NUMBER else _date
            return await _later(context, read)
        return [operations.remove_duplicates(context, same_types=context.version < 1.1)]


def _scope(context: Context) -> str:
    if context.value("options.scope", 0, "node") == "workflow":
        return "workflow"
    return f"node:{context.node.name}"


async def _unseen(context: Context) -> Outputs:
    most = context.value("options.historySize", 0, 10_000)
    if isinstance(most, bool) or not isinstance(most, int | float) or most < 1:
        raise NodeError(f"'History Size' must be a number of at least 1, not {most!r}")
    keys = [as_text(context.value("dedupeValue", index)) for index, _ in context.each()]
    scope = _scope(context)
    known = await context.outside.recall(scope, list(dict.fromkeys(keys)))
    kept: Items = []
    discarded: Items = []
    new: dict[str, None] = {}
    for key, one in zip(keys, context.items, strict=True):
        seen = key in known or key in new
        (discarded if seen else kept).append(one)
        if not seen:
            new[key] = None
    await context.outside.remember(scope, list(new), most=int(most))
    return [kept, discarded]


async def _later(context: Context, read: Callable[[Context, int], float]) -> Outputs:
    """Keep items whose value is beyond the highest that earlier runs saw."""
    scope = f"{_scope(context)}:latest"
    stored = await context.outside.newest(scope)
    highest = float("-inf") if stored is None else float(stored)
    kept: Items = []
    discarded: Items = []
    best = highest
    for index, one in context.each():
        value = read(context, index)
        (kept if value > highest else discarded).append(one)
        best = max(best, value)
    if best > highest:
        await context.outside.remember(scope, [repr(best)], most=1)
    return [kept, discarded]


def _number(context: Context, index: int) -> float:
    value = context.value("incrementalDedupeValue", index)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise NodeError(
            f"The value '{as_text(value)}' is not a number. Use a field that holds numbers.",
            item=index,
        ) from None


def _date(context: Context, index: int) -> float:
    value = context.value("dateDedupeValue", index)
    found = milliseconds(value, context.scope.timezone)
    if found is None:
        raise NodeError(
            f"The value '{as_text(value)}' is not a valid date. Use a field that holds dates.",
            item=index,
        )
    return found
