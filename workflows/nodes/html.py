"""HTML."""

import json as json_text
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs, pairs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import choice, code, collection, flag, shown_when, since, text
from workflows.engine.templates import blocks, replaced
from workflows.nodes import shelf
from workflows.nodes.lists.ordering import text as as_text
from workflows.nodes.markup import extraction

TEMPLATE, EXTRACT, TABLE = "generateHtmlTemplate", "extractHtmlContent", "convertToHtmlTable"
PAGE = """<!DOCTYPE html>
<html>
<head>
  <meta charset="UTF-8">
  <title>My page</title>
</head>
<body>
  <h1>{{ $json.title }}</h1>
</body>
</html>"""
STYLES = {
    "table": "border-collapse: collapse; font-family: sans-serif",
    "thead": "text-align: left; background: #eee",
    "td": "padding: 6px; border-top: 1px solid #ddd",
}


@shelf.add
class Html(Node):
    """Fill an HTML template, take values out of HTML, or show items as an HTML table."""

    key = "n8n-nodes-base.html"
    label = "HTML"
    icon = "file-code"
    hint = "Work with HTML"
    versions = (1, 1.1, 1.2)
    fields = (
        choice(
            "operation",
            "Operation",
            {
                TEMPLATE: "Generate HTML Template",
                EXTRACT: "Extract HTML Content",
                TABLE: "Convert to HTML Table",
            },
            TEMPLATE,
        ),
        code("html", "HTML Template", PAGE, language="html", when={"operation": [TEMPLATE]}),
        *shown_when(
            {"operation": [EXTRACT]},
            *extraction.SOURCE,
            extraction.values_field(skips=True),
            collection(
                "options",
                "Options",
                flag("trimValues", "Trim Values", True),
                flag("cleanUpText", "Clean Up Text", True, versions=since(1.1)),
            ),
        ),
        *shown_when(
            {"operation": [TABLE]},
            collection(
                "options",
                "Options",
                flag("capitalize", "Capitalize Headers"),
                flag("customStyling", "Custom Styling", hint="Whether to leave out the own styles"),
                text("caption", "Caption"),
                text("tableAttributes", "Table Attributes"),
                text("headerAttributes", "Header Attributes"),
                text("rowAttributes", "Row Attributes"),
                text("cellAttributes", "Cell Attributes"),
            ),
        ),
    )

    async def run(self, context: Context) -> Outputs:
        """Work with HTML."""
        operation = context.value("operation")
        if operation == TABLE:
            return [_table(context)]
        if operation == TEMPLATE:
            return [await _pages(context)]
        made: Items = []
        for index, one in context.each():
            try:
                made += await _extracted(context, one, index)
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]


async def _extracted(context: Context, one: Item, index: int) -> Items:
    wanted = context.value("extractionValues.values", index, [])
    trim = bool(context.value("options.trimValues", index, False))
    clean = bool(context.value("options.cleanUpText", index, False))
    return [
        {
            "json": extraction.extract(
                html, wanted, plain=context.version >= 1.2, trim=trim, clean=clean
            ),
            "pairedItem": {"item": index},
        }
        for html in await extraction.sources(context, one, index)
    ]


async def _pages(context: Context) -> Items:
    """Fill the template for each item; all its expressions go over in one batch."""
    page = str(context.parameters.get("html") or "")
    found = blocks(page)
    count = len(context.items)
    columns = (
        await context.scripts.evaluate([f"={one}" for one in found], context.scope, range(count))
        if found
        else []
    )
    by_text = dict(zip(found, columns, strict=True))
    made: Items = []
    for index in range(count):
        try:
            for column in columns:
                if index in column.errors:
                    raise column.errors[index]
            filled = replaced(page, lambda m, n=index: as_text(by_text[m].values.get(n)))
            made.append({"json": {"html": filled}, "pairedItem": {"item": index}})
        except NodeError as error:
            if not context.goes_on:
                raise context.blamed(error, index) from None
            made.append(context.failed(error, index))
    return made


# -- tables --------------------------------------------------------------------------------------


def _table(context: Context) -> Items:
    rows = [one["json"] for one in context.items]
    names = list(dict.fromkeys(name for row in rows for name in row))
    option = {
        name: context.value(f"options.{name}", 0, "")
        for name in ("capitalize", "customStyling", "caption", "tableAttributes",
                     "headerAttributes", "rowAttributes", "cellAttributes")
    }  # fmt: skip
    plain = bool(option["customStyling"])
    labels = [_capitalized(name) for name in names] if option["capitalize"] else names
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    body = "".join(_row(row, names, option, plain) for row in rows)
    caption = f"<caption>{escape(str(option['caption']))}</caption>" if option["caption"] else ""
    table = (
        f"{_opened('table', option['tableAttributes'], plain)}{caption}"
        f"{_opened('thead', option['headerAttributes'], plain)}<tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
    return [{"json": {"table": table}, "pairedItem": pairs(range(len(rows)))}]


def _row(row: dict[str, Any], names: Sequence[str], option: dict[str, Any], plain: bool) -> str:
    cell = _opened("td", option["cellAttributes"], plain)
    cells = "".join(f"{cell}{escape(_shown(row.get(name)))}</td>" for name in names)
    return f"{_opened('tr', option['rowAttributes'], plain)}{cells}</tr>"


def _opened(tag: str, attributes: Any, plain: bool) -> str:
    style = "" if plain or tag not in STYLES else f' style="{STYLES[tag]}"'
    return f"<{tag}{style}{' ' + str(attributes) if attributes else ''}>"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return (
        json_text.dumps(value, ensure_ascii=False)
        if isinstance(value, dict | list)
        else as_text(value)
    )


def _capitalized(name: str) -> str:
    """Return a field's name as words: `first_name` and `firstName` are First Name."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)
