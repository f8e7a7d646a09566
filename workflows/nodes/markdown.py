"""Markdown."""

from collections.abc import Callable
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    flag,
    group,
    groups,
    number,
    shown_when,
    text,
)
from workflows.nodes import shelf
from workflows.nodes.lists.ordering import text as as_text
from workflows.nodes.lists.paths import names, put
from workflows.nodes.markup.markdown_reading import Converter, Options
from workflows.nodes.markup.markdown_writing import Style, markdown

TO_HTML, TO_MARKDOWN = "markdownToHtml", "htmlToMarkdown"
REPLACEMENT = (
    text("pattern", "Pattern", hint="Text to look for"),
    text("replacement", "Replacement"),
)
ALWAYS = "It always does"
WRITING = (
    text("bulletMarker", "Bullet Marker", "*"),
    text("codeFence", "Code Block Fence", "```"),
    text("emDelimiter", "Emphasis Delimiter", "_"),
    groups("globalEscape", "Global Escape Pattern", group("value", "Value", *REPLACEMENT),
           many=False),
    text("ignore", "Ignored Elements", hint="Inline elements to leave out, with commas"),
    flag("keepDataImages", "Keep Images With Data"),
    groups("lineStartEscape", "Line Start Escape Pattern", group("value", "Value", *REPLACEMENT),
           many=False),
    number("maxConsecutiveNewlines", "Max Consecutive New Lines", 3),
    flag("useLinkReferenceDefinitions", "Place URLs At The Bottom"),
    text("strongDelimiter", "Strong Delimiter", "**"),
    choice("codeBlockStyle", "Style For Code Block", {"fence": "Fence", "indented": "Indented"},
           "fence"),
    groups("textReplace", "Text Replacement Pattern", group("values", "Values", *REPLACEMENT)),
    text("blockElements", "Treat As Blocks", hint="Elements to set apart, with commas"),
)  # fmt: skip
READING = (
    flag("openLinksInNewWindow", "Add Blank To Links"),
    flag("backslashEscapesHTMLTags", "Backslash Escapes HTML Tags"),
    flag("simplifiedAutoLink", "Automatic Linking to URLs"),
    flag("completeHTMLDocument", "Complete HTML Document"),
    flag("customizedHeaderId", "Customized Header ID"),
    flag("emoji", "Emoji Support"),
    flag("encodeEmails", "Encode Emails"),
    flag("excludeTrailingPunctuationFromURLs", "Exclude Trailing Punctuation", hint=ALWAYS),
    flag("ghCodeBlocks", "GitHub Code Blocks", True),
    flag("ghCompatibleHeaderId", "GitHub Compatible Header IDs"),
    flag("ghMentions", "GitHub Mentions"),
    text("ghMentionsLink", "GitHub Mention Link", "https://github.com/{u}"),
    number("headerLevelStart", "Header Level Start", 1),
    flag("literalMidWordUnderscores", "Literal Mid Word Underscores", hint=ALWAYS),
    flag("noHeaderId", "No Header ID"),
    flag("parseImgDimensions", "Parse Image Dimensions"),
    text("prefixHeaderId", "Prefix Header ID", "section"),
    flag("rawHeaderId", "Raw Header ID"),
    flag("rawPrefixHeaderId", "Raw Prefix Header ID", hint=ALWAYS),
    flag("simpleLineBreaks", "Simple Line Breaks"),
    flag("smartIndentationFix", "Smart Indentation Fix"),
    flag("requireSpaceBeforeHeadingText", "Spaces Required Before Heading Text"),
    flag("disableForced4SpacesIndentedSublists", "No Forced Spaces For Sublists", hint=ALWAYS),
    flag("splitAdjacentBlockquotes", "Split Adjacent Blockquotes"),
    flag("strikethrough", "Strikethrough"),
    flag("tables", "Tables Support"),
    flag("tablesHeaderId", "Tables Header ID"),
    flag("tasklists", "Task Lists"),
    flag("underline", "Underline"),
)  # fmt: skip
MISSING = ("backslashEscapesHTMLTags", "customizedHeaderId", "emoji", "encodeEmails", "ghMentions",
           "parseImgDimensions", "smartIndentationFix", "splitAdjacentBlockquotes",
           "tablesHeaderId", "underline")  # fmt: skip


