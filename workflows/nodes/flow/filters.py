"""The filter parameter of If, Filter and Switch: its fields, its test, and sorting items by it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workflows.engine.conditions import compiled
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs
from workflows.engine.node import Context
from workflows.engine.parameters import Field, before, collection, flag, since

Test = Callable[[int], bool]

CONDITIONS = Field("conditions", "Conditions", "conditions", {})
IGNORE_CASE = flag(
    "ignoreCase", "Ignore Case", True, hint="Whether upper and lower case are the same."
)
LOOSE = flag(
    "looseTypeValidation",
    "Convert types where required",
    hint="Whether a value of another type is converted instead of being an error.",
)


def filter_fields(first_top: float, *options: Field) -> tuple[Field, ...]:
    """Return the fields beside the conditions; the switch for types moved to the top later."""
    loose = replace(LOOSE, default=True, versions=before(first_top))
    return (
        replace(LOOSE, versions=since(first_top)),
        collection("options", "Options", *options, IGNORE_CASE, loose),
    )


def test_of(context: Context, raw: Any) -> Test:
    """Return the test of a stored filter, by item index."""
    if isinstance(raw, Mapping):
        raw = {**raw, "options": {**_asked(context), **(raw.get("options") or {})}}
        return compiled(raw, context.reader, context.scope.timezone)
    read = context.reader(raw)

    def test(index: int) -> bool:
        found = read(index)
        if not isinstance(found, Mapping):
            raise NodeError("The conditions are not a filter.", item=index)
        return compiled(found, lambda value: lambda _: value, context.scope.timezone)(index)

    return test


def _asked(context: Context) -> dict[str, Any]:
    """Return how to compare as the node's own switches say.

    n8n keeps a copy with the conditions, which wins; a document made by hand may lack it.
    """
    options = context.parameters.get("options")
    given = {**(options if isinstance(options, Mapping) else {}), **context.node.parameters}
    found: dict[str, Any] = {}
    if isinstance(given.get("ignoreCase"), bool):
        found["caseSensitive"] = not given["ignoreCase"]
    if isinstance(given.get("looseTypeValidation"), bool):
        found["typeValidation"] = "loose" if given["looseTypeValidation"] else "strict"
    return found


def sorted_by(context: Context, test: Test) -> Outputs:
    """Return the items that pass and those that do not.

    Where the node goes on after errors, an item that cannot be compared does not pass.
    """
    passed, failed = [], []
    for index, one in enumerate(context.items):
        try:
            (passed if test(index) else failed).append(one)
        except NodeError as error:
            if not context.goes_on:
                raise context.blamed(error, index) from None
            failed.append(one)
    return [passed, failed]
