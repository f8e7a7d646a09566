"""Markdown of model answers as safe HTML: an allow-list decides, whatever the model wrote."""

from functools import cache
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    plain = MarkdownIt("commonmark", {"html": False, "linkify": False})
    return plain.enable(["table", "strikethrough"])


def render_markdown(text: str) -> SafeString:
    """Return answer text as HTML without scripts, styles, images, forms or htmx attributes.

    Images are left out altogether: fetching one would tell its server who reads what.
    """
    import nh3  # with the first answer that is looked at

    html = nh3.clean(
        _parser().render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)  # noqa: S308  (cleaned by the allow-list above)