@shelf.add
class Markdown(Node):
    """Make HTML of Markdown, or Markdown of HTML."""

    key = "n8n-nodes-base.markdown"
    label = "Markdown"
    icon = "file-text"
    hint = "Convert data between Markdown and HTML"
    chunks = True
    fields: tuple[Field, ...] = (
        choice(
            "mode",
            "Mode",
            {TO_HTML: "Markdown to HTML", TO_MARKDOWN: "HTML to Markdown"},
            TO_MARKDOWN,
        ),
        text("html", "HTML", required=True, when={"mode": [TO_MARKDOWN]}),
        text("markdown", "Markdown", required=True, when={"mode": [TO_HTML]}),
        text("destinationKey", "Destination Key", "data", required=True, hint="Dots mean nesting"),
        *shown_when({"mode": [TO_MARKDOWN]}, collection("options", "Options", *WRITING)),
        *shown_when({"mode": [TO_HTML]}, collection("options", "Options", *READING)),
    )
    unsupported = tuple(Unsupported(f"options.{name}") for name in MISSING)

    async def run(self, context: Context) -> Outputs:
        """Convert each item."""
        made = []
        convert: Callable[[str], str] | None = None
        source = "markdown" if context.value("mode") == TO_HTML else "html"
        for index, one in context.each():
            try:
                if convert is None or context.columns:
                    convert = _converter(context, index)
                done = convert(as_text(context.value(source, index, "")))
                made.append(
                    _with(one, str(context.value("destinationKey", index, "data")), done, index)
                )
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]


def _with(one: Item, path: str, value: str, index: int) -> Item:
    json = dict(one["json"])
    head = path.partition(".")[0]
    if "." in path and isinstance(json.get(head), dict):
        json[head] = dict(json[head])
    put(json, path, value)
    return {**one, "json": json, "pairedItem": {"item": index}}


def _converter(context: Context, index: int) -> Callable[[str], str]:
    given: dict[str, Any] = context.resolved(context.parameters.get("options") or {}, index)
    if context.value("mode", index) == TO_HTML:
        return Converter(_reading(given)).html
    style = _writing(given)
    return lambda html: markdown(html, style)


def _reading(given: dict[str, Any]) -> Options:
    github, raw = given.get("ghCompatibleHeaderId"), given.get("rawHeaderId")
    return Options(
        fences=bool(given.get("ghCodeBlocks", True)),
        tables=bool(given.get("tables")),
        strikethrough=bool(given.get("strikethrough")),
        task_lists=bool(given.get("tasklists")),
        links=bool(given.get("simplifiedAutoLink")),
        line_breaks=bool(given.get("simpleLineBreaks")),
        new_windows=bool(given.get("openLinksInNewWindow")),
        ids=not given.get("noHeaderId"),
        id_prefix=str(given.get("prefixHeaderId") or ""),
        id_style="github" if github else "raw" if raw else "plain",
        first_level=int(given.get("headerLevelStart") or 1),
        space_needed=bool(given.get("requireSpaceBeforeHeadingText")),
        document=bool(given.get("completeHTMLDocument")),
    )


def _writing(given: dict[str, Any]) -> Style:
    return Style(
        bullet=str(given.get("bulletMarker", "*")),
        fence=str(given.get("codeFence", "```")),
        indented_code=given.get("codeBlockStyle") == "indented",
        emphasis=str(given.get("emDelimiter", "_")),
        strong=str(given.get("strongDelimiter", "**")),
        ignore=names(given.get("ignore", ""), "Ignored Elements"),
        blocks=names(given.get("blockElements", ""), "Treat As Blocks"),
        newlines=int(given.get("maxConsecutiveNewlines", 3)),
        data_images=bool(given.get("keepDataImages")),
        references=bool(given.get("useLinkReferenceDefinitions")),
        escape=_pair((given.get("globalEscape") or {}).get("value")),
        escape_start=_pair((given.get("lineStartEscape") or {}).get("value")),
        replacements=[
            pair
            for one in (given.get("textReplace") or {}).get("values") or ()
            if (pair := _pair(one)) is not None
        ],
    )


def _pair(given: Any) -> tuple[str, str] | None:
    if not isinstance(given, dict) or not given.get("pattern"):
        return None
    return str(given["pattern"]), str(given.get("replacement") or "")
