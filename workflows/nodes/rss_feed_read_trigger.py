"""RSS Feed Trigger: starts the workflow with the new entries of a feed."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import text
from workflows.engine.triggers import POLL, Listener
from workflows.nodes import shelf
from workflows.nodes.clock import rules
from workflows.nodes.clock.news import unseen
from workflows.nodes.markup import feed_pages


@shelf.add
class RssFeedReadTrigger(Node):
    """Look at an RSS or Atom feed, and start with the entries that are new since the last look."""

    key = "n8n-nodes-base.rssFeedReadTrigger"
    label = "RSS Feed Trigger"
    group = "Triggers"
    icon = "rss"
    hint = "The first look only remembers what is there."
    input_names = ()
    starts = True
    reaches_out = True
    only_first = True
    fields = (
        rules.trigger_times("pollTimes", "Poll Times", "everyMinute"),
        text("feedUrl", "Feed URL", required=True, hint="The address of the feed"),
    )

    @classmethod
    def listeners(cls, spec: NodeSpec, parameters: Mapping[str, Any]) -> Sequence[Listener]:
        """Look at its poll times."""
        feed_pages.check(str(parameters.get("feedUrl") or ""))
        kept = tuple(one.kept() for one in rules.of_times(parameters, "pollTimes"))
        return [Listener(POLL, rules=kept)]

    async def run(self, context: Context) -> Outputs:
        """Give new entries; in a run by hand, the first of all."""
        url = str(context.value("feedUrl") or "")
        feed_pages.check(url)
        entries = await feed_pages.read(context.outside, url)
        return [unseen(context, [(_key(one), {"json": one}) for one in entries])]


def _key(entry: Mapping[str, Any]) -> str:
    for name in ("guid", "id", "link"):
        if entry.get(name):
            return str(entry[name])
    return f"{entry.get('title')} {entry.get('isoDate')} {entry.get('content')}"
