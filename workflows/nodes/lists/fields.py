"""The parameters of the operations on lists; Item Lists and the single nodes share them."""

from workflows.engine.parameters import (
    Field,
    choice,
    code,
    collection,
    flag,
    group,
    groups,
    number,
    text,
)

DOTS = flag(
    "disableDotNotation",
    "Disable Dot Notation",
    hint="Whether a dot in a field's name is part of the name instead of meaning nesting",
)
OLD_NAMES = group("fields", "Field", text("fieldName", "Field Name"))


def listed(name: str, label: str, hint: str, *, old: bool, **more: object) -> Field:
    """Return a field for names: text with commas, or a group of fields as old versions have it."""
    if old:
        return groups(name, label, OLD_NAMES, hint=hint, **more)
    return text(name, label, hint=hint, **more)


def split_out(*, old: bool = False) -> tuple[Field, ...]:
    """Return the parameters of splitting; `old` as Item Lists has them before version 3."""
    options = [
        DOTS,
        text(
            "destinationFieldName",
            "Destination Field Name" if old else "Destination Field Names",
            hint="The field in the output under which to put the split field contents",
        ),
    ]
    if not old:
        options.append(flag("includeBinary", "Include Binary", hint="Whether to keep files"))
    return (
        text(
            "fieldToSplitOut",
            "Field To Split Out" if old else "Fields To Split Out",
            required=True,
            hint="The field with the list to make items of"
            + ("" if old else "; several with commas between them; $binary for the files"),
        ),
        choice(
            "include",
            "Include",
            {
                "noOtherFields": "No Other Fields",
                "allOtherFields": "All Other Fields",
                "selectedOtherFields": "Selected Other Fields",
            },
            "noOtherFields",
            hint="Whether to copy any other fields into the new items",
        ),
        listed(
            "fieldsToInclude",
            "Fields To Include",
            "Fields of the input item to put into each new item",
            old=old,
            when={"include": ["selectedOtherFields"]},
        ),
        collection("options", "Options", *options),
    )


def aggregate(*, old: bool = False) -> tuple[Field, ...]:
    """Return the parameters of aggregating; `old` as Item Lists has them before version 3."""
    single, whole = (
        {"aggregate": ["aggregateIndividualFields"]},
        {"aggregate": ["aggregateAllItemData"]},
    )
    return (
        choice(
            "aggregate",
            "Aggregate",
            {
                "aggregateIndividualFields": "Individual Fields",
                "aggregateAllItemData": "All Item Data (Into a Single List)",
            },
            "aggregateIndividualFields",
        ),
        groups(
            "fieldsToAggregate",
            "Fields To Aggregate",
            group(
                "fieldToAggregate",
                "Field",
                text("fieldToAggregate", "Input Field Name"),
                flag("renameField", "Rename Field"),
                text("outputFieldName", "Output Field Name", when={"renameField": [True]}),
            ),
            when=single,
        ),
        text("destinationFieldName", "Put Output in Field", "data", when=whole),
        choice(
            "include",
            "Include",
            {
                "allFields": "All Fields",
                "specifiedFields": "Specified Fields",
                "allFieldsExcept": "All Fields Except",
            },
            "allFields",
            when=whole,
        ),
        listed(
            "fieldsToExclude", "Fields To Exclude", "Fields to leave out", old=old,
            when={**whole, "include": ["allFieldsExcept"]},
        ),
        listed(
            "fieldsToInclude", "Fields To Include", "Fields to take", old=old,
            when={**whole, "include": ["specifiedFields"]},
        ),
        collection("options", "Options", *_aggregate_options(old)),
    )  # fmt: skip


def _aggregate_options(old: bool) -> tuple[Field, ...]:
    individual = {"/aggregate": ["aggregateIndividualFields"]}
    return (
        flag("disableDotNotation", "Disable Dot Notation", hint=DOTS.hint, when=individual),
        flag(
            "mergeLists", "Merge Lists", when=individual,
            hint="Whether a field that is a list adds its elements instead of itself",
        ),
        flag(
            "includeBinaries", "Include Binaries",
            hint="Whether the new item has the files of all items",
        ),
        flag(
            "keepOnlyUnique", "Keep Only Unique Binaries", when={"includeBinaries": [True]},
            hint="Whether files with the same name, type and size are taken once",
        ),
        flag(
            "keepMissing", "Keep Missing And Null Values", when=individual,
            hint="Whether an item without the field adds null",
        ),
    )  # fmt: skip


