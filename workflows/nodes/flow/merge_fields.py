"""The fields of Merge in its three shapes."""

from collections.abc import Mapping
from dataclasses import replace

from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    flag,
    group,
    groups,
    number,
    shown_when,
    text,
)

JOINS = {
    "keepMatches": "Keep Matches",
    "keepNonMatches": "Keep Non-Matches",
    "keepEverything": "Keep Everything",
    "enrichInput1": "Enrich Input 1",
    "enrichInput2": "Enrich Input 2",
}
FROM = {"both": "Both Inputs Merged Together", "input1": "Input 1", "input2": "Input 2"}
CLASHES = {
    "addSuffix": "Always Add Input Number to Field Names",
    "preferInput1": "Prefer Input 1 Version",
    "preferInput2": "Prefer Input 2 Version",
    "preferLast": "Prefer Last Input Version",
}


def pairs_field(first: str, second: str) -> Field:
    """Return the field for pairs of names to match by."""
    return groups(
        "mergeByFields", "Fields to Match",
        group("values", "Values", text("field1", first), text("field2", second)),
    )  # fmt: skip


PAIRS = pairs_field("Input 1 Field", "Input 2 Field")
CLASH = groups(
    "clashHandling", "Clash Handling",
    group(
        "values", "Values",
        choice("resolveClash", "When Field Values Clash", CLASHES),
        choice(
            "mergeMode", "Merging Nested Fields",
            {"deepMerge": "Deep Merge", "shallowMerge": "Shallow Merge"}, "deepMerge",
        ),
        flag("overrideEmpty", "Minimize Empty Fields"),
    ),
    many=False,
)  # fmt: skip
OPTIONS = collection(
    "options", "Options",
    CLASH,
    flag("disableDotNotation", "Disable Dot Notation"),
    flag("fuzzyCompare", "Fuzzy Compare", hint='Whether 3 and "3" match, and null and "".'),
    flag("includeUnpaired", "Include Any Unpaired Items"),
    choice(
        "multipleMatches", "Multiple Matches",
        {"all": "Include All Matches", "first": "Include First Match Only"}, "all",
    ),
)  # fmt: skip


def _output(sources: Mapping[str, str], when: dict[str, list[str]]) -> tuple[Field, ...]:
    """Return how matches are put out, and of which input."""
    return (
        choice("joinMode", "Output Type", JOINS, "keepMatches", when=when),
        choice(
            "outputDataFrom", "Output Data From", sources, "both",
            when={**when, "joinMode": ["keepMatches", "keepNonMatches"]},
        ),
    )  # fmt: skip


BY_FIELDS = {"mode": ["combine"], "combineBy": ["combineByFields"]}
INPUTS = {n: str(n) for n in range(2, 11)}
FIELDS = (
    choice(
        "mode", "Mode",
        {
            "append": "Append",
            "combine": "Combine",
            "combineBySql": "SQL Query",
            "chooseBranch": "Choose Branch",
        },
        "append", literal=True,
    ),
    choice(
        "combineBy", "Combine By",
        {
            "combineByFields": "Matching Fields",
            "combineByPosition": "Position",
            "combineAll": "All Possible Combinations",
        },
        "combineByFields", literal=True, when={"mode": ["combine"]},
    ),
    choice("numberInputs", "Number of Inputs", INPUTS, 2, literal=True, when={"mode": ["append"]}),
    choice(
        "numberInputs", "Number of Inputs", INPUTS, 2, literal=True,
        when={"mode": ["chooseBranch", "combineBySql"]},
    ),
    choice(
        "numberInputs", "Number of Inputs", INPUTS, 2, literal=True,
        when={"mode": ["combine"], "combineBy": ["combineByPosition"]},
    ),
    text("query", "Query", "SELECT * FROM input1", when={"mode": ["combineBySql"]}),
    *shown_when(
        BY_FIELDS,
        flag("advanced", "Fields To Match Have Different Names"),
        text("fieldsToMatchString", "Fields to Match", when={"advanced": [False]}),
        replace(PAIRS, when={"advanced": [True]}),
    ),
    *_output(FROM, BY_FIELDS),
    choice(
        "chooseBranchMode", "Output Type", {"waitForBoth": "Wait for All Inputs to Arrive"},
        "waitForBoth", when={"mode": ["chooseBranch"]},
    ),
    choice(
        "output", "Output",
        {"specifiedInput": "Data of Specified Input", "empty": "A Single, Empty Item"},
        "specifiedInput", when={"mode": ["chooseBranch"]},
    ),
    number(
        "useDataOfInput", "Use Data of Input", 1,
        when={"mode": ["chooseBranch"], "output": ["specifiedInput"]},
    ),
    OPTIONS,
)  # fmt: skip

V2_BY_FIELDS = {"mode": ["combine"], "combinationMode": ["mergeByFields"]}
FIELDS_V2 = (
    choice(
        "mode", "Mode",
        {"append": "Append", "combine": "Combine", "chooseBranch": "Choose Branch"},
        "append", literal=True,
    ),
    choice(
        "combinationMode", "Combination Mode",
        {
            "mergeByFields": "Merge By Fields",
            "mergeByPosition": "Merge By Position",
            "multiplex": "Multiplex",
        },
        "mergeByFields", literal=True, when={"mode": ["combine"]},
    ),
    *shown_when(V2_BY_FIELDS, PAIRS),
    *_output(FROM, V2_BY_FIELDS),
    choice(
        "chooseBranchMode", "Output Type", {"waitForBoth": "Wait for Both Inputs to Arrive"},
        "waitForBoth", when={"mode": ["chooseBranch"]},
    ),
    choice(
        "output", "Output",
        {"input1": "Input 1 Data", "input2": "Input 2 Data", "empty": "A Single, Empty Item"},
        "input1", when={"mode": ["chooseBranch"], "chooseBranchMode": ["waitForBoth"]},
    ),
    OPTIONS,
)  # fmt: skip

V1_KEYED = {"mode": ["keepKeyMatches", "removeKeyMatches", "mergeByKey"]}
FIELDS_V1 = (
    choice(
        "mode", "Mode",
        {
            "append": "Append",
            "keepKeyMatches": "Keep Key Matches",
            "mergeByIndex": "Merge By Index",
            "mergeByKey": "Merge By Key",
            "multiplex": "Multiplex",
            "passThrough": "Pass-Through",
            "removeKeyMatches": "Remove Key Matches",
            "wait": "Wait",
        },
        "append", literal=True,
    ),
    choice(
        "join", "Join", {"inner": "Inner Join", "left": "Left Join", "outer": "Outer Join"},
        "left", when={"mode": ["mergeByIndex"]},
    ),
    *shown_when(
        V1_KEYED,
        text("propertyName1", "Property Input 1", required=True),
        text("propertyName2", "Property Input 2", required=True),
    ),
    choice(
        "output", "Output Data", {"input1": "Input 1", "input2": "Input 2"}, "input1",
        when={"mode": ["passThrough"]},
    ),
    choice(
        "overwrite", "Overwrite",
        {"always": "Always", "blank": "If Blank", "undefined": "If Missing"}, "always",
        when={"mode": ["mergeByKey"]},
    ),
)  # fmt: skip
