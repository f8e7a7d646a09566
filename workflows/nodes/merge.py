"""Merge: joins the items of several inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.conversion import number
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import Field
from workflows.nodes import shelf
from workflows.nodes.flow.clashes import ADD_SUFFIX, Clash, clash_of, joined, ordered
from workflows.nodes.flow.matching import (
    How,
    Matches,
    demand_field,
    find,
    pairs_of,
    pairs_of_text,
)
from workflows.nodes.flow.merge_fields import FIELDS, FIELDS_V1, FIELDS_V2
from workflows.nodes.flow.old_merge import merged_v1

MODES = {
    "mergeByFields": "combineByFields",
    "mergeByPosition": "combineByPosition",
    "multiplex": "combineAll",
}
"""How version 3 calls the modes of version 2."""
MOST = 1_000_000
"""Items that one Merge may give: all combinations of two long inputs would fill the memory."""


@shelf.add
class Merge(Node):
    """Join inputs: one after the other, by fields, by position, all with all, or take one."""

    key = "n8n-nodes-base.merge"
    label = "Merge"
    group = "Flow"
    icon = "merge"
    versions = (1, 2, 2.1, 3, 3.1, 3.2)
    input_names = ("Input 1", "Input 2")
    only_first = True
    fields = FIELDS
    unsupported = (
        Unsupported(
            "mode", ("combineBySql",),
            "is not supported: use combine by fields, or a Code node",
        ),
    )  # fmt: skip

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields: they differ altogether before version 3 and before version 2."""
        if version >= 3:
            return cls.fields
        return FIELDS_V2 if version >= 2 else FIELDS_V1

    @classmethod
    def inputs_of(cls, parameters: Mapping[str, Any], version: float) -> tuple[str, ...]:
        """Return as many inputs as the parameters say."""
        found = number(parameters.get("numberInputs", 2)) if version >= 3 else 2
        count = min(max(int(found), 2), 10) if found == found else 2
        return tuple(f"Input {n + 1}" for n in range(count))

    @classmethod
    def needed_inputs(cls, parameters: Mapping[str, Any], version: float) -> Sequence[int] | int:
        """Return which inputs must have come: both to choose between them, else any."""
        if version >= 2 and parameters.get("mode") == "chooseBranch":
            return (0, 1)
        return 1

    async def run(self, context: Context) -> Outputs:
        """Join the inputs as the mode says."""
        count = len(self.inputs_of(context.parameters, context.version))
        inputs = [items or [] for items in context.inputs]
        inputs += [[] for _ in range(count - len(inputs))]
        if context.version < 2:
            return [merged_v1(context, inputs[0], inputs[1])]
        mode = context.value("mode")
        if mode == "combine":
            mode = context.value("combineBy" if context.version >= 3 else "combinationMode")
        mode = MODES.get(mode, mode)
        if mode == "append":
            return [[one for items in inputs for one in items]]
        if mode == "chooseBranch":
            return [_chosen(context, inputs)]
        if mode == "combineByPosition":
            return [_by_position(context, inputs)]
        if mode == "combineAll":
            return [_all_with_all(context, inputs[0], inputs[1])]
        if mode == "combineByFields":
            return [_by_fields(context, inputs[0], inputs[1])]
        raise NodeError(f"Merge: the mode {mode!r} does not exist.")


def _chosen(context: Context, inputs: Sequence[Items]) -> Items:
    output = context.value("output")
    if output == "empty":
        return [
            {"json": {}, "pairedItem": [one["pairedItem"] for items in inputs for one in items]}
        ]
    if output in ("input1", "input2"):
        return inputs[0 if output == "input1" else 1]
    wanted = number(context.value("useDataOfInput", default=1))
    if wanted != wanted or not 1 <= wanted <= len(inputs):
        raise NodeError(f"Merge has no input {wanted:g}: choose one from 1 to {len(inputs)}.")
    return inputs[int(wanted) - 1]


