"""Edit Fields (Set): sets fields of items, value by value or as JSON."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from workflows.engine.conversion import NotConverted, as_object, converted, json_text, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, item
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field
from workflows.engine.templates import blocks as blocks_of
from workflows.engine.templates import replaced
from workflows.engine.values import UNDEFINED
from workflows.nodes import shelf
from workflows.nodes.flow.layout import Setter, Start, setter, start
from workflows.nodes.flow.set_fields import FIELDS, FIELDS_V1

Reader = Callable[[int], Any]
Values = Callable[[int], "list[tuple[str, Any]]"]
"""Gives the new fields of one item, by its index."""
SINGLE = re.compile(r"=\{\{(?:(?!\}\}).)*\}\}", re.DOTALL)


@shelf.add
class Set(Node):
    """Set, add or keep fields of each item."""

    key = "n8n-nodes-base.set"
    label = "Edit Fields (Set)"
    group = "Transform"
    icon = "pencil"
    versions = (1, 2, 3, 3.1, 3.2, 3.3, 3.4, 3.5)
    chunks = True
    fields = FIELDS

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields: they differ altogether before version 3."""
        return cls.fields if version >= 3 else FIELDS_V1

    async def run(self, context: Context) -> Outputs:
        """Set the fields of every item; one that fails stops the run, or tells its error."""
        begin, put = start(context), setter(context)
        if context.version < 3:
            values = _old_values(context)
        elif context.parameters.get("mode") == "raw":
            values = await _raw_values(context)
        else:
            values = _typed_values(context)
        made: Items = []
        for index, one in context.each():
            try:
                made.append(_made(one, index, begin, put, values(index)))
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [_repeated(context, made)]


def _made(one: Item, index: int, begin: Start, put: Setter, values: list[tuple[str, Any]]) -> Item:
    json, binary = begin(one, index)
    for name, value in values:
        if isinstance(value, Binary):
            binary = {**(binary or {}), name: value.record}
        else:
            json = put(json, name, value)
    return item(json, index, binary)


class Binary:
    """A file's record, to be put beside the fields."""

    def __init__(self, record: Any) -> None:
        self.record = record


def _old_values(context: Context) -> Values:
    """Values of versions 1 and 2: whatever the expression gives, whatever type was chosen."""
    stored = context.parameters.get("values")
    stored = stored if isinstance(stored, Mapping) else {}
    read = [
        (context.reader(row.get("name", "propertyName")), context.reader(row.get("value")))
        for kind in ("boolean", "number", "string")
        for row in stored.get(kind) or ()
    ]
    return lambda index: [
        (text(name(index)), value) for name, of in read if (value := of(index)) is not UNDEFINED
    ]


def _typed_values(context: Context) -> Values:
    lenient = context.value("options.ignoreConversionErrors", default=False) is True
    name = "assignments" if context.version >= 3.3 else "fields"
    stored = context.parameters.get(name)
    if isinstance(stored, str):  # the whole list is an expression
        read = context.reader(stored)
        return lambda index: _entries(read(index), lambda value: lambda _: value, lenient)(index)
    return _entries(stored, context.reader, lenient)


def _entries(stored: Any, reader: Callable[[Any], Reader], lenient: bool) -> Values:
    stored = stored if isinstance(stored, Mapping) else {}
    rows = stored.get("assignments") or stored.get("values") or ()
    ready = []
    for row in rows:
        if isinstance(row, Mapping):
            kind = str(row.get("type") or "string")
            value = row.get(kind) if kind.endswith("Value") else row.get("value")
            name = _names(row.get("name", ""), reader)
            ready.append((name, reader(value), kind.removesuffix("Value")))

    def values(index: int) -> list[tuple[str, Any]]:
        return [
            (called := name(index), _typed(called, read(index), kind, lenient))
            for name, read, kind in ready
        ]

    return values


def _names(stored: Any, reader: Callable[[Any], Reader]) -> Callable[[int], str]:
    """Return what gives a field's name; one that is no expression is read once."""
    if isinstance(stored, str) and not stored.startswith("="):
        return lambda _: stored
    read = reader(stored)
    return lambda index: text(read(index))


def _typed(name: str, value: Any, kind: str, lenient: bool) -> Any:
    try:
        made = converted(name, value, kind)
    except NotConverted as error:
        if lenient:
            return value
        raise NodeError(
            str(error),
            description=f'Change the type of the field "{name}", or turn on the option '
            "'Ignore Type Conversion Errors'.",
        ) from None
    return Binary(made) if kind == "binary" else made


async def _raw_values(context: Context) -> Values:
    read = await _pasted(context, context.parameters.get("jsonOutput"))

    def values(index: int) -> list[tuple[str, Any]]:
        try:
            return list(as_object(read(index)).items())
        except NotConverted as error:
            wrong = (
                "contains invalid JSON" if error.args else "does not contain a valid JSON object"
            )
            raise NodeError(
                f"The 'JSON Output' in item {index + context.first_index} {wrong}",
                description="Check the text after its expressions were filled in: values that "
                "are text need quotes, for which {{ JSON.stringify(value) }} is safe.",
            ) from None

    return values


async def _pasted(context: Context, template: Any) -> Reader:
    """Return a reader of JSON text in which the value of each expression is pasted.

    Lists and objects are pasted as JSON, unlike in other texts.
    """
    if not isinstance(template, str) or not template.startswith("=") or SINGLE.fullmatch(template):
        return context.reader(template)
    blocks = blocks_of(template)
    columns = await context.scripts.evaluate(
        [f"={block}" for block in blocks], context.scope, range(len(context.items))
    )
    readers = {
        block: context.column_reader(one) for block, one in zip(blocks, columns, strict=True)
    }

    def pasted(index: int) -> str:
        return replaced(template[1:], lambda block: _word(readers[block](index)))

    return pasted


def _word(value: Any) -> str:
    return json_text(value) if isinstance(value, dict | list) else text(value)


def _repeated(context: Context, made: Items) -> Items:
    """Return the items as often as a test run wants them."""
    if context.version < 3 or context.parameters.get("duplicateItem") is not True:
        return made
    if context.scope.execution.get("mode") not in ("manual", "test"):
        return made
    count = int(context.value("duplicateCount", default=0) or 0)
    return [one for one in made for _ in range(1 + min(max(count, 0), 1000))]
