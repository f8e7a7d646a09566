"""HTML as Markdown, laid out as the node-html-markdown library does: what n8n's node gives."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from selectolax.lexbor import LexborNode

from workflows.nodes.markup.tree import children, not_too_deep, parse, raw_text

BLOCK_TAGS = """
    address article aside audio blockquote body canvas center dd dir div dl dt fieldset
    figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html isindex li
    main menu nav noframes noscript ol output p pre section table tbody td tfoot th thead tr ul
"""
SILENT_TAGS = """
    area base col command embed head input keygen link meta param script source style track wbr
"""
BLOCKS, SILENT = frozenset(BLOCK_TAGS.split()), frozenset(SILENT_TAGS.split())
DOCTYPE = re.compile(r"\s*<!doctype[^>]*>([^\S\r\n]?)", re.IGNORECASE)
SPECIAL = re.compile(r"[\\`*_~\[\]]")
LINE_START = re.compile(r"^(\s*?)(\+\s|[=>-]|#{1,6}\s)|(?<!\d)(\d+)(\.\s)", re.MULTILINE)
IN_LINK = str.maketrans({"(": "%28", ")": "%29", "_": "%5F", "*": "%2A"})
HEADING = re.compile(r"h[1-6]")


@dataclass(frozen=True)
class Style:
    """How Markdown is written; names as in node-html-markdown."""

    bullet: str = "*"
    fence: str = "```"
    indented_code: bool = False
    emphasis: str = "_"
    strong: str = "**"
    ignore: Sequence[str] = ()
    blocks: Sequence[str] = ()
    newlines: int = 3  # at most one after another
    data_images: bool = False
    references: bool = False  # whether addresses stand at the end
    escape: tuple[str, str] | None = None  # instead of the usual escaping
    escape_start: tuple[str, str] | None = None
    replacements: Sequence[tuple[str, str]] = ()


def markdown(html: str, style: Style) -> str:
    """Return HTML as Markdown; NodeError where it is nested too deeply."""
    tree = parse(html)
    writer = Writer(style)
    doctype = DOCTYPE.match(html)
    if doctype and doctype[1]:
        writer.add(" ")  # the space behind a doctype is text to n8n
    if tree.root is not None:
        with not_too_deep():
            writer.visit(tree.root, Place())
    return writer.finished()


@dataclass
class Listing:
    """A list under way."""

    ordered: bool
    level: int
    number: int = 0


@dataclass(frozen=True)
class Place:
    """Where in the document the writer is. `mode`: "", code, link, table, row or cell."""

    mode: str = ""
    raw: bool = False  # whether text is not escaped
    keep_space: bool = False
    listing: Listing | None = None


@dataclass(frozen=True)
class Rule:
    """How one element is written. `finish` may return None: then nothing is written of it."""

    around: int = 0  # newlines before and after
    before: str = ""
    after: str = ""
    content: str | None = None
    finish: Callable[[str], str | None] | None = None
    spaced: bool = False  # whether a space parts it from the same character before it
    inside: dict[str, object] = field(default_factory=dict)  # changes of place


class Writer:
    """The conversion of one document."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.blocks = BLOCKS | {one.lower() for one in style.blocks}
        self.silent = (SILENT | {one.lower() for one in style.ignore}) - self.blocks
        self.parts: list[list[str]] = [[]]
        self.addresses: list[str] = []
        self.caption = ""

    # -- output ----------------------------------------------------------------------------------

    def add(self, text: str) -> None:
        """Write text."""
        if text:
            self.parts[-1].append(text)

    def newlines(self, count: int) -> None:
        """See that what was written ends with so many newlines."""
        self.add("\n" * (count - self._tail().count("\n")))

    def _tail(self) -> str:
        """Return the white space at the end."""
        tail = ""
        for part in reversed(self.parts):
            for text in reversed(part):
                bare = text.rstrip()
                tail = text[len(bare) :] + tail
                if bare:
                    return tail
        return tail

    def _last(self) -> str:
        return next((part[-1][-1] for part in reversed(self.parts) if part), "")

    def finished(self) -> str:
        """Return all that was written."""
        text = "".join(self.parts[0])
        if self.style.references:
            text = text.rstrip("\n") + "\n"
            text += "".join(f"\n[{n}]: {url}" for n, url in enumerate(self.addresses, 1))
        if self.style.newlines:
            text = re.sub(r"\n\s*", lambda m: _last_lines(m[0], self.style.newlines), text)
        return text.strip("\n")

    # -- walking ---------------------------------------------------------------------------------

    def visit(self, node: LexborNode, place: Place) -> None:
        """Write a node and what is in it."""
        if node.is_text_node:
            self._text(raw_text(node), place)
        elif node.is_element_node:
            self._element(node, node.tag or "", place)

    def _text(self, text: str, place: Place) -> None:
        if not text.strip() and not place.keep_space:
            if (self._last() or len(self.parts) > 1) and not self._tail():
                self.add(" ")
            return
        if not place.keep_space:
            text = re.sub(r"\s+", " ", _edges_trimmed(text))
        self.add(text if place.raw else self._escaped(text))

    def _escaped(self, text: str) -> str:
        style = self.style
        text = text.replace(*style.escape, 1) if style.escape else SPECIAL.sub(_backslashed, text)
        if style.escape_start:
            text = text.replace(*style.escape_start, 1)
        else:
            text = LINE_START.sub(_start_escaped, text)
        for pattern, replacement in style.replacements:
            text = text.replace(pattern, replacement, 1)
        return text

    def _element(self, node: LexborNode, tag: str, place: Place) -> None:
        if place.mode in ("", "code") and tag in self.silent:
            return
        if tag in ("ul", "ol"):
            level = place.listing.level + 1 if place.listing else 0
            inside = replace(place, listing=Listing(tag == "ol", level))
        else:
            inside = replace(place, keep_space=True) if tag == "pre" else place
        rule = self._rule(node, tag, place)
        if rule is None:
            for child in children(node):
                self.visit(child, inside)
            return
        mark = len(self.parts[-1])
        self.newlines(rule.around)
        self.add(rule.before)
        if rule.content is not None:
            self._add_apart(rule.content, rule)
        elif not self._inside(node, rule, replace(inside, **rule.inside)):
            del self.parts[-1][mark:]
            return
        self.add(rule.after)
        self.newlines(rule.around)

    def _inside(self, node: LexborNode, rule: Rule, place: Place) -> bool:
        """Write what is in an element; False when its rule wants nothing of it."""
        if rule.finish is None:
            for child in children(node):
                self.visit(child, place)
            return True
        self.parts.append([])
        for child in children(node):
            self.visit(child, place)
        done = rule.finish("".join(self.parts.pop()))
        if done is None:
            return False
        self._add_apart(done, rule)
        return True

    def _add_apart(self, text: str, rule: Rule) -> None:
        if rule.spaced and text and self._last() == text[0]:
            self.add(" ")
        self.add(text)

    # -- rules -----------------------------------------------------------------------------------

    def _rule(self, node: LexborNode, tag: str, place: Place) -> Rule | None:
        handler = HANDLERS.get(place.mode, {}).get(tag)
        if handler is None and place.mode == "" and HEADING.fullmatch(tag):
            return Rule(around=2, before="#" * int(tag[1]) + " ")
        around = 2 if place.mode in ("", "code") and tag in self.blocks else 0
        if handler is not None:
            rule = handler(self, node, place)
            return replace(rule, around=rule.around or around) if rule else None
        return Rule(around=around) if around else None

    def _strong(self, node: LexborNode, place: Place) -> Rule:
        return self._framed(self.style.strong)

    def _emphasis(self, node: LexborNode, place: Place) -> Rule:
        return self._framed(self.style.emphasis)

    def _struck(self, node: LexborNode, place: Place) -> Rule:
        return self._framed("~~")

    def _framed(self, mark: str) -> Rule:
        return Rule(finish=lambda text: _surrounded(text, mark), spaced=True)

    def _break(self, node: LexborNode, place: Place) -> Rule:
        return Rule(content="  \n" if place.mode == "" else "\n")

    def _line(self, node: LexborNode, place: Place) -> Rule:
        return Rule(content="\n" if place.mode == "link" else "---")

    def _pre(self, node: LexborNode, place: Place) -> Rule:
        return Rule(inside={"raw": True, "keep_space": True})

    def _list(self, node: LexborNode, place: Place) -> Rule:
        return Rule(around=1)

    def _entry(self, node: LexborNode, place: Place) -> Rule:
        listing = place.listing or Listing(ordered=False, level=0)
        listing.number += 1
        indent = "   " * listing.level
        mark = f"{listing.number}." if listing.ordered else self.style.bullet

        def finish(text: str) -> str | None:
            if not text.strip():
                listing.number -= 1
                return None
            text = re.sub(r"([^\r\n])(?:\r?\n)+", rf"\1  \n{indent}", text.strip())
            return re.sub(r"(?<=\S)[^\S\r\n]+$", "  ", text, flags=re.MULTILINE)

        return Rule(around=1, before=f"{indent}{mark} ", finish=finish)

    def _quote(self, node: LexborNode, place: Place) -> Rule:
        return Rule(
            finish=lambda text: re.sub(
                r"^(>*)[^\S\r\n]?", r">\1 ", text.strip("\n"), flags=re.MULTILINE
            )
        )

    def _code(self, node: LexborNode, place: Place) -> Rule:
        parent = node.parent
        if parent is None or parent.tag != "pre" or len(children(parent)) > 1:
            return Rule(finish=_ticked, spaced=True, inside={"raw": True})
        inside: dict[str, object] = {"raw": True, "mode": "code"}
        if self.style.indented_code:
            return Rule(
                finish=lambda text: re.sub("^", "    ", text, flags=re.MULTILINE), inside=inside
            )
        language = re.search(r"language-(\S+)", node.attributes.get("class") or "")
        fence = self.style.fence
        opening = f"{fence}{language[1] if language else ''}\n"
        return Rule(before=opening, after=f"\n{fence}", inside=inside)

    def _link(self, node: LexborNode, place: Place) -> Rule | None:
        href = node.attributes.get("href")
        if not href:
            return Rule()
        address = href.translate(IN_LINK)
        if node.text(deep=True) == href:
            return Rule(content=f"<{address}>")
        title = node.attributes.get("title")
        if self.style.references:
            if address not in self.addresses:
                self.addresses.append(address)
            behind = f"[{self.addresses.index(address) + 1}]"
        else:
            behind = f'({address} "{title}")' if title else f"({address})"
        return Rule(
            before="[",
            after=f"]{behind}",
            finish=lambda text: re.sub(r"(?:\r?\n)+", " ", text),
            inside={"mode": "link"},
        )

    def _image(self, node: LexborNode, place: Place) -> Rule:
        source = node.attributes.get("src") or ""
        is_data = source.lower().startswith("data:")
        if not source or place.mode == "code" or (is_data and not self.style.data_images):
            return Rule(content="")
        title = node.attributes.get("title")
        behind = f' "{title}"' if title else ""
        return Rule(content=f"![{node.attributes.get('alt') or ''}]({source}{behind})")

    def _table(self, node: LexborNode, place: Place) -> Rule:
        self.caption = ""
        return Rule(around=2, finish=self._laid_out, inside={"mode": "table"})

    def _laid_out(self, text: str) -> str | None:
        rows = [_cells(line) for line in text.split("\n") if line.strip()]
        if not rows:
            return None
        count = max(map(len, rows))
        rows = [row + [""] * (count - len(row)) for row in rows]
        widths = [max(len(row[place]) for row in rows) for place in range(count)]
        lines = [_table_line(row, widths) for row in rows]
        lines.insert(1, _table_line(["-" * width for width in widths], widths))
        return (f"{self.caption}\n" if self.caption else "") + "\n".join(lines) + "\n"

    def _caption(self, node: LexborNode, place: Place) -> Rule:
        def finish(text: str) -> None:
            words = re.sub(r"(?:\r?\n)+", " ", text).strip()
            self.caption = f"__{words}__" if words else ""

        return Rule(finish=finish, inside={"mode": "cell"})

    def _row(self, node: LexborNode, place: Place) -> Rule:
        def finish(text: str) -> str | None:
            return text if re.search(r" \|\s*$", text) else None

        return Rule(before="| ", after="\n", finish=finish, inside={"mode": "row"})

    def _cell(self, node: LexborNode, place: Place) -> Rule:
        def finish(text: str) -> str:
            text = text.strip("\n").replace("|", "\\|", 1)
            return re.sub(r"(?:\r?\n)+", " ", text).strip()

        return Rule(before=" ", after=" |", finish=finish, inside={"mode": "cell"})

    def _code_heading(self, node: LexborNode, place: Place) -> Rule:
        return Rule(before="[", after="]")

    def _code_row(self, node: LexborNode, place: Place) -> Rule:
        return Rule(around=1)


