"""Pages of the reference that rooms write from their own declarations.

A room adds its pages at start; `manage.py reference` writes them beside the ground's own.
"""

from collections.abc import Callable, Mapping

Pages = Callable[[], Mapping[str, str]]
"""Returns the text of each page below docs/reference, by its path without `.md`."""

_writers: list[Pages] = []


def add(writer: Pages) -> Pages:
    """Have the pages of this writer written too."""
    if writer not in _writers:
        _writers.append(writer)
    return writer


def pages() -> dict[str, str]:
    """Return the pages of all rooms, by path."""
    return {path: text for writer in _writers for path, text in writer().items()}
