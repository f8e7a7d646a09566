"""Reading and keeping the binary data of items, and doing work item by item."""

from collections.abc import Awaitable, Callable
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.nodes.files.kinds import mime_of

Work = Callable[[int, Item], Awaitable[Items]]


async def for_each(context: Context, work: Work) -> Items:
    """Do the work for each item; where the node goes on, a failure becomes an item with it."""
    made: Items = []
    for index, one in context.each():
        try:
            made += await work(index, one)
        except NodeError as error:
            if not context.goes_on:
                context.blamed(error, index)
                raise
            made.append(context.failed(error, index))
    return made


def record_of(one: Item, field: str) -> dict[str, Any]:
    """Return the record of a binary field; NodeError when the item has none of that name."""
    found = (one.get("binary") or {}).get(field)
    if not isinstance(found, dict):
        raise NodeError(
            "This operation expects the node's input data to contain a binary file "
            f"'{field}', but none was found",
            description="Make sure that the node before gives a binary file under this name.",
        )
    return found


async def read(context: Context, one: Item, field: str) -> bytes:
    """Return the bytes of a binary field of an item."""
    return await context.outside.bytes_of(record_of(one, field))


async def keep(
    context: Context, data: bytes, *, mime: str = "", name: str = "", directory: str = ""
) -> dict[str, Any]:
    """Store bytes and return their record; the MIME type is guessed where none is given."""
    found = await context.outside.keep(data, mime=mime or mime_of(name, data), name=name)
    return {**found, "directory": directory} if directory else found


def without(one: Item, field: str) -> dict[str, Any]:
    """Return an item's binary data less one field."""
    return {key: value for key, value in (one.get("binary") or {}).items() if key != field}
