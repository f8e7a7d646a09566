"""Markdown as HTML, as close to the showdown library (n8n's) as CommonMark allows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

HEADING = re.compile(r"^( {0,3}#{1,6})(?=[^\s#])")
BRACKETED = re.compile(r"^(\s*\d{1,9})\)(?=\s)")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
TASK = re.compile(r"^\[([ xX])\] ")
CLOSE_UP, DEEPER, HIGHER = "\ue000", "\ue001", "\ue002"
"""Marks in the making: no new line before this; what is quoted begins, and ends."""
MARKS = re.compile(f"[{CLOSE_UP}{DEEPER}{HIGHER}]")
LONE_AMPERSAND = re.compile(r"&(?!#?[xX]?(?:[0-9a-fA-F]{1,8}|\w{1,32});)")
CHECKBOX = (
    '<input type="checkbox" disabled '
    'style="margin: 0px 0.35em 0.25em -1.6em; vertical-align: middle;"{}> '
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
        self.reader.disable(["entity"] if options.fences else ["entity", "fence"])
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
        text = MARKS.sub("", text)
        text = _rewritten(text, spaces=not self.options.space_needed)
        tokens = self.reader.parse(text)
        self._headings(tokens)
        if self.options.task_lists:
            _tasks(tokens)
        if self.options.new_windows:
            _leave(tokens)
        for token in tokens:
            if token.children:
                token.children = [
                    one for one in token.children if one.type != "text" or one.content
                ]
                _strong_outside(token.children)
        html = _laid_out(self.reader.renderer.render(tokens, self.reader.options, {}))
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
        return _shown(tokens[idx].content).replace("...", "…")

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

    def th_open(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        style = tokens[idx].attrGet("style")
        return f'<{tokens[idx].tag} style="{style};">' if style else f"<{tokens[idx].tag}>"

    td_open = th_open

    def s_open(self, *more: Any) -> str:
        return "<del>"

    def s_close(self, *more: Any) -> str:
        return "</del>"

    def list_item_open(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return f"<li{self.renderAttrs(tokens[idx])}>"

    def list_item_close(self, *more: Any) -> str:
        return f"{CLOSE_UP}</li>\n"

    def bullet_list_open(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return self._list(tokens[idx], f"<{tokens[idx].tag}{self.renderAttrs(tokens[idx])}>\n")

    def bullet_list_close(self, tokens: Sequence[Token], idx: int, *more: Any) -> str:
        return self._list(tokens[idx], f"</{tokens[idx].tag}>\n")

    ordered_list_open, ordered_list_close = bullet_list_open, bullet_list_close

    def _list(self, token: Token, tag: str) -> str:
        return f"{CLOSE_UP if token.level > 1 else ''}{tag}"

    def blockquote_open(self, *more: Any) -> str:
        return f"<blockquote>\n{DEEPER}"

    def blockquote_close(self, *more: Any) -> str:
        return f"{HIGHER}</blockquote>\n"


def _laid_out(html: str) -> str:
    """Move tags up to what they belong to, and what is quoted to the right, as showdown does."""
    html = re.sub(f"\n*{CLOSE_UP}", "", html)
    depth, lines, code = 0, [], False
    for line in html.rstrip("\n").split("\n"):
        depth += line.count(DEEPER) - line.count(HIGHER)
        bare = MARKS.sub("", line)
        lines.append(bare if code or bare.startswith("<pre") else "  " * depth + bare)
        code = ("<pre" in bare or code) and "</pre>" not in bare
    return "\n".join(lines)


def _strong_outside(tokens: list[Token]) -> None:
    """Let what is strong and emphasized as a whole be strong first."""
    for n in range(len(tokens) - 1):
        if tokens[n].type == "em_open" and tokens[n + 1].type == "strong_open":
            end = next(
                m for m in range(n, len(tokens))
                if tokens[m].type == "em_close" and tokens[m].level == tokens[n].level
            )  # fmt: skip
            if tokens[end - 1].type == "strong_close":
                tokens[n], tokens[n + 1] = tokens[n + 1], tokens[n]
                tokens[end - 1], tokens[end] = tokens[end], tokens[end - 1]


def _shown(text: str) -> str:
    """Return running text for HTML: entities stay, and what cannot begin a tag."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", LONE_AMPERSAND.sub("&amp;", text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rewritten(text: str, *, spaces: bool) -> str:
    """Write outside of code as CommonMark wants it: `# Title` for `#Title`; `1)` begins no list."""
    lines, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif fence:
            if found and found[1].startswith(fence):
                fence = ""
        else:
            line = BRACKETED.sub(r"\1\\)", HEADING.sub(r"\1 ", line) if spaces else line)
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
