"""Loop Over Items (Split in Batches): gives items a few at a time."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.conversion import number as to_number
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, Source
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, before, collection, flag, number, since
from workflows.nodes import shelf

State = dict[str, Any]


@shelf.add
class SplitInBatches(Node):
    """Give a batch of the items at each run; when none is left, all that came back.

    The state (`items`, `processedItems`, `noItemsLeft`, `done` ...) is what expressions read as
    `$('Loop').context`.
    """

    key = "n8n-nodes-base.splitInBatches"
    label = "Loop Over Items (Split in Batches)"
    group = "Flow"
    icon = "repeat"
    versions = (1, 2, 3)
    output_names = ("done", "loop")
    only_first = True
    fields = (
        Field(
            "splitInBatchesNotice", "You may not need this node: most nodes run for each item.",
            "notice",
        ),
        number("batchSize", "Batch Size", 10, versions=before(3)),
        number("batchSize", "Batch Size", 1, versions=since(3)),
        collection(
            "options", "Options",
            flag("reset", "Reset", hint="Whether the loop starts anew with the items coming in."),
        ),
    )  # fmt: skip

    @classmethod
    def outputs_of(cls, parameters: Any, version: float) -> tuple[str, ...]:
        """Return the outputs: version 1 has one, version 2 has them the other way round."""
        if version < 2:
            return ("main",)
        return cls.output_names if version >= 3 else ("loop", "done")

    @classmethod
    def left_over(cls, state: Mapping[str, Any]) -> str:
        """Say that the loop ended because a round did not lead back to it."""
        if state.get("done") is not False:
            return ""
        left = len(state.get("items") or ())
        said = f"{left} items were never handled" if left else "the last batch did not come back"
        return f"The loop ended early: {said}, and its done output gave nothing."

    async def run(self, context: Context) -> Outputs:
        """Give the next batch, or what came back when there is none."""
        state = context.state
        if "items" not in state or context.value("options.reset", default=False) is True:
            batch = _begun(context, state)
        else:
            batch = _next(context, state)
        state["noItemsLeft"] = not state["items"]
        state["done"] = not batch
        if context.version < 2:
            return [batch or None]
        done = [] if batch else list(state["processedItems"])
        return [done, batch] if context.version >= 3 else [batch, done]


def _begun(context: Context, state: State) -> Items:
    size = _size(context)
    state.update(
        items=list(context.items[size:]),
        processedItems=[],
        currentRunIndex=0,
        maxRunIndex=math.ceil(len(context.items) / size),
        sourceData=_told(context.scope.sources),
    )
    return context.items[:size]


def _next(context: Context, state: State) -> Items:
    """Take the next batch off; the lists are changed in place, so that a long loop stays linear."""
    size = _size(context)
    came_from = _told(context.scope.sources)
    state["processedItems"] += [_from(one, came_from) for one in context.items]
    state["currentRunIndex"] += 1
    batch = [_from(one, state["sourceData"]) for one in state["items"][:size]]
    del state["items"][:size]
    return batch


def _size(context: Context) -> int:
    found = to_number(context.value("batchSize"))
    if found != found or found < 1:
        raise NodeError(
            "The batch size must be a number of at least 1.",
            description="Correct 'Batch Size', or the expression in it.",
        )
    return int(found)


def _told(sources: Sequence[Source | None]) -> dict[str, Any] | None:
    if not sources or sources[0] is None:
        return None
    source = sources[0]
    return {
        "previousNode": source.node,
        "previousNodeOutput": source.output,
        "previousNodeRun": source.run,
    }


def _from(one: Item, source: dict[str, Any] | None) -> Item:
    """Return an item whose pair leads to the node it came from, not to the one before this run."""
    if source is None:
        return one
    return {**one, "pairedItem": {**one["pairedItem"], "sourceOverwrite": source}}
