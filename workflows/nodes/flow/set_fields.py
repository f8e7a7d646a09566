"""The fields of Edit Fields (Set) in its three shapes."""

from workflows.engine.parameters import (
    Field,
    before,
    choice,
    collection,
    flag,
    group,
    groups,
    json,
    number,
    shown_when,
    since,
    text,
)

INCLUDE = {
    "all": "All",
    "none": "None",
    "selected": "Selected",
    "except": "All Except",
}
TYPES = {
    "stringValue": "String",
    "numberValue": "Number",
    "booleanValue": "Boolean",
    "arrayValue": "Array",
    "objectValue": "Object",
}
DOTS = flag(
    "dotNotation", "Support Dot Notation", True,
    hint='Whether "a.b" names the field b inside a. Off: a field called "a.b".',
)  # fmt: skip
OUTPUT = '{\n  "my_field_1": "value",\n  "my_field_2": 1\n}'

FIELDS_V1 = (
    flag("keepOnlySet", "Keep Only Set", hint="Whether only the values set here are kept."),
    groups(
        "values", "Values to Set",
        group("boolean", "Boolean", text("name", "Name", "propertyName"), flag("value", "Value")),
        group("number", "Number", text("name", "Name", "propertyName"), number("value", "Value")),
        group("string", "String", text("name", "Name", "propertyName"), text("value", "Value")),
    ),
    collection("options", "Options", DOTS),
)  # fmt: skip

FIELDS = (
    choice("mode", "Mode", {"manual": "Manual Mapping", "raw": "JSON"}, "manual", literal=True),
    flag(
        "duplicateItem", "Duplicate Item", literal=True,
        hint="Whether test runs repeat each item, to build with more of them.",
    ),
    number("duplicateCount", "Duplicate Item Count", 0, when={"duplicateItem": [True]}),
    json("jsonOutput", "JSON", OUTPUT, when={"mode": ["raw"]}),
    *shown_when(
        {"mode": ["manual"]},
        groups(
            "fields", "Fields to Set",
            group(
                "values", "Values",
                text("name", "Name"),
                choice("type", "Type", TYPES, "stringValue"),
                text("stringValue", "Value", when={"type": ["stringValue"]}),
                text("numberValue", "Value", when={"type": ["numberValue"]}),
                choice(
                    "booleanValue", "Value", {"true": "True", "false": "False"}, "true",
                    when={"type": ["booleanValue"]},
                ),
                text("arrayValue", "Value", when={"type": ["arrayValue"]}),
                json("objectValue", "Value", "={}", when={"type": ["objectValue"]}),
            ),
            versions=before(3.3),
        ),
        Field("assignments", "Fields to Set", "assignments", {}, versions=since(3.3)),
    ),
    choice("include", "Include in Output", INCLUDE, "all", versions=before(3.3)),
    flag("includeOtherFields", "Include Other Input Fields", versions=since(3.3)),
    choice(
        "include", "Input Fields to Include",
        {name: label for name, label in INCLUDE.items() if name != "none"}, "all",
        when={"includeOtherFields": [True]}, versions=since(3.3),
    ),
    text("includeFields", "Fields to Include", when={"include": ["selected"]}),
    text("excludeFields", "Fields to Exclude", when={"include": ["except"]}),
    collection(
        "options", "Options",
        flag("includeBinary", "Include Binary File", True, versions=before(3.4)),
        flag("stripBinary", "Strip Binary Data", True, versions=since(3.4)),
        flag(
            "ignoreConversionErrors", "Ignore Type Conversion Errors",
            hint="Whether a value that is not of its type is kept as it is.",
        ),
        DOTS,
    ),
)  # fmt: skip
