"""The blocks of a template: `{{ ... }}`, up to the first end. Found in one pass over the text."""

from collections.abc import Callable, Iterator


def places(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each block begins and ends."""
    at = 0
    while (begin := text.find("{{", at)) >= 0 and (end := text.find("}}", begin + 2)) >= 0:
        at = end + 2
        yield begin, at


def blocks(text: str) -> list[str]:
    """Return the blocks in order, each once."""
    return list(dict.fromkeys(text[begin:end] for begin, end in places(text)))


def replaced(text: str, give: Callable[[str], str]) -> str:
    """Return the text with each block replaced by what `give` returns for it."""
    parts, at = [], 0
    for begin, end in places(text):
        parts += [text[at:begin], give(text[begin:end])]
        at = end
    return "".join([*parts, text[at:]])
