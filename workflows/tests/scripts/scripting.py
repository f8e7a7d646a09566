"""What tests of scripts share: a scope to evaluate in, and short ways to ask."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from workflows.engine.items import Source
from workflows.engine.scripts import Scope
from workflows.scripts.session import Session


@dataclass
class Past:
    """One earlier run of a node."""

    outputs: list[Any]
    sources: list[Source | None]


def scope(*json, past=None, sources=None, nodes=None, **more):
    """A node N after node D, which gave one item for each JSON object."""
    arriving = [{"json": one, "pairedItem": {"item": n}} for n, one in enumerate(json or ({},))]
    if past is None:
        past = {"D": [Past([arriving], [])]}
    nodes = nodes or {"D": {"parents": []}, "N": {"parents": ["D"]}}
    made = Scope(
        node="N", node_type="n8n-nodes-base.set", node_version=3.4, node_id="n-1", run_index=0,
        items=arriving, sources=sources or [Source("D")], parameters={}, state={}, states={},
        past=lambda name: past.get(name, []), nodes=nodes, wired=lambda name: None,
        workflow={"id": "7", "name": "W", "active": False},
        execution={"id": "1", "mode": "test"}, timezone="Europe/Berlin",
    )  # fmt: skip
    return replace(made, **more)


def columns(templates, where=None, pool=None, **more):
    """Evaluate templates over all items of a scope in a session of their own."""
    where = where or scope()

    async def ask():
        session = Session(pool, **more)
        try:
            return await session.evaluate(templates, where, range(len(where.items)))
        finally:
            await session.close()

    return asyncio.run(ask())


def value(template, where=None, pool=None, **more):
    """Evaluate one template for the first item; raises its error."""
    column = columns([template], where, pool, **more)[0]
    if 0 in column.errors:
        raise column.errors[0]
    return column.values[0]


def code(source, where=None, pool=None, *, each=False, style="code", limit=10.0):
    """Run code in a session of its own."""

    async def ask():
        session = Session(pool)
        try:
            return await session.run_code(
                source, where or scope(), each=each, style=style, limit=limit
            )
        finally:
            await session.close()

    return asyncio.run(ask())
