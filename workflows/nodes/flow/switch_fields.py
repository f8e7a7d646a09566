"""The fields of Switch in its three shapes."""

from collections.abc import Mapping
from dataclasses import replace

from workflows.engine.parameters import (
    Field,
    before,
    choice,
    collection,
    flag,
    group,
    groups,
    number,
    shown_when,
    since,
    text,
)
from workflows.nodes.flow.comparisons import DATES, EQUALITY, ORDER, TEXTS, UNARY
from workflows.nodes.flow.filters import CONDITIONS, IGNORE_CASE, LOOSE

MODE = choice("mode", "Mode", {"expression": "Expression", "rules": "Rules"}, "rules", literal=True)
KINDS = {"boolean": "Boolean", "dateTime": "Date & Time", "number": "Number", "string": "String"}
BY_TEXT = {name: label for name, label in TEXTS.items() if name not in UNARY}

FIELDS = (
    MODE,
    *shown_when(
        {"mode": ["expression"]},
        number("numberOutputs", "Number of Outputs", 4, literal=True),
        number("output", "Output Index", "", required=True, hint="The first output is 0."),
    ),
    *shown_when(
        {"mode": ["rules"]},
        groups(
            "rules", "Routing Rules",
            group(
                "values", "Values",
                CONDITIONS,
                flag("renameOutput", "Rename Output"),
                text("outputKey", "Output Name", when={"renameOutput": [True]}),
            ),
        ),
        replace(LOOSE, versions=since(3.1)),
        collection(
            "options", "Options",
            choice(
                "fallbackOutput", "Fallback Output", {"none": "None", "extra": "Extra Output"},
                "none", hint="Where items go that no rule matches; or the number of an output.",
            ),
            IGNORE_CASE,
            replace(LOOSE, default=True, versions=before(3.1)),
            text("renameFallbackOutput", "Rename Fallback Output", "Fallback"),
            flag("allMatchingOutputs", "Send data to all matching outputs"),
        ),
    ),
)  # fmt: skip


def _values(
    kind: str, operations: Mapping[str, str], first: str, version: int
) -> tuple[Field, ...]:
    """Return the value and the rules of one type, as versions 1 and 2 have them."""
    value: Field = {
        "boolean": flag("value1", "Value 1"),
        "dateTime": Field("value1", "Value 1", "date"),
        "number": number("value1", "Value 1"),
        "string": text("value1", "Value 1"),
    }[kind]
    output = number("output", "Output", 0) if version == 1 else text("outputKey", "Output Name")
    rules = groups(
        "rules", "Routing Rules",
        group(
            "rules", kind.capitalize(),
            choice("operation", "Operation", operations, first),
            replace(value, name="value2", label="Value 2"),
            output,
        ),
    )  # fmt: skip
    return shown_when({"mode": ["rules"], "dataType": [kind]}, value, rules)


def _fields(version: int) -> tuple[Field, ...]:
    first = "number" if version == 1 else "string"
    fallback = {-1: "None"} if version == 1 else {-1: "None", "extra": "Extra"}
    amount = () if version == 1 else (number("outputsAmount", "Outputs Amount", 4),)
    return (
        MODE,
        *shown_when(
            {"mode": ["expression"]}, *amount, number("output", "Output", "", required=True)
        ),
        choice("dataType", "Data Type", KINDS, first, when={"mode": ["rules"]}),
        *_values("boolean", EQUALITY, "equal", version),
        *_values("dateTime", DATES, "after", version),
        *_values("number", ORDER, "smaller", version),
        *_values("string", BY_TEXT, "equal", version),
        choice(
            "fallbackOutput", "Fallback Output", fallback, -1, when={"mode": ["rules"]},
            hint="Where items go that no rule matches; or the number of an output.",
        ),
    )  # fmt: skip


FIELDS_V1, FIELDS_V2 = _fields(1), _fields(2)