Handler = Callable[[Writer, LexborNode, Place], Rule | None]
RUNNING: dict[str, Handler] = {
    "strong": Writer._strong, "b": Writer._strong, "del": Writer._struck, "s": Writer._struck,
    "strike": Writer._struck, "em": Writer._emphasis, "i": Writer._emphasis, "img": Writer._image,
}  # fmt: skip
LISTS: dict[str, Handler] = {"ol": Writer._list, "ul": Writer._list, "li": Writer._entry}
CELLS: dict[str, Handler] = {"th": Writer._cell, "td": Writer._cell}
BREAKS: dict[str, Handler] = {"br": Writer._break, "hr": Writer._line}
HANDLERS: dict[str, dict[str, Handler]] = {
    "": RUNNING | LISTS | BREAKS | {
        "pre": Writer._pre, "blockquote": Writer._quote, "code": Writer._code, "a": Writer._link,
        "table": Writer._table,
    },
    "code": LISTS | BREAKS | {"img": Writer._image, "tr": Writer._code_row} | {
        f"h{level}": Writer._code_heading for level in range(1, 7)
    },
    "link": RUNNING | BREAKS | {"pre": Writer._pre},
    "table": CELLS | {"caption": Writer._caption, "tr": Writer._row},
    "row": CELLS,
    "cell": RUNNING | {"a": Writer._link},
}  # fmt: skip


