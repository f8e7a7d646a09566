"""Files for code: old scripts find a file's content as base64 in `binary.<name>.data`."""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.engine.scripts import Scope

ASKS = re.compile(r"\b(binary|\$binary|getBinaryData(Async)?)\b")
MOST_BYTES = 16 * 1024 * 1024
"""Files beyond this, all together, are not handed over."""
Known = dict[str, str]
"""What was handed over: base64 by the id of its record."""


async def scope_for(context: Context, source: str) -> tuple[Scope, Known]:
    """Return the scope for code; with the content of files where the code speaks of them."""
    scope, known = context.scope, Known()
    records = [record for item in scope.items for record in item.get("binary", {}).values()]
    if not records or not ASKS.search(source):
        return scope, known
    left = MOST_BYTES
    for record in records:
        if "id" not in record or record["id"] in known:
            continue
        # Asked of the store: what the record says of its size may be changed by code.
        size = await context.outside.size_of(record)
        if size > left:
            context.warn(_too_large(record, size, MOST_BYTES - left))
            break
        left -= size
        known[record["id"]] = base64.b64encode(await context.outside.bytes_of(record)).decode()
    return replace(scope, items=[_filled(item, known) for item in scope.items]), known


def _too_large(record: Mapping[str, Any], size: int, others: int) -> str:
    name = str(record.get("fileName") or "A file")[:100]
    beside = f", with {others:,} of the files before it" if others else ""
    return (
        f"{name} is too large for code to see its content: {size:,} bytes{beside}; "
        f"at most {MOST_BYTES:,} are handed over. Read it with Extract From File."
    )


def _filled(item: Item, known: Known) -> Item:
    if "binary" not in item:
        return item
    files = {
        name: {**record, "data": known[record["id"]]} if record.get("id") in known else record
        for name, record in item["binary"].items()
    }
    return {**item, "binary": files}


def settled(items: Items, known: Known) -> Items:
    """Return items without the content that was handed over; changed files stand by themselves."""
    if not known:
        return items
    return [
        {**item, "binary": {name: _settled(one, known) for name, one in item["binary"].items()}}
        if isinstance(item.get("binary"), dict)
        else item
        for item in items
    ]


def _settled(record: Any, known: Known) -> Any:
    if not isinstance(record, Mapping) or record.get("id") not in known:
        return record
    unchanged = record.get("data") in (None, known[record["id"]])
    return {key: value for key, value in record.items() if key != ("data" if unchanged else "id")}
