"""Taking values out of HTML by CSS selectors; HTML and the old HTML Extract share it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from selectolax.lexbor import LexborNode

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.node import Context
from workflows.engine.parameters import Field, choice, flag, group, groups, since, text
from workflows.engine.values import UNDEFINED
from workflows.nodes.lists.ordering import text as as_text
from workflows.nodes.lists.paths import get
from workflows.nodes.markup.plain_text import plain_text
from workflows.nodes.markup.tree import parse, select

RETURNED = {"attribute": "Attribute", "html": "HTML", "text": "Text", "value": "Value"}
SOURCE = (
    choice("sourceData", "Source Data", {"binary": "Binary", "json": "JSON"}, "json"),
    text("dataPropertyName", "Property", "data", required=True, hint="The field or file with HTML"),
)


def values_field(*, skips: bool) -> Field:
    """Return the parameter that says what to take out; `skips` where parts can be left out."""
    fields = [
        text("key", "Key", hint="The field to write the value to"),
        text("cssSelector", "CSS Selector"),
        choice("returnValue", "Return Value", RETURNED, "text"),
        text("attribute", "Attribute", when={"returnValue": ["attribute"]}),
        flag("returnArray", "Return Array", hint="Whether to return all that match, as a list"),
    ]
    if skips:
        fields.insert(
            4,
            text(
                "skipSelectors",
                "Skip Selectors",
                hint="Selectors of what to leave out, with commas between them",
                when={"returnValue": ["text"]},
                versions=since(1.2),
            ),
        )
    return groups("extractionValues", "Extraction Values", group("values", "Value", *fields))


async def sources(context: Context, one: Item, index: int) -> Sequence[str]:
    """Return the HTML texts of an item.

    Raises:
        NodeError: the item has no such field or file.
    """
    name = str(context.value("dataPropertyName", index, "data"))
    if context.value("sourceData", index, "json") == "binary":
        record = one.get("binary", {}).get(name)
        if record is None:
            raise NodeError(f'No property named "{name}" exists!')
        return [(await context.outside.bytes_of(record)).decode("utf-8", "replace")]
    found = get(one["json"], name)
    if found is UNDEFINED:
        raise NodeError(f'No property named "{name}" exists!')
    return [as_text(each) for each in found] if isinstance(found, list) else [as_text(found)]


def extract(
    html: str, wanted: Sequence[Mapping[str, Any]], *, plain: bool, trim: bool, clean: bool = False
) -> dict[str, Any]:
    """Return the wanted values of HTML; what is not there is left out.

    `plain` lays texts out by their elements; without it the texts are run together.
    """
    tree = parse(html)
    made: dict[str, Any] = {}
    for one in wanted:
        found = select(tree, str(one.get("cssSelector") or ""))
        if one.get("returnArray"):
            values = [_value([each], one, plain) for each in found]
            made[str(one["key"])] = [_tidied(v, trim, clean) for v in values]
        elif (value := _value(found, one, plain)) is not None:
            made[str(one["key"])] = _tidied(value, trim, clean)
    return made


def _value(found: Sequence[LexborNode], one: Mapping[str, Any], plain: bool) -> Any:
    how = one.get("returnValue", "text")
    if how == "text" and not plain:
        return "".join(each.text(deep=True) for each in found) or None
    if not found:
        return "" if how == "text" else None
    first = found[0]
    if how == "text":
        skip = tuple(filter(None, map(str.strip, str(one.get("skipSelectors") or "").split(","))))
        return plain_text(first, skip)
    if how == "html":
        return first.inner_html or None
    attributes = {name: value or "" for name, value in first.attributes.items()}
    if how == "attribute":
        name = str(one.get("attribute") or "")
        return attributes.get(name) if name else attributes
    return _form_value(first, attributes)


def _form_value(element: LexborNode, attributes: Mapping[str, str]) -> Any:
    """Return what a form would send of an element."""
    if element.tag == "textarea":
        return element.text(deep=True)
    if element.tag == "select":
        options = element.css("option")
        chosen = [one for one in options if "selected" in one.attributes] or options[:1]
        values = [one.attributes.get("value") or one.text(deep=True) for one in chosen]
        return values if "multiple" in attributes else next(iter(values), None)
    return attributes.get("value")


def _tidied(value: Any, trim: bool, clean: bool) -> Any:
    if not isinstance(value, str):
        return value
    if trim or clean:
        value = value.strip()
    return re.sub(r"\s+", " ", re.sub(r"[\r\n]", "", value)) if clean else value
