"""RSS Read."""

import re
from urllib.parse import urlsplit

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs, pairs
from workflows.engine.node import Answer, Context, Node, Unsupported
from workflows.engine.parameters import collection, flag, since, text
from workflows.nodes import shelf
from workflows.nodes.lists.paths import names
from workflows.nodes.markup import feeds

ACCEPT = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.8"}
DECLARED = re.compile(rb"""^\s*<\?xml[^>]*encoding=["']([\w.-]+)["']""")


@shelf.add
class RssFeedRead(Node):
    """Read the entries of an RSS or Atom feed."""

    key = "n8n-nodes-base.rssFeedRead"
    label = "RSS Read"
    group = "Input"
    icon = "rss"
    hint = "Read data from an RSS feed"
    versions = (1, 1.1, 1.2)
    reaches_out = True
    fields = (
        text("url", "URL", required=True, hint="The address of the feed"),
        collection(
            "options",
            "Options",
            text(
                "customFields",
                "Custom Fields",
                hint="Further elements to take over, with commas between them",
                versions=since(1.2),
            ),
            flag("ignoreSSL", "Ignore SSL Issues (Insecure)"),
        ),
    )
    unsupported = (Unsupported("options.ignoreSSL", why="is not supported: it would hide attacks"),)

    async def run(self, context: Context) -> Outputs:
        """Read a feed for each item; version 1 for the first one only."""
        count = len(context.items) if context.version > 1 else min(len(context.items), 1)
        made: Items = []
        for index in range(count):
            try:
                made += await _entries(context, index)
            except NodeError as error:
                if not context.goes_on:
                    raise context.blamed(error, index) from None
                made.append(context.failed(error, index))
        return [made]


async def _entries(context: Context, index: int) -> Items:
    url = str(context.value("url", index, "") or "")
    if not url:
        raise NodeError('The parameter "URL" has to be set!')
    if urlsplit(url).scheme not in ("http", "https"):
        raise NodeError('The provided "URL" is not valid!', description=f"It is {url!r}.")
    custom = names(context.value("options.customFields", index, ""), "Custom Fields")
    async with context.outside.http("GET", url, headers=ACCEPT) as answer:
        if not 200 <= answer.status < 300:
            raise NodeError(f"The feed could not be read: status code {answer.status}")
        xml = _decoded(await answer.read(), answer)
    places = range(len(context.items)) if context.version <= 1 else [index]
    return [{"json": one, "pairedItem": pairs(places)} for one in feeds.entries(xml, custom)]


def _decoded(body: bytes, answer: Answer) -> str:
    kind = next((v for k, v in answer.headers.items() if k.lower() == "content-type"), "")
    found = re.search(r"charset=[\"']?([\w.-]+)", kind, re.IGNORECASE)
    declared = DECLARED.match(body)
    name = found[1] if found else declared[1].decode() if declared else "utf-8"
    try:
        return body.decode(name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
