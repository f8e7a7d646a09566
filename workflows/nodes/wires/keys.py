"""A Redis server: signing in over a checked socket, and what the node asks of it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any, cast

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items
from workflows.engine.node import Context
from workflows.nodes.lists import paths
from workflows.nodes.wires.reaching import LONGEST, PATIENCE, Place, Taken

LARGEST = 64 * 2**20
"""Bytes of one value."""


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[tuple[Place, Any]]:
    """Yield the server and a client that has signed in; what the server refuses is a NodeError."""
    import ssl

    from redis import exceptions  # heavy
    from redis.asyncio import Connection, ConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    taken = await place.connect()
    tls = {"ssl": ssl.create_default_context(), "server_hostname": place.host}

    class Checked(Connection):
        def _connection_arguments(self) -> dict[str, Any]:
            return {"sock": taken, **(tls if place.values.get("ssl") else {})}

    pool = ConnectionPool(
        connection_class=Checked, max_connections=1, host=place.host, port=place.port,
        username=place.text("user") or None, password=place.text("password") or None,
        db=int(place.values.get("database") or 0), decode_responses=True,
        encoding_errors="replace", socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0),
        protocol=2,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LONGEST), Redis(connection_pool=pool) as client:
            await cast("Awaitable[Any]", client.ping())
            yield place, client
    except ssl.SSLError as error:
        raise place.no_tls(error) from error
    except (TimeoutError, exceptions.TimeoutError) as error:
        raise place.silent() from error
    except (exceptions.RedisError, OSError) as error:
        raise place.failed(error) from error
    finally:
        await pool.disconnect()
        taken.close()


class Commands:
    """What the node asks of the server for one item after another."""

    def __init__(self, context: Context, place: Place, client: Any, taken: Taken) -> None:
        self.context = context
        self.place = place
        self.client = client
        self.taken = taken

    async def item(self, index: int, one: Item) -> Items:
        """Return what an item becomes."""
        from redis.exceptions import ResponseError  # heavy

        name = str(self.context.value("operation", index))
        work = getattr(self, f"_{name}", None) if name in _OPERATIONS else None
        if work is None:
            raise NodeError(f"Operation: there is no {name!r}; there are {', '.join(_OPERATIONS)}.")
        try:
            found = await work(index, one)
        except ResponseError as error:
            raise self.place.failed(error) from error
        return [{**_kept(one, found), "pairedItem": {"item": index}}]

    def text(self, name: str, index: int, label: str) -> str:
        """Return a parameter as text; NodeError when it is empty."""
        found = self.context.value(name, index)
        if found is None or found == "":
            raise NodeError(f"{label}: it is empty.")
        return written(found)

    # -- operations --------------------------------------------------------------------------

    async def _delete(self, index: int, one: Item) -> Any:
        await self.client.delete(self.text("key", index, "Key"))

    async def _get(self, index: int, one: Item) -> Any:
        key = self.text("key", index, "Key")
        wanted = str(self.context.value("keyType", index))
        value = await self._read(key, wanted)
        return self._put(index, one["json"], value)

    async def _set(self, index: int, one: Item) -> Any:
        key = self.text("key", index, "Key")
        value = self.context.value("value", index)
        kind = str(self.context.value("keyType", index))
        if kind == "automatic":
            kind = {dict: "hash", list: "list"}.get(type(value), "string")
        pipe = self.client.pipeline(transaction=True)
        if kind == "string":
            pipe.set(key, written(value))
        else:
            pipe.delete(key)
            if kind == "hash":
                pipe.hset(key, mapping=_pairs(value, self.context.value("valueIsJSON", index)))
            elif kind == "list":
                pipe.rpush(key, *_listed(value))
            else:
                pipe.sadd(key, *_listed(value))
        if self.context.value("expire", index):
            pipe.expire(key, _seconds(self.context.value("ttl", index)))
        await pipe.execute()

    async def _incr(self, index: int, one: Item) -> Any:
        key = self.text("key", index, "Key")
        pipe = self.client.pipeline(transaction=True)
        pipe.incr(key)
        if self.context.value("expire", index):
            pipe.expire(key, _seconds(self.context.value("ttl", index)))
        return {key: (await pipe.execute())[0]}

    async def _info(self, index: int, one: Item) -> Any:
        return await self.client.info()

    async def _keys(self, index: int, one: Item) -> Any:
        pattern = self.text("keyPattern", index, "Key Pattern")
        found: dict[str, None] = {}
        async for key in self.client.scan_iter(match=pattern, count=1000):
            if key not in found:
                self.taken.add(key)
                found[key] = None
        if not self.context.value("getValues", index):
            return {"keys": list(found)}
        return {key: await self._read(key, "automatic") for key in found}

    async def _push(self, index: int, one: Item) -> Any:
        key = self.text("list", index, "List")
        data = self.text("messageData", index, "Data")
        push = self.client.rpush if self.context.value("tail", index) else self.client.lpush
        await push(key, data)

    async def _pop(self, index: int, one: Item) -> Any:
        key = self.text("list", index, "List")
        pop = self.client.rpop if self.context.value("tail", index) else self.client.lpop
        value = await pop(key)
        self.taken.add(value)
        with contextlib.suppress(ValueError):  # it is text
            value = json.loads(value) if value is not None else None
        return self._put(index, {}, value)

    async def _publish(self, index: int, one: Item) -> Any:
        channel = self.text("channel", index, "Channel")
        await self.client.publish(channel, self.text("messageData", index, "Data"))

    # -- inside ------------------------------------------------------------------------------

    def _put(self, index: int, into: dict[str, Any], value: Any) -> dict[str, Any]:
        name = self.text("propertyName", index, "Name")
        dots = self.context.value("options.dotNotation", index, True) is not False
        made = deepcopy(into)
        paths.put(made, name, value, dots=dots)
        return made

    async def _read(self, key: str, kind: str) -> Any:
        if kind == "automatic":
            kind = {"set": "sets"}.get(found := str(await self.client.type(key)), found)
        counts = {"string": "strlen", "list": "llen", "hash": "hlen", "sets": "scard"}
        if kind not in counts:
            return None  # no such key, or one no name of n8n's stands for
        count = await getattr(self.client, counts[kind])(key)
        if kind == "string" and count > LARGEST:
            raise NodeError(f"The value of {key!r} has {count:,} bytes; {LARGEST:,} can be read.")
        if kind != "string":
            self.taken.bounds.vet_items(count, f"The value of {key!r} has")
        value = await _READ[kind](self.client, key)
        if isinstance(value, set):
            value = sorted(value)
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        self.taken.add(*(parts if isinstance(parts, list) else [parts]))
        return value


_OPERATIONS = ("delete", "get", "incr", "info", "keys", "pop", "publish", "push", "set")
_READ = {
    "string": lambda client, key: client.get(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "hash": lambda client, key: client.hgetall(key),
    "sets": lambda client, key: client.smembers(key),
}


def _kept(one: Item, found: Any) -> Item:
    """Return the item as it came where the server gave nothing."""
    if found is not None:
        return {"json": found}
    return {key: value for key, value in one.items() if key in ("json", "binary")}


def written(value: Any) -> str:
    """Return a value as Redis keeps it: text, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pairs(value: Any, is_json: Any) -> dict[str, str]:
    if isinstance(value, str) and is_json is False:
        words = value.split()
        value = dict(zip(words[::2], words[1::2], strict=False)) if len(words) % 2 == 0 else None
    found = _parsed(value)
    if not isinstance(found, dict) or not found:
        raise NodeError("Value: a hash needs an object of JSON, with one name at least.")
    return {str(name): written(one) for name, one in found.items()}


def _listed(value: Any) -> list[str]:
    found = _parsed(value)
    if not isinstance(found, list) or not found:
        raise NodeError("Value: this key type needs a list of JSON, with one value at least.")
    return [written(one) for one in found]


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise NodeError(f"Value: it is no JSON: {error}") from error


def _seconds(value: Any) -> int:
    if isinstance(value, int | float) and value >= 1:
        return int(value)
    raise NodeError("TTL: enter a number of seconds, at least 1.")