def _by_position(context: Context, inputs: Sequence[Items]) -> Items:
    clash, lengths = clash_of(context), [len(items) for items in inputs]
    unpaired = context.value("options.includeUnpaired", default=False) is True
    order = ordered(clash, len(inputs) - 1)
    made = []
    for place in range(max(lengths) if unpaired else min(lengths)):
        there = [n for n, length in enumerate(lengths) if place < length]
        row = [inputs[n][place] for n in there]
        if clash.resolve == ADD_SUFFIX:
            made.append(joined(row, clash, [n + 1 for n in there]))
        else:
            made.append(joined(order(row) if len(row) == len(inputs) else row, clash))
    return made


def _all_with_all(context: Context, first: Items, second: Items) -> Items:
    if len(first) * len(second) > MOST:
        raise NodeError(
            f"All combinations of {len(first)} and {len(second)} items are more than {MOST}.",
            description="Combine by matching fields, or make the inputs smaller.",
        )
    clash = clash_of(context)
    if clash.resolve == "preferInput1":
        return [joined([b, a], clash) for b in second for a in first]
    return [joined([a, b], clash) for a in first for b in second]


def _by_fields(context: Context, first: Items, second: Items) -> Items:
    pairs = _pairs(context)
    how = How(
        fuzzy=context.value("options.fuzzyCompare", default=False) is True,
        first=context.value("options.multipleMatches", default="all") == "first",
        dots=context.value("options.disableDotNotation", default=False) is not True,
    )
    if context.version < 2.1:  # later versions take a missing field for no match
        for items, place in ((first, 0), (second, 1)):
            if items:
                names = [pair[place] for pair in pairs]
                demand_field(items, names, f"Input {place + 1}", dots=how.dots)
    found = find(first, second, pairs, how)
    if len(found.matched) > MOST:
        raise NodeError(f"More than {MOST} pairs match: choose fields that tell items apart.")
    return _put_out(context, found)


def _pairs(context: Context) -> list[tuple[str, str]]:
    if context.version >= 3 and context.value("advanced", default=False) is not True:
        return pairs_of_text(context.value("fieldsToMatchString"))
    return pairs_of(context.parameters.get("mergeByFields"), context.resolved)


def _put_out(context: Context, found: Matches) -> Items:
    mode, source = context.value("joinMode"), context.value("outputDataFrom", default="both")
    if mode == "keepMatches" and source != "both":
        if source == "input1":
            return _once([one for one, _ in found.matched])
        return [other for _, other in found.matched]
    if mode == "keepNonMatches":
        if source != "both":
            return found.only_first if source == "input1" else found.only_second
        return [
            *(_sourced(one, "input1") for one in found.only_first),
            *(_sourced(one, "input2") for one in found.only_second),
        ]
    clash = clash_of(context)
    order = ordered(clash, 0 if mode == "enrichInput2" else 1)
    if clash.resolve == ADD_SUFFIX:
        made = [joined(pair, clash) for pair in found.matched]
    else:
        made = [joined(order(pair), clash) for pair in found.matched]
    first = mode in ("keepEverything", "enrichInput1")
    second = mode in ("keepEverything", "enrichInput2")
    return [
        *made,
        *(_alone(one, clash, 1) for one in found.only_first if first),
        *(_alone(one, clash, 2) for one in found.only_second if second),
    ]


def _alone(one: Item, clash: Clash, suffix: int) -> Item:
    """Return an item without a match; it gets its suffix too where fields get one."""
    if clash.resolve != ADD_SUFFIX:
        return one
    return {**joined([one], clash, [suffix]), "pairedItem": one["pairedItem"]}


def _once(items: Items) -> Items:
    """Return items without those that are there before: one that matched several times."""
    seen: set[int] = set()
    return [one for one in items if not (id(one) in seen or seen.add(id(one)))]


def _sourced(one: Item, source: str) -> Item:
    return {**one, "json": {**one["json"], "_source": source}}