LIMIT = (
    number("maxItems", "Max Items", 1, hint="How many items to keep"),
    choice(
        "keep",
        "Keep",
        {"firstItems": "First Items", "lastItems": "Last Items"},
        "firstItems",
        hint="Which items to keep when there are more",
    ),
)

SORT = (
    choice("type", "Type", {"simple": "Simple", "random": "Random", "code": "Code"}, "simple"),
    groups(
        "sortFieldsUi",
        "Fields To Sort By",
        group(
            "sortField",
            "Field",
            text("fieldName", "Field Name", required=True),
            choice(
                "order",
                "Order",
                {"ascending": "Ascending", "descending": "Descending"},
                "ascending",
            ),
        ),
        when={"type": ["simple"]},
    ),
    code(
        "code",
        "Code",
        "// Compare the items a and b by a.json and b.json: return -1 to put a first,\n"
        "// 1 to put b first, 0 where it does not matter.\n"
        "return a.json.myField < b.json.myField ? -1 : a.json.myField > b.json.myField ? 1 : 0;",
        language="javaScript",
        when={"type": ["code"]},
    ),
    collection("options", "Options", DOTS, when={"type": ["simple"]}),
)


def remove_duplicates(*, old: bool = False) -> tuple[Field, ...]:
    """Return the parameters of removing duplicates; `old` as Item Lists before version 3."""
    return (
        choice(
            "compare",
            "Compare",
            {
                "allFields": "All Fields",
                "allFieldsExcept": "All Fields Except",
                "selectedFields": "Selected Fields",
            },
            "allFields",
            hint="The fields that must say the same",
        ),
        listed(
            "fieldsToExclude", "Fields To Exclude", "Fields that do not count", old=old,
            when={"compare": ["allFieldsExcept"]},
        ),
        listed(
            "fieldsToCompare", "Fields To Compare", "Fields that count", old=old,
            when={"compare": ["selectedFields"]},
        ),
        collection(
            "options",
            "Options",
            DOTS,
            flag(
                "removeOtherFields", "Remove Other Fields",
                hint="Whether to drop what was not compared",
            ),
            when={"compare": ["allFieldsExcept", "selectedFields"]},
        ),
    )  # fmt: skip


AGGREGATIONS = {
    "append": "Append",
    "average": "Average",
    "concatenate": "Concatenate",
    "count": "Count",
    "countUnique": "Count Unique",
    "max": "Max",
    "min": "Min",
    "sum": "Sum",
}
SEPARATORS = {
    ",": "Comma",
    ", ": "Comma and Space",
    "\n": "New Line",
    "": "None",
    " ": "Space",
    "other": "Other",
}
SUMMARIES = groups(
    "fieldsToSummarize",
    "Fields to Summarize",
    group(
        "values",
        "Field",
        choice("aggregation", "Aggregation", AGGREGATIONS, "count"),
        text("field", "Field", required=True),
        flag(
            "includeEmpty",
            "Include Empty Values",
            when={"aggregation": ["append", "concatenate", "count", "countUnique"]},
        ),
        choice("separateBy", "Separator", SEPARATORS, ",", when={"aggregation": ["concatenate"]}),
        text(
            "customSeparator",
            "Custom Separator",
            when={"aggregation": ["concatenate"], "separateBy": ["other"]},
        ),
    ),
)


def summarize(*more: Field) -> tuple[Field, ...]:
    """Return the parameters of summarizing, with more options where a version has them."""
    return (
        SUMMARIES,
        text(
            "fieldsToSplitBy",
            "Fields to Split By",
            hint="Fields to group by, with commas between them; empty for one group",
        ),
        collection(
            "options",
            "Options",
            *more,
            DOTS,
            choice(
                "outputFormat",
                "Output Format",
                {
                    "separateItems": "Each Split in a Separate Item",
                    "singleItem": "All Splits in a Single Item",
                },
                "separateItems",
            ),
            flag(
                "skipEmptySplitFields",
                "Ignore items without valid fields to group by",
                hint="Whether items whose fields to group by are empty are left out",
            ),
        ),
    )
