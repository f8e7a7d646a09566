"""HTML as plain text, laid out as the html-to-text library does: what n8n's HTML node gives."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from workflows.nodes.markup.tree import children, not_too_deep, raw_text, select

WIDTH = 80
SPACES = re.compile(r"[ \t\r\n\f\u200b]+")
BLOCKS = {
    "article": 1, "aside": 1, "div": 1, "footer": 1, "form": 1, "header": 1, "main": 1, "nav": 1,
    "section": 1, "p": 2, "table": 2,
}  # fmt: skip
HEADINGS = {"h1": 3, "h2": 3, "h3": 3, "h4": 2, "h5": 2, "h6": 2}
SILENT = ("script", "style", "template")


def plain_text(element: LexborNode, skip: tuple[str, ...] = ()) -> str:
    """Return the text inside an element, without what the `skip` selectors find in it.

    Raises:
        NodeError: it is nested too deeply.
    """
    skipped = {one.mem_id for selector in skip for one in select(element, selector)}
    body = element.css_first("body") if element.tag == "html" else None
    with not_too_deep():
        return Layout(skipped).of(body or element)


@dataclass
class Line:
    """Words of running text, wrapped into lines."""

    width: int
    done: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    spaced: bool = False  # whether the next word stands apart

    def __bool__(self) -> bool:
        return bool(self.words or self.done)

    def add(self, text: str) -> None:
        """Add text; white space in it parts words."""
        pieces = SPACES.split(text)
        if pieces[0] == "" and len(pieces) > 1:
            self.spaced = True
        words = [piece for piece in pieces if piece]
        for word in words:
            if self.words and not self.spaced:
                self.words[-1] += word
            else:
                self.words.append(word)
            self.spaced = True
        if words:
            self.spaced = pieces[-1] == ""

    def end(self) -> None:
        """Begin a new line."""
        self.done += self._wrapped() or [""]
        self.words, self.spaced = [], False

    def _wrapped(self) -> list[str]:
        lines: list[str] = []
        for word in self.words:
            if lines and len(lines[-1]) + 1 + len(word) <= self.width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines

    def text(self) -> str:
        """Return the lines."""
        return "\n".join([*self.done, *(self._wrapped() or [""])])


@dataclass
class Block:
    """A piece of the layout: finished text, and a line under way."""

    leading: int
    width: int
    raw: str = ""
    pending: int = 0  # line breaks before what comes next
    line: Line = field(init=False)

    def __post_init__(self) -> None:
        self.line = Line(self.width)

    def text(self) -> str:
        """Return all of it."""
        if not self.line:
            return self.raw
        return self.raw + "\n" * self.pending + self.line.text()

    def add(self, text: str, leading: int, trailing: int) -> None:
        """Put a finished block at the end."""
        before, breaks = self.text(), max(0 if self.line else self.pending, leading)
        self.line = Line(self.width)
        if before:
            self.raw = before + "\n" * breaks + text
        else:
            self.raw, self.leading = text, breaks
        self.pending = trailing


class Layout:
    """The conversion of one document."""

    def __init__(self, skipped: set[int]) -> None:
        self.skipped = skipped
        self.stack = [Block(0, WIDTH)]
        self.upper = 0

    def of(self, root: LexborNode) -> str:
        """Return the text of an element."""
        self._inside(root)
        return self.stack[0].text()

    @property
    def block(self) -> Block:
        """The block under way."""
        return self.stack[-1]

    def _inside(self, node: LexborNode) -> None:
        for child in children(node):
            self._put(child)

    def _say(self, text: str) -> None:
        self.block.line.add(text.upper() if self.upper else text)

    def _put(self, node: LexborNode) -> None:
        if node.is_text_node:
            self._say(raw_text(node))
        elif node.is_element_node and node.mem_id not in self.skipped:
            tag = node.tag or ""
            if tag in SILENT:
                return
            handler = getattr(self, f"_{tag}", None) if tag in OWN else None
            if handler is not None:
                handler(node)
            elif tag in HEADINGS:
                self._heading(node, HEADINGS[tag])
            elif tag in BLOCKS:
                self._framed(node, BLOCKS[tag], BLOCKS[tag])
            else:
                self._inside(node)

    def _framed(
        self,
        node: LexborNode,
        leading: int,
        trailing: int,
        *,
        reserved: int = 0,
        change: Callable[[str], str] = str,
    ) -> None:
        self.stack.append(Block(leading, self.block.width - reserved))
        self._inside(node)
        done = self.stack.pop()
        self.block.add(change(done.text()), done.leading or leading, max(done.pending, trailing))

    def _heading(self, node: LexborNode, leading: int) -> None:
        self.upper += 1
        self._framed(node, leading, 2)
        self.upper -= 1

    def _a(self, node: LexborNode) -> None:
        before = self.block.text()
        self._inside(node)
        href = (node.attributes.get("href") or "").removeprefix("mailto:")
        if href and not href.startswith("#"):
            said = self.block.text() != before
            self.block.line.add(f" [{href}]" if said else href)

    def _img(self, node: LexborNode) -> None:
        source, words = node.attributes.get("src") or "", node.attributes.get("alt") or ""
        self.block.line.add(" ".join(filter(None, (words, source and f"[{source}]"))))

    def _br(self, node: LexborNode) -> None:
        self.block.line.end()

    def _hr(self, node: LexborNode) -> None:
        self.block.add("-" * self.block.width, 2, 2)

    def _wbr(self, node: LexborNode) -> None:
        self.block.line.spaced = True

    def _pre(self, node: LexborNode) -> None:
        self.block.add(node.text(deep=True).strip("\n"), 2, 2)

    def _blockquote(self, node: LexborNode) -> None:
        def quoted(text: str) -> str:
            return "\n".join(f"> {line}" for line in text.strip("\n").split("\n"))

        self._framed(node, 2, 2, reserved=2, change=quoted)

    def _ul(self, node: LexborNode) -> None:
        self._list(node, lambda place: "* ")

    def _ol(self, node: LexborNode) -> None:
        first = node.attributes.get("start") or "1"
        start = int(first) if first.isdecimal() else 1
        self._list(node, lambda place: f"{start + place}. ")

    def _list(self, node: LexborNode, mark: Callable[[int], str]) -> None:
        items = [one for one in children(node) if one.is_element_node and one.tag == "li"]
        if not items:
            return
        nested = node.parent is not None and node.parent.tag == "li"
        before, after = ("", 1) if nested else (" ", 2)
        width = len(before) + max(len(mark(place)) for place in range(len(items)))
        self.stack.append(Block(1, self.block.width))
        for place, one in enumerate(items):
            prefix = (before + mark(place)).ljust(width)

            def hung(text: str, prefix: str = prefix) -> str:
                return prefix + text.replace("\n", "\n" + " " * len(prefix))

            self._framed(one, 1, 1, reserved=width, change=hung)
        done = self.stack.pop()
        self.block.add(done.text(), 1, after)


OWN = ("a", "img", "br", "hr", "wbr", "pre", "blockquote", "ul", "ol")
