"""The ways in which Merge combines items, from version 2 on."""

from collections.abc import Sequence

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.nodes.flow.clashes import ADD_SUFFIX, Clash, clash_of, joined, ordered
from workflows.nodes.flow.matching import (
    How,
    Matches,
    demand_field,
    find,
    pairs_of,
    pairs_of_text,
)

MOST = 1_000_000
"""Items that one Merge may give: all combinations of two long inputs would fill the memory."""


def by_position(context: Context, inputs: Sequence[Items]) -> Items:
    """Join the first items of all inputs, then the second, and so on."""
    clash, lengths = clash_of(context), [len(items) for items in inputs]
    unpaired = context.value("options.includeUnpaired", default=False) is True
    if context.version < 3 and 0 in lengths:
        return [one for items in inputs for one in items]  # whichever has data
    order = ordered(clash, len(inputs) - 1)
    made = []
    for place in range(max(lengths) if unpaired else min(lengths)):
        there = [n for n, length in enumerate(lengths) if place < length]
        row = [inputs[n][place] for n in there]
        if clash.resolve == ADD_SUFFIX:
            made.append(joined(row, clash, [n + 1 for n in there]))
        elif len(row) < len(inputs):
            made.append(row[0] if context.version < 3 else joined(row, clash))
        else:
            one = joined(order(row), clash)
            if context.version >= 3:  # which version wins does not show in the pairs
                one["pairedItem"] = [other["pairedItem"] for other in row]
            made.append(one)
    return made


def all_with_all(context: Context, first: Items, second: Items) -> Items:
    """Join each item of one input with each of the other."""
    if len(first) * len(second) > MOST:
        raise NodeError(
            f"All combinations of {len(first)} and {len(second)} items are more than {MOST}.",
            description="Combine by matching fields, or make the inputs smaller.",
        )
    clash = clash_of(context)
    if clash.resolve == "preferInput1":
        return [joined([b, a], clash) for b in second for a in first]
    return [joined([a, b], clash) for a in first for b in second]


def by_fields(context: Context, first: Items, second: Items) -> Items:
    """Join items that have the same values in some fields."""
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
    if not first or not second:
        return _one_side(context, first, second)
    found = find(first, second, pairs, how)
    if len(found.matched) > MOST:
        raise NodeError(f"More than {MOST} pairs match: choose fields that tell items apart.")
    return _put_out(context, found)


def _one_side(context: Context, first: Items, second: Items) -> Items:
    """Return what is put out when an input has no items: those of the other, as they are."""
    mode = context.value("joinMode")
    wanted = {"keepMatches": [], "enrichInput1": first, "enrichInput2": second}
    return wanted.get(str(mode), [*first, *second])


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
