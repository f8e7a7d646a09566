"""Markdown as HTML, as close to the showdown library (n8n's) as CommonMark allows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

HEADING = re.compile(r"^( {0,3}#{1,6})(?=[^\s#])")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
TASK = re.compile(r"^\[([ xX])\] ")
CHECKBOX = (
    '<input type="checkbox" disabled{} '
    'style="margin: 0px 0.35em 0.25em -1.6em; vertical-align: middle;"> '
)


@dataclass(frozen=True)
class Options:
    """What is understood, and how it is written; names after showdown's options."""

    fences: bool = True  # ghCodeBlocks
    tables: bool = False
    strikethrough: bool = False
    task_lists: bool = False
    links: bool = False  # simplifiedAutoLink
    line_breaks: bool = False  # simpleLineBreaks
    new_windows: bool = False  # openLinksInNewWindow
    ids: bool = True  # not noHeaderId
    id_prefix: str = ""
    id_style: str = "plain"  # plain, github or raw
    first_level: int = 1  # headerLevelStart
    space_needed: bool = False  # requireSpaceBeforeHeadingText
    document: bool = False  # completeHTMLDocument


class Converter:
    """Converts texts by one set of options."""

    def __init__(self, options: Options) -> None:
        self.options = options
        given = {"html": True, "xhtmlOut": True, "breaks": options.line_breaks,
                 "linkify": options.links}  # fmt: skip
        self.reader = MarkdownIt("commonmark", given, renderer_cls=_Renderer)
        self.reader.disable([] if options.fences else ["fence"])
        self.reader.enable(
            [
                rule
                for rule, wanted in (
                    ("table", options.tables),
                    ("strikethrough", options.strikethrough),
                    ("linkify", options.links),
                )
                if wanted
            ]
        )

    def html(self, text: str) -> str:
        """Return Markdown as HTML."""
        if not self.options.space_needed:
            text = _spaced(text)
        tokens = self.reader.parse(text)
        self._headings(tokens)
        if self.options.task_lists:
            _tasks(tokens)
        if self.options.new_windows:
            _leave(tokens)
        html = self.reader.renderer.render(tokens, self.reader.options, {}).rstrip("\n")
        if not self.options.document:
            return str(html)
        return (
            '<!DOCTYPE HTML>\n<html>\n<head>\n<meta charset="utf-8">\n</head>\n<body>\n'
            f"{html}\n</body>\n</html>"
        )

    def _headings(self, tokens: Sequence[Token]) -> None:
        used: dict[str, int] = {}
        for token, inside in zip(tokens, tokens[1:], strict=False):
            if token.type not in ("heading_open", "heading_close"):
                continue
            level = min(int(token.tag[1]) + self.options.first_level - 1, 6)
            token.tag = f"h{level}"
            if token.type == "heading_open" and self.options.ids:
                name = self.options.id_prefix + self._id(inside.content)
                count = used.get(name, 0)
                used[name] = count + 1
                token.attrSet("id", f"{name}-{count}" if count else name)
        if tokens and tokens[-1].type == "heading_close":
            level = min(int(tokens[-1].tag[1]) + self.options.first_level - 1, 6)
            tokens[-1].tag = f"h{level}"

    def _id(self, title: str) -> str:
        if self.options.id_style == "raw":
            return re.sub(r"[\"']", "-", title.replace(" ", "-")).lower()
        if self.options.id_style == "github":
            return re.sub(r"[^\w-]", "", title.replace(" ", "-")).lower()
        return re.sub(r"[^A-Za-z0-9_]", "", title).lower()


class _Renderer(RendererHTML):
    """Writes as showdown does: quotes stay, strikethrough is del, code knows its language twice."""

    def text(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return _escaped(tokens[idx].content).replace("...", "…")

    def code_inline(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return f"<code>{_escaped(tokens[idx].content)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return f"<pre><code>{_escaped(tokens[idx].content)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        language = tokens[idx].info.strip().split(maxsplit=1)[:1]
        kind = (
            f' class="{_escaped(language[0])} language-{_escaped(language[0])}"' if language else ""
        )
        return f"<pre><code{kind}>{_escaped(tokens[idx].content)}</code></pre>\n"

    def s_open(self, *more: Any) -> str:
        return "<del>"

    def s_close(self, *more: Any) -> str:
        return "</del>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _spaced(text: str) -> str:
    """Put the space that CommonMark wants after the marks of headings, outside of code."""
    lines, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif fence:
            if found and found[1].startswith(fence):
                fence = ""
        else:
            line = HEADING.sub(r"\1 ", line)
        lines.append(line)
    return "\n".join(lines)


def _tasks(tokens: Sequence[Token]) -> None:
    """Make check boxes of list items that begin with [ ] or [x]."""
    for entry, inside in ((a, c) for a, _, c in zip(tokens, tokens[1:], tokens[2:], strict=False)):
        if entry.type != "list_item_open" or inside.type != "inline" or not inside.children:
            continue
        first = inside.children[0]
        match = TASK.match(first.content)
        if first.type == "text" and match:
            first.content = first.content[match.end() :]
            box = Token("html_inline", "", 0)
            box.content = CHECKBOX.format("" if match[1] == " " else " checked")
            inside.children.insert(0, box)
            entry.attrSet("class", "task-list-item")
            entry.attrSet("style", "list-style-type: none;")


def _leave(tokens: Sequence[Token]) -> None:
    """Let links open in a new window."""
    for token in tokens:
        for one in token.children or ():
            if one.type == "link_open":
                one.attrSet("rel", "noopener noreferrer")
                one.attrSet("target", "_blank")
