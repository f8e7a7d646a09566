"""Redis: keys, lists and channels of a Redis or Valkey server."""

from typing import ClassVar

from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, flag, number, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.wires.keys import Commands, connected
from workflows.nodes.wires.reaching import Taken, place

_TYPES = {
    "automatic": "Automatic", "hash": "Hash", "list": "List", "sets": "Sets", "string": "String",
}  # fmt: skip
_DOTS = collection(
    "options",
    "Options",
    flag("dotNotation", "Support Dot Notation", True),
    when={"operation": ["get", "pop"]},
)


@shelf.add
class Redis(Node):
    """Read, write and delete keys, and send messages, once for each item."""

    key = "n8n-nodes-base.redis"
    label = "Redis"
    group = "Data"
    icon = "database"
    versions = (1,)
    reaches_out = True
    credentials = ("redis",)
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "operation", "Operation",
            {
                "delete": "Delete", "get": "Get", "incr": "Increment", "info": "Info",
                "keys": "Keys", "pop": "Pop", "publish": "Publish", "push": "Push", "set": "Set",
            },
            "info",
        ),
        text("propertyName", "Name", "propertyName", when={"operation": ["get"]}, required=True),
        text("key", "Key", when={"operation": ["delete", "get", "incr", "set"]}, required=True),
        choice("keyType", "Key Type", _TYPES, "automatic", when={"operation": ["get", "set"]}),
        text("keyPattern", "Key Pattern", when={"operation": ["keys"]}, required=True),
        flag("getValues", "Get Values", True, when={"operation": ["keys"]}),
        text("value", "Value", when={"operation": ["set"]}),
        flag("valueIsJSON", "Value Is JSON", True, when={"operation": ["set"], "keyType": ["hash"]}),  # noqa: E501
        flag("expire", "Expire", when={"operation": ["set", "incr"]}),
        number("ttl", "TTL (Seconds)", 60, when={"operation": ["set", "incr"], "expire": [True]}),
        text("channel", "Channel", when={"operation": ["publish"]}, required=True),
        text("list", "List", when={"operation": ["push", "pop"]}, required=True),
        text("messageData", "Data", when={"operation": ["publish", "push"]}, required=True),
        flag("tail", "Tail", when={"operation": ["push", "pop"]}),
        text("propertyName", "Name", "propertyName", when={"operation": ["pop"]}),
        _DOTS,
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Do what each item asks for, one after another over one connection."""
        if not context.items:
            return [[]]
        async with connected(await place(context, "redis", 6379)) as (server, client):
            commands = Commands(context, server, client, Taken(context))
            return [await blobs.for_each(context, commands.item)]