def _last_lines(space: str, most: int) -> str:
    """Return the end of white space from where at most so many newlines are left."""
    places = [n for n, char in enumerate(space) if char == "\n"]
    return space[places[-most] :] if len(places) > most else space


def _edges_trimmed(text: str) -> str:
    """Return text with one space at most at its ends; none where a line ends there (n8n)."""
    bare = text.strip()
    before, _, after = text.partition(bare)
    return f"{' ' * _is_space(before[-1:])}{bare}{' ' * _is_space(after[:1])}"


def _is_space(char: str) -> bool:
    return char.isspace() and char not in "\r\n"


def _backslashed(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def _start_escaped(match: re.Match[str]) -> str:
    space, mark, digits, dot = (one or "" for one in match.groups())
    return f"{space}{digits}\\{mark}{dot}"


def _surrounded(text: str, mark: str) -> str | None:
    """Put marks around text, line by line, the white space at its ends outside."""
    if not text.strip():
        return None
    return "\n".join(
        f"{line[: len(line) - len(line.lstrip())]}{mark}{line.strip()}{mark}"
        f"{line[len(line.rstrip()) :]}"
        if line.strip()
        else line
        for line in text.split("\n")
    )


def _ticked(text: str) -> str:
    """Put text in backticks, more of them than are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks, space = "`" * (longest + 1), " " if longest else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _cells(line: str) -> list[str]:
    line = re.sub(r"^\|\s+", "", line.strip())
    return [cell.strip() for cell in re.sub(r"\s*\|$", "", line).split(" |")]


def _table_line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
