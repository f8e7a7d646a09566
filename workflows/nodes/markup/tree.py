"""HTML as a tree, and finding elements in it by CSS selectors with jQuery's additions."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from workflows.engine.errors import NodeError

Elements = Sequence[LexborNode]
ADDED = re.compile(
    r""":(first|last|even|odd|eq|gt|lt|contains)(?:\(\s*(?:"([^"]*)"|'([^']*)'|([^()]*?))\s*\))?"""
)
FRAGMENT_END = re.compile(r"(?=[\s>+~,])|$")


def parse(html: str) -> LexborHTMLParser:
    """Read HTML as a browser does: what is missing or wrong is made good."""
    return LexborHTMLParser(html)


def select(root: LexborHTMLParser | LexborNode, selector: str) -> list[LexborNode]:
    """Return the elements a selector means, in document order.

    jQuery's :first, :last, :eq(), :gt(), :lt(), :even, :odd and :contains() may end a selector.

    Raises:
        NodeError: the selector is no CSS, or has one of these in its middle.
    """
    found: dict[int, LexborNode] = {}
    for part in _parts(selector):
        found.update((one.mem_id, one) for one in _select_one(root, part))
    return list(found.values())


def _parts(selector: str) -> list[str]:
    """Split at commas outside of brackets, where a part needs jQuery's additions."""
    if not ADDED.search(selector):
        return [selector]
    return [part.strip() for part in re.split(r",(?![^(\[]*[)\]])", selector)]


def _select_one(root: LexborHTMLParser | LexborNode, selector: str) -> Elements:
    filters: list[tuple[str, str]] = []
    while (match := _last_added(selector)) is not None:
        filters.insert(0, (match[1], next((g for g in match.groups()[1:] if g is not None), "")))
        selector = selector[: match.start()]
    if ADDED.search(selector):
        raise NodeError(
            f"The CSS selector '{selector}' is not supported",
            description="Selectors such as :first and :contains() work at its end only.",
        )
    try:
        found: Elements = root.css(selector.strip() or "*")
    except (SelectolaxError, ValueError) as error:
        raise NodeError(f"The CSS selector '{selector}' is not valid: {error}") from None
    for name, argument in filters:
        found = _filtered(found, name, argument, selector)
    return found


def _last_added(selector: str) -> re.Match[str] | None:
    matches = [m for m in ADDED.finditer(selector) if m.end() == len(selector.rstrip())]
    return matches[-1] if matches else None


def _filtered(found: Elements, name: str, argument: str, selector: str) -> Elements:
    if name == "contains":
        return [one for one in found if argument in one.text(deep=True)]
    if name in ("eq", "gt", "lt"):
        if not re.fullmatch(r"-?\d+", argument):
            raise NodeError(f"'{selector}:{name}({argument})' needs a whole number")
        place = int(argument)
        cuts: dict[str, Callable[[], Elements]] = {
            "eq": lambda: found[place:][:1] if place >= -len(found) else [],
            "gt": lambda: found[place + 1 :],
            "lt": lambda: found[:place],
        }
        return cuts[name]()
    return {"first": found[:1], "last": found[-1:], "even": found[::2], "odd": found[1::2]}[name]


@contextmanager
def not_too_deep() -> Iterator[None]:
    """Tell of HTML that is nested deeper than it can be walked."""
    try:
        yield
    except RecursionError:
        raise NodeError("The HTML is nested too deeply to be read") from None


def children(node: LexborNode) -> list[LexborNode]:
    """Return what an element holds: elements, texts and comments."""
    return list(node.iter(include_text=True))


def raw_text(node: LexborNode) -> str:
    """Return the text of a text node as it stands, entities resolved."""
    return node.text_content or ""
