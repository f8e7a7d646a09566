"""Feeds from where they are published."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from workflows.engine.errors import NodeError
from workflows.engine.node import Answer, Outside
from workflows.nodes.markup import feeds

ACCEPT = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.8"}
DECLARED = re.compile(rb"""^\s*<\?xml[^>]*encoding=["']([\w.-]+)["']""")


def check(url: str) -> None:
    """Refuse what is no web address; raises NodeError."""
    if not url:
        raise NodeError('The parameter "URL" has to be set!')
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise NodeError('The provided "URL" is not valid!', description=f"It is {url!r}.")


async def read(outside: Outside, url: str, custom: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the entries of the feed at an address; `custom` are further elements to take over.

    Raises:
        NodeError: there is no feed.
    """
    async with outside.http("GET", url, headers=ACCEPT) as answer:
        if not 200 <= answer.status < 300:
            raise NodeError(f"The feed could not be read: status code {answer.status}")
        xml = _decoded(await answer.read(), answer)
    return feeds.entries(xml, custom)


def _decoded(body: bytes, answer: Answer) -> str:
    kind = next((v for k, v in answer.headers.items() if k.lower() == "content-type"), "")
    found = re.search(r"charset=[\"']?([\w.-]+)", kind, re.IGNORECASE)
    declared = DECLARED.match(body)
    name = found[1] if found else declared[1].decode() if declared else "utf-8"
    try:
        return body.decode(name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
