"""What a look has not seen before. How far it has seen stands in the node's static data."""

import hashlib
from collections.abc import Sequence

from workflows.engine.items import Item, Items
from workflows.engine.node import Context

SEEN = "seen"
LEAST = 1000
"""Keys that are remembered at least, so that what comes back is not new."""
PRODUCTION = "production"


def looks(context: Context) -> bool:
    """Whether a trigger asks; else somebody who builds, who wants to see what there is."""
    return context.scope.execution.get("mode") == PRODUCTION


def unseen(context: Context, found: Sequence[tuple[str, Item]]) -> Items:
    """Return the items whose keys are new, in their order, and remember all keys.

    The first look remembers and gives nothing. A run by hand gives the first item, if there is any,
    and remembers nothing.
    """
    if not looks(context):
        return [item for _, item in found[:1]]
    known: list[str] | None = context.static.get(SEEN)
    keyed = {_short(key): item for key, item in reversed(found)}
    keys = list(reversed(keyed))
    old = set(known or ())
    older = [key for key in known or () if key not in keyed]
    context.static[SEEN] = (keys + older)[: max(LEAST, len(keys))]
    return [] if known is None else [keyed[key] for key in keys if key not in old]


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
