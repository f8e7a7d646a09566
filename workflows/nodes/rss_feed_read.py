"""RSS Read."""

from workflows.engine.errors import NodeError
from workflows.engine.items import Items, Outputs, pairs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import collection, flag, since, text
from workflows.nodes import shelf
from workflows.nodes.lists.paths import names
from workflows.nodes.markup import feed_pages as feeds


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
    feeds.check(url)
    custom = names(context.value("options.customFields", index, ""), "Custom Fields")
    found = await feeds.read(context.outside, url, custom)
    places = range(len(context.items)) if context.version <= 1 else [index]
    return [{"json": one, "pairedItem": pairs(places)} for one in found]
