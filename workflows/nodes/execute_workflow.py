"""Execute Sub-workflow: runs another workflow with these items."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.conversion import NotConverted, as_object, converted, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, item, pairs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import (
    Field,
    before,
    choice,
    collection,
    flag,
    json,
    since,
)
from workflows.engine.parameters import text as text_field
from workflows.nodes import shelf

LARGEST = 10 * 2**20
"""Bytes of a workflow read from an address."""
SOURCES = {
    "database": "Database",
    "localFile": "Local File",
    "parameter": "Define Below",
    "url": "URL",
}
FIELDS = (
    choice(
        "operation", "Operation", {"call_workflow": "Execute a Sub-Workflow"}, "call_workflow",
        literal=True,
    ),
    choice("source", "Source", SOURCES, "database", literal=True),
    text_field(
        "workflowId", "Workflow ID", required=True, when={"source": ["database"]},
        versions=before(1.1),
    ),
    Field(
        "workflowId", "Workflow", "locator", "", required=True, when={"source": ["database"]},
        versions=since(1.1),
    ),
    text_field("workflowPath", "Workflow Path", required=True, when={"source": ["localFile"]}),
    json("workflowJson", "Workflow JSON", "\n\n\n", when={"source": ["parameter"]}),
    text_field("workflowUrl", "Workflow URL", required=True, when={"source": ["url"]}),
    Field(
        "workflowInputs", "Workflow Inputs", "mapper",
        {"mappingMode": "defineBelow", "value": None}, when={"source": ["database"]},
        versions=since(1.2),
    ),
    choice(
        "mode", "Mode",
        {"once": "Run once with all items", "each": "Run once for each item"}, "once",
        literal=True,
    ),
    collection(
        "options", "Options",
        flag("waitForSubWorkflow", "Wait For Sub-Workflow Completion", True),
    ),
)  # fmt: skip


@shelf.add
class ExecuteWorkflow(Node):
    """Run another workflow and give what its last node gave."""

    key = "n8n-nodes-base.executeWorkflow"
    label = "Execute Sub-workflow"
    group = "Flow"
    icon = "sitemap"
    versions = (1, 1.1, 1.2, 1.3, 1.4)
    reaches_out = True
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Run it once with all items, or once for each; or start it and go on at once."""
        if context.value("mode") == "each":
            return [await _each(context)]
        everything = pairs(range(len(context.items)))
        try:
            items = [_handed(context, index, one) for index, one in context.each()]
            found = await _called(context, 0, items)
        except NodeError as error:
            if not context.goes_on:
                raise
            return [[{"json": {"error": error.message}, "pairedItem": everything}]]
        return [_paired(found, everything)]


async def _each(context: Context) -> Items:
    made: Items = []
    for index, one in context.each():
        try:
            found = await _called(context, index, [_handed(context, index, one)])
        except NodeError as error:
            if not context.goes_on:
                raise context.blamed(error, index) from None
            made.append(context.failed(error, index))
        else:
            made += [{**other, "pairedItem": {"item": index}} for other in found]
    return made


async def _called(context: Context, index: int, items: Items) -> Items:
    """Run the workflow; without waiting, what was handed over comes back."""
    wait = context.value("options.waitForSubWorkflow", index, default=True) is not False
    which = await _which(context, index)
    found = await context.outside.run_workflow(which, items, wait=wait, parent=context)
    return found if wait else items


async def _which(context: Context, index: int) -> dict[str, Any]:
    source = context.value("source")
    if source == "database":
        return {"id": _named(context, "workflowId", index)}
    if source == "localFile":
        return {"file": _named(context, "workflowPath", index)}
    if source == "url":
        return {"document": _document(await _fetched(context, index), "at the URL")}
    return {"document": _document(context.value("workflowJson", index), "in 'Workflow JSON'")}


def _named(context: Context, name: str, index: int) -> str:
    found = text(context.value(name, index, default="")).strip()
    if not found:
        raise NodeError("No workflow was named: choose the workflow to execute.")
    return found


async def _fetched(context: Context, index: int) -> str:
    url = _named(context, "workflowUrl", index)
    read = bytearray()
    async with context.outside.http("GET", url) as answer:
        if not 200 <= answer.status < 300:
            raise NodeError(f"{url} answered {answer.status} instead of a workflow.")
        async for chunk in answer.chunks():
            read += chunk
            if len(read) > LARGEST:
                raise NodeError(f"{url} is larger than a workflow may be ({LARGEST} bytes).")
    return read.decode("utf-8", "replace")


def _document(found: Any, where: str) -> dict[str, Any]:
    try:
        document = as_object(found)
    except NotConverted as error:
        raise NodeError(
            f"The workflow {where} is not valid JSON.",
            description="Copy the workflow in the editor and paste all of it.",
        ) from error
    if not isinstance(document.get("nodes"), list):
        raise NodeError(f"The JSON {where} is no workflow: it has no nodes.")
    return document


def _handed(context: Context, index: int, one: Item) -> Item:
    """Return the item as the sub-workflow gets it: the inputs that were mapped, by their types."""
    stored = context.parameters.get("workflowInputs")
    if context.version < 1.2 or not isinstance(stored, Mapping):
        return one
    schema = [row for row in stored.get("schema") or () if isinstance(row, Mapping)]
    if not schema:
        return one
    whole = stored.get("mappingMode") == "autoMapInputData"
    given = one["json"] if whole else context.resolved(stored.get("value") or {}, index)
    json = {str(row.get("id")): _input(row, given, stored) for row in schema if _wanted(row, given)}
    return item(json, index, one.get("binary"))


def _wanted(row: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return not row.get("removed") or row.get("id") in given


def _input(row: Mapping[str, Any], given: Mapping[str, Any], stored: Mapping[str, Any]) -> Any:
    name, kind = str(row.get("id")), str(row.get("type") or "any")
    value = given.get(name)
    if kind == "any":
        return converted(name, value, "any")
    if kind == "string" and stored.get("convertFieldsToString") is not True:
        convert = stored.get("attemptToConvertTypes") is True
        return converted(name, value, "string" if convert else "any")
    try:
        return converted(name, value, kind)
    except NotConverted as error:
        raise NodeError(
            f"Invalid input for '{name}': {error}",
            description="Change the value, or the type in the trigger of the sub-workflow.",
        ) from None


def _paired(found: Items, everything: list[dict[str, int]]) -> Items:
    """Pair what came back: one to one where the numbers agree, else with all that went in."""
    if len(found) == len(everything):
        return [{**one, "pairedItem": {"item": n}} for n, one in enumerate(found)]
    return [{**one, "pairedItem": everything} for one in found]
