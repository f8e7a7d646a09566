"""Item Lists: the old node for what Split Out, Aggregate, Sort and others do now."""

from workflows.engine.items import Items, Outputs, pairs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, before, choice, flag, shown_when
from workflows.nodes import shelf
from workflows.nodes.lists import fields, operations
from workflows.nodes.lists.summarizing import FieldMissing

GO_ON = flag("continueIfFieldNotFound", "Continue if Field Not Found", versions=before(2.1))
OTHERS = {
    "limit": "Limit",
    "removeDuplicates": "Remove Duplicates",
    "sort": "Sort",
    "splitOutItems": "Split Out Items",
    "summarize": "Summarize",
}


def _fields(*, old: bool) -> tuple[Field, ...]:
    gather = "aggregateItems" if old else "concatenateItems"
    label = "Aggregate Items" if old else "Concatenate Items"
    return (
        choice("resource", "Resource", {"itemList": "Item List"}, "itemList"),
        choice("operation", "Operation", {gather: label, **OTHERS}, "splitOutItems"),
        *shown_when({"operation": ["splitOutItems"]}, *fields.split_out(old=old)),
        *shown_when({"operation": [gather]}, *fields.aggregate(old=old)),
        *shown_when({"operation": ["removeDuplicates"]}, *fields.remove_duplicates(old=old)),
        *shown_when({"operation": ["sort"]}, *fields.SORT),
        *shown_when({"operation": ["limit"]}, *fields.LIMIT),
        *shown_when({"operation": ["summarize"]}, *fields.summarize(GO_ON)),
    )


@shelf.add
class ItemLists(Node):
    """Work on lists of items: split, aggregate, limit, sort, summarize, remove duplicates."""

    key = "n8n-nodes-base.itemLists"
    label = "Item Lists"
    icon = "list"
    hint = "Helper for working with lists of items and transforming arrays"
    versions = (1, 2, 2.1, 2.2, 3, 3.1)
    fields = _fields(old=False)
    old_fields = _fields(old=True)
    varies = True  # sorting may use chance

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields; before version 3 names are groups instead of text."""
        return cls.fields if version >= 3 else cls.old_fields

    async def run(self, context: Context) -> Outputs:
        """Do the chosen operation. Before 2.1, fields that no item has are errors."""
        operation, version = context.value("operation"), context.version
        strict = version < 2.1
        if operation in ("aggregateItems", "concatenateItems"):
            return [operations.aggregate(context, must_exist=strict)]
        if operation == "limit":
            return [operations.limit(context)]
        if operation == "sort":
            return [await operations.sort(context)]
        if operation == "removeDuplicates":
            return [operations.remove_duplicates(context, same_types=version < 3.1)]
        if operation == "summarize":
            return [_summarized(context, strict)]
        return [operations.split_out(context, several=version >= 3)]


def _summarized(context: Context, strict: bool) -> Items:
    goes_on = context.value("options.continueIfFieldNotFound", 0, False)
    try:
        return operations.summarize(context, must_exist=strict, as_text=True)
    except FieldMissing:
        if not goes_on:
            raise
        return [{"json": {}, "pairedItem": pairs(range(len(context.items)))}]
