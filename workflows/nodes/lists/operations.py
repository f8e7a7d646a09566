"""The operations on lists as nodes carry them out: parameters read, items made.

Item Lists in its versions and the later single nodes name their parameters alike.
"""

from collections.abc import Sequence
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items
from workflows.engine.node import Context
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists import aggregating, duplicates, sorting, splitting, summarizing
from workflows.nodes.lists.paths import get, names


def has_dots(context: Context) -> bool:
    """Whether a dot in a field's name means nesting."""
    return not context.value("options.disableDotNotation", 0, False)


# -- split out -----------------------------------------------------------------------------------


def split_out(context: Context, *, several: bool = True) -> Items:
    """Make an item of each element of a list.

    `several` is the later way: many fields at once, simple values count as lists of one.
    """
    made: Items = []
    absent: dict[str, int] = {}
    how = None
    for index, one in context.each():
        if how is None or context.columns:
            how = _split(context, index, several)
        if not several:
            _check_list(context, one["json"], how, index)
        missing: set[str] = set()
        longest = splitting.longest(one, how)
        context.outside.bounds.vet_items(len(made) + longest, "Split up, the lists give")
        made += splitting.split(one, index, how, missing)
        for name in missing:
            absent[name] = absent.get(name, 0) + 1
    for name, count in absent.items():
        if count == len(context.items):
            context.warn(f"The field '{name}' wasn't found in any input item.")
    return made


def _split(context: Context, index: int, several: bool) -> splitting.Split:
    wanted = context.value("fieldToSplitOut", index, "")
    target = context.value("options.destinationFieldName", index, "")
    include = context.value("include", index, "noOtherFields")
    kept: Sequence[str] = ()
    if include == "selectedOtherFields":
        kept = names(context.value("fieldsToInclude", index, ""), "Fields To Include")
    fields = names(wanted, "Fields To Split Out") if several else [str(wanted)]
    if not any(fields):
        raise NodeError("The field to split out is blank: name the field that holds the list")
    return splitting.Split(
        fields=fields,
        targets=names(target, "Destination Field Name") if several else [target] if target else (),
        others=str(include),
        kept=kept,
        dots=has_dots(context),
        with_binary=bool(context.value("options.includeBinary", index, False)),
    ).checked()


def _check_list(context: Context, json: dict[str, Any], how: splitting.Split, index: int) -> None:
    found = get(json, how.fields[0], dots=how.dots)
    if found is UNDEFINED:
        if context.version >= 2.1:
            return
        raise NodeError(f"Couldn't find the field '{how.fields[0]}' in the input data", item=index)
    if not isinstance(found, list if context.version < 2 else list | dict):
        wanted = "an array" if context.version < 2 else "an array or object"
        raise NodeError(f"The provided field '{how.fields[0]}' is not {wanted}", item=index)


# -- aggregate -----------------------------------------------------------------------------------


def aggregate(context: Context, *, must_exist: bool = False) -> Items:
    """Make one item of all: lists of field values, or one list of all items."""
    items = context.items
    if context.value("aggregate") == "aggregateAllItemData":
        made = aggregating.whole(
            items, str(context.value("destinationFieldName", 0, "data")), *_include(context)
        )
    else:
        made = _gathered(context, must_exist)
    if context.value("options.includeBinaries", 0, False):
        unique = bool(context.value("options.keepOnlyUnique", 0, False))
        if binary := aggregating.files(items, unique=unique):
            made = {**made, "binary": binary}
    return [made]


def _gathered(context: Context, must_exist: bool) -> dict[str, Any]:
    how = aggregating.Gathering(
        dots=has_dots(context),
        merge_lists=bool(context.value("options.mergeLists", 0, False)),
        keep_missing=bool(context.value("options.keepMissing", 0, False)),
    )
    missing: set[str] = set()
    wanted = context.value("fieldsToAggregate.fieldToAggregate", 0, [])
    made = aggregating.fields(context.items, wanted, how, missing)
    for name in sorted(missing):
        if must_exist:
            raise NodeError(f"Couldn't find the field '{name}' in the input data")
        context.warn(f"The field '{name}' wasn't found in any input item.")
    return made


def _include(context: Context) -> tuple[list[str], list[str]]:
    """Return the fields to take, and those to leave."""
    include = context.value("include", 0, "allFields")
    if include == "specifiedFields":
        only = names(context.value("fieldsToInclude", 0, ""), "Fields To Include")
        if not only:
            raise NodeError("No fields specified", description="Please add a field to include")
        return only, []
    if include == "allFieldsExcept":
        leave = names(context.value("fieldsToExclude", 0, ""), "Fields To Exclude")
        if not leave:
            raise NodeError("No fields specified", description="Please add a field to exclude")
        return [], leave
    return [], []


# -- limit, sort ---------------------------------------------------------------------------------


def limit(context: Context) -> Items:
    """Keep the first items, or the last ones."""
    items, most = context.items, context.value("maxItems", 0, 1)
    if isinstance(most, bool) or not isinstance(most, int | float) or most < 0:
        raise NodeError(f"'Max Items' must be a number of at least 0, not {most!r}")
    if most >= len(items):
        return items
    if context.value("keep") == "lastItems":
        return items[len(items) - int(most) :]
    return items[: int(most)]


async def sort(context: Context) -> Items:
    """Sort the items by fields, at random or by code."""
    how = context.value("type", 0, "simple")
    if how == "random":
        return sorting.at_random(context.items)
    if how == "code":
        return await sorting.by_code(context, context.items, str(context.value("code", 0, "")))
    wanted = context.value("sortFieldsUi.sortField", 0, [])
    fields = [(str(one.get("fieldName", "")), one.get("order") == "descending") for one in wanted]
    return sorting.by_fields(context.items, fields, dots=has_dots(context))


# -- summarize, remove duplicates ----------------------------------------------------------------


def summarize(context: Context, *, must_exist: bool, as_text: bool) -> Items:
    """Work out sums, counts and lists for all items, or for each group."""
    items, dots = context.items, has_dots(context)
    summaries = summarizing.read(context.value("fieldsToSummarize.values", 0, []))
    missing = summarizing.missing(items, summaries, dots=dots)
    if missing and must_exist:
        raise summarizing.FieldMissing(f"The field '{missing[0]}' does not exist in any items")
    for name in missing:
        context.warn(f"The field '{name}' does not exist in any items")
    fields = names(context.value("fieldsToSplitBy", 0, ""), "Fields to Split By")
    skip = bool(context.value("options.skipEmptySplitFields", 0, False))
    grouped = summarizing.groups(items, fields, dots=dots, as_text=as_text, skip_empty=skip)
    if context.value("options.outputFormat", 0, "separateItems") == "singleItem":
        return summarizing.nested(items, grouped, summaries, dots=dots)
    return summarizing.rows(items, grouped, fields, summaries, dots=dots)


def remove_duplicates(context: Context, *, same_types: bool) -> Items:
    """Keep the first item of each kind."""
    compare = str(context.value("compare", 0, "allFields"))
    chosen: list[str] = []
    if compare == "selectedFields":
        chosen = names(context.value("fieldsToCompare", 0, ""), "Fields To Compare")
    elif compare == "allFieldsExcept":
        chosen = names(context.value("fieldsToExclude", 0, ""), "Fields To Exclude")
    return duplicates.unique(
        context.items, compare, chosen=chosen, dots=has_dots(context), same_types=same_types,
        only_compared=bool(context.value("options.removeOtherFields", 0, False)),
    )  # fmt: skip
