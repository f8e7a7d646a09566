"""Code."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import before, choice, code, since
from workflows.engine.scripts import CodeResult, Scope, is_local
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.scripted.files import scope_for, settled
from workflows.nodes.scripted.results import first_error, item_of, items_of, take_over

ALL, EACH = "runOnceForAllItems", "runOnceForEachItem"
PYTHON = ["python", "pythonNative"]
JS_ALL = """// Loop over input items and add a new field to the JSON of each one
for (const item of $input.all()) {
  item.json.myNewField = 1;
}

return $input.all();"""
JS_EACH = """// Add a new field to the JSON of the item
$input.item.json.myNewField = 1;

return $input.item;"""
PYTHON_ALL = """# Loop over input items and add a new field to the JSON of each one
for item in _items:
    item["json"]["my_new_field"] = 1
return _items"""
PYTHON_EACH = """# Add a new field to the JSON of the item
_item["json"]["my_new_field"] = 1
return _item"""


@shelf.add
class Code(Node):
    """Run JavaScript (or Python, where it is switched on) once for all items, or for each."""

    key = "n8n-nodes-base.code"
    label = "Code"
    icon = "code"
    hint = "Run custom JavaScript or Python code"
    versions = (1, 2)
    varies = True  # code may use the clock, chance and static data
    fields = (
        choice(
            "mode",
            "Mode",
            {ALL: "Run Once for All Items", EACH: "Run Once for Each Item"},
            ALL,
        ),
        choice(
            "language",
            "Language",
            {
                "javaScript": "JavaScript",
                "pythonNative": "Python",
                "python": "Python (in old workflows)",
            },
            "javaScript",
            versions=since(2),
        ),
        code("jsCode", "JavaScript", JS_ALL, language="javaScript", versions=before(2),
             when={"mode": [ALL]}),
        code("jsCode", "JavaScript", JS_EACH, language="javaScript", versions=before(2),
             when={"mode": [EACH]}),
        code("jsCode", "JavaScript", JS_ALL, language="javaScript", versions=since(2),
             when={"language": ["javaScript"], "mode": [ALL]}),
        code("jsCode", "JavaScript", JS_EACH, language="javaScript", versions=since(2),
             when={"language": ["javaScript"], "mode": [EACH]}),
        code("pythonCode", "Python", PYTHON_ALL, language="python", versions=since(2),
             when={"language": PYTHON, "mode": [ALL]}),
        code("pythonCode", "Python", PYTHON_EACH, language="python", versions=since(2),
             when={"language": PYTHON, "mode": [EACH]}),
    )  # fmt: skip

    @classmethod
    def in_pieces(cls, parameters: Mapping[str, Any]) -> bool:
        """Say whether the code runs for each item and looks at nothing else."""
        each = parameters.get("mode") == EACH and parameters.get("language") not in PYTHON
        return each and is_local(str(parameters.get("jsCode")))

    async def run(self, context: Context) -> Outputs:
        """Run the code, check what it gave, and make items of it."""
        each = context.value("mode", 0, ALL) == EACH
        try:
            scope, known = await scope_for(context, _source(context))
            result = await _run(context, scope, each=each)
            take_over(context, result)
            return [settled(_each(context, result) if each else _all(result), known)]
        except NodeError as error:
            if each or not context.goes_on:
                raise
            return [[{"json": {"error": error.message}}]]


def _is_python(context: Context) -> bool:
    return context.version >= 2 and context.value("language", 0, "javaScript") in PYTHON


def _source(context: Context) -> str:
    return str(context.parameters.get("pythonCode" if _is_python(context) else "jsCode") or "")


async def _run(context: Context, scope: Scope, *, each: bool) -> CodeResult:
    if _is_python(context):
        if not context.outside.python:
            raise NodeError(
                "Python is disabled",
                description="An administrator can allow it; or write the code in JavaScript.",
            )
        return await context.outside.run_python(_source(context), list(scope.items), each=each)
    return await context.scripts.run_code(_source(context), scope, each=each)


def _all(result: CodeResult) -> Items:
    if (error := first_error(result)) is not None:
        raise error
    return items_of(result.value)


def _each(context: Context, result: CodeResult) -> Items:
    made: Items = []
    values = result.value if isinstance(result.value, list) else []
    for index, _ in context.each():
        try:
            if index in result.errors:
                raise result.errors[index]
            item = item_of(values[index] if index < len(values) else UNDEFINED, index)
        except NodeError as error:
            if not context.goes_on:
                raise context.blamed(error, index) from None
            item = context.failed(error, index)
        if item is not None:
            made.append(item)
    return made
