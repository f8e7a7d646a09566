"""Compare Datasets: what two inputs have in common and where they differ."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    before,
    choice,
    collection,
    flag,
    since,
    text,
)
from workflows.engine.paths import field as field_of
from workflows.engine.paths import parts, put
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.flow.differences import Rules, as_one, differences
from workflows.nodes.flow.layout import names_in
from workflows.nodes.flow.matching import How, alike, demand_field, equal, find, pairs_of
from workflows.nodes.flow.merge_fields import pairs_field

RESOLVE = {
    "preferInput1": "Use Input A Version",
    "preferInput2": "Use Input B Version",
    "mix": "Use a Mix of Versions",
    "includeBoth": "Include Both Versions",
}
FUZZY = flag("fuzzyCompare", "Fuzzy Compare", hint='Whether 3 and "3" are the same, null and "".')
FIELDS = (
    pairs_field("Input A Field", "Input B Field"),
    choice("resolve", "When There Are Differences", RESOLVE, "preferInput2", versions=before(2)),
    choice("resolve", "When There Are Differences", RESOLVE, "includeBoth", versions=since(2)),
    replace(FUZZY, versions=since(2)),
    choice(
        "preferWhenMix", "Prefer", {"input1": "Input A Version", "input2": "Input B Version"},
        "input1", when={"resolve": ["mix"]},
    ),
    text("exceptWhenMix", "For Everything Except", when={"resolve": ["mix"]}),
    collection(
        "options", "Options",
        text("skipFields", "Fields to Skip Comparing"),
        replace(FUZZY, versions=before(2)),
        flag("disableDotNotation", "Disable Dot Notation"),
        choice(
            "multipleMatches", "Multiple Matches",
            {"first": "Include First Match Only", "all": "Include All Matches"}, "first",
        ),
    ),
)  # fmt: skip


@shelf.add
class CompareDatasets(Node):
    """Compare two inputs: items only in A, the same in both, different, only in B."""

    key = "n8n-nodes-base.compareDatasets"
    label = "Compare Datasets"
    group = "Flow"
    icon = "git-compare"
    versions = (1, 2, 2.1, 2.2, 2.3)
    input_names = ("Input A", "Input B")
    output_names = ("In A only", "Same", "Different", "In B only")
    only_first = True
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Match the items by fields, and compare those that match."""
        inputs = [*(items or [] for items in context.inputs), [], []]
        first, second = inputs[0], inputs[1]
        pairs = pairs_of(context.parameters.get("mergeByFields"), context.resolved)
        how = How(
            fuzzy=_fuzzy(context),
            first=context.value("options.multipleMatches", default="first") != "all",
            dots=context.value("options.disableDotNotation", default=False) is not True,
        )
        if context.version < 2.2:  # later versions take a missing field for no match
            demand_field(first, [name for name, _ in pairs], "Input A", dots=how.dots)
            demand_field(second, [name for _, name in pairs], "Input B", dots=how.dots)
        found = find(first, second, pairs, how)
        same, different = _compared(context, found.matched, pairs, how)
        return [found.only_first, same, different, found.only_second]


def _fuzzy(context: Context) -> bool:
    name = "fuzzyCompare" if context.version >= 2 else "options.fuzzyCompare"
    return context.value(name, default=False) is True


def _compared(
    context: Context,
    matched: Sequence[tuple[Item, Item]],
    pairs: Sequence[tuple[str, str]],
    how: How,
) -> tuple[Items, Items]:
    rules = Rules(
        alike=alike if how.fuzzy else equal,
        skip=names_in(context.value("options.skipFields", default="")),
        dots=how.dots,
        missing_is_null=how.fuzzy and context.version >= 2.1,
        names=("inputA", "inputB") if context.version >= 2 else ("input1", "input2"),
    )
    resolve = context.value("resolve")
    mix = _Mix(context) if resolve == "mix" else None
    same, different = [], []
    for a, b in matched:
        if as_one(a["json"], b["json"], rules):
            same.append(b if resolve == "preferInput2" else a)
            continue
        pair = [a["pairedItem"], b["pairedItem"]]
        if resolve in ("preferInput1", "preferInput2"):
            different.append(a if resolve == "preferInput1" else b)
        elif mix is not None:
            different.append({"json": mix.of(a["json"], b["json"]), "pairedItem": pair})
        else:
            found = differences(a["json"], b["json"], rules)
            json: dict[str, Any] = {
                "keys": {name: field_of(a["json"], name, nested=how.dots) for name, _ in pairs},
                "same": found.same,
                "different": found.different,
            }
            if found.skipped:
                json["skipped"] = found.skipped
            different.append({"json": json, "pairedItem": pair})
    return same, different


class _Mix:
    """One version, but for some fields the other."""

    def __init__(self, context: Context) -> None:
        self.prefer_second = context.value("preferWhenMix") == "input2"
        self.names = names_in(context.value("exceptWhenMix", default=""))
        self.dots = context.value("options.disableDotNotation", default=False) is not True

    def of(self, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        """Return the mixed fields of two items."""
        made, other = (b, a) if self.prefer_second else (a, b)
        made = {**other, **made}
        for name in self.names:
            value = field_of(other, name, nested=self.dots)
            if value is not UNDEFINED:
                plain = name in other or not self.dots
                made = {**made, name: value} if plain else put(made, parts(name), value)
        return made
