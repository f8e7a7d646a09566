"""XML."""

from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, collection, flag, shown_when, text
from workflows.nodes import shelf
from workflows.nodes.markup import xml_reading, xml_writing

READ, WRITE = "xmlToJson", "jsonToxml"
ATTRIBUTES = text("attrkey", "Attribute Key", "$", hint="The field for an element's attributes")
TEXT = text("charkey", "Character Key", "_", hint="The field for an element's text")


@shelf.add
class Xml(Node):
    """Make fields of XML, or XML of fields."""

    key = "n8n-nodes-base.xml"
    label = "XML"
    icon = "code"
    hint = "Convert data from and to XML"
    chunks = True
    fields = (
        choice("mode", "Mode", {WRITE: "JSON to XML", READ: "XML to JSON"}, READ),
        text(
            "dataPropertyName",
            "Property Name",
            "data",
            required=True,
            hint="The field with the XML, or to write it to",
        ),
        *shown_when(
            {"mode": [WRITE]},
            collection(
                "options",
                "Options",
                flag("allowSurrogateChars", "Allow Surrogate Chars", hint="Such as emojis"),
                ATTRIBUTES,
                flag("cdata", "Cdata", hint="Whether texts with markup are put in CDATA"),
                TEXT,
                flag("headless", "Headless", hint="Whether to leave out the XML declaration"),
                text("rootName", "Root Name", "root"),
            ),
        ),
        *shown_when(
            {"mode": [READ]},
            collection(
                "options",
                "Options",
                ATTRIBUTES,
                TEXT,
                flag("explicitArray", "Explicit Array", hint="Whether all children are in lists"),
                flag("explicitRoot", "Explicit Root", True, hint="Whether to keep the root's name"),
                flag("ignoreAttrs", "Ignore Attributes"),
                flag("mergeAttrs", "Merge Attributes", True, hint="Off: in their own field"),
                flag("normalize", "Normalize", hint="Whether to trim white space inside texts"),
                flag("normalizeTags", "Normalize Tags", hint="Whether names become lowercase"),
                flag("trim", "Trim", hint="Whether to trim white space around texts"),
            ),
        ),
    )

    async def run(self, context: Context) -> Outputs:
        """Convert each item."""
        work = _written if context.value("mode") == WRITE else _read
        made = []
        for index, one in context.each():
            try:
                made.append({"json": work(context, one, index), "pairedItem": {"item": index}})
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]


def _read(context: Context, one: Item, index: int) -> dict[str, Any]:
    name = str(context.value("dataPropertyName", index, "data"))
    xml = one["json"].get(name)
    if xml is None:
        raise NodeError(f'Item has no JSON property called "{name}"')
    if not isinstance(xml, str) or not xml.strip():
        raise NodeError(f'The property "{name}" holds no XML text')
    option = _options(context, index)
    found = xml_reading.read(
        xml,
        xml_reading.Shape(
            attributes=str(option("attrkey", "$")),
            text=str(option("charkey", "_")),
            lists=bool(option("explicitArray", False)),
            root=bool(option("explicitRoot", True)),
            ignore_attributes=bool(option("ignoreAttrs", False)),
            merge_attributes=bool(option("mergeAttrs", True)),
            normalize=bool(option("normalize", False)),
            lower_tags=bool(option("normalizeTags", False)),
            trim=bool(option("trim", False)),
        ),
    )
    if not isinstance(found, dict):
        raise NodeError(
            "The root element holds only text, so there are no fields",
            description="Turn on the option 'Explicit Root'.",
        )
    return found


def _written(context: Context, one: Item, index: int) -> dict[str, Any]:
    option = _options(context, index)
    style = xml_writing.Style(
        attributes=str(option("attrkey", "$")),
        text=str(option("charkey", "_")),
        root=str(option("rootName", "root")),
        cdata=bool(option("cdata", False)),
        headless=bool(option("headless", False)),
        beyond=bool(option("allowSurrogateChars", False)),
    )
    name = str(context.value("dataPropertyName", index, "data"))
    return {name: xml_writing.write(one["json"], style)}


def _options(context: Context, index: int) -> Any:
    return lambda name, default: context.value(f"options.{name}", index, default)
