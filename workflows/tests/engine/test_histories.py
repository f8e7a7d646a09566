"""A run that is cut off at any moment, and gone through again, ends as one that never was.

Random graphs with branches, loops, merges, waits and errors. WHOOSH_HISTORIES says how many.
"""

import asyncio
import os
import random
from typing import Any

import pytest

from workflows.engine.document import Document
from workflows.engine.driver import Driver, Surroundings
from workflows.engine.errors import NodeError, Parked
from workflows.engine.items import Item, Outputs, item
from workflows.engine.node import Context, Node
from workflows.engine.run import Step, read_steps
from workflows.engine.scripts import NoScripts
from workflows.tests.nodes.conftest import Memory

HISTORIES = int(os.environ.get("WHOOSH_HISTORIES", "300"))
MOST_HOPS, MOST_RUNS, MOST_ITEMS = 7, 5, 4


def hop(one: Item, index: int, name: str) -> Item:
    json = one["json"]
    trail = [*json.get("trail", []), name]
    return item({"n": json.get("n", 0) + 1, "trail": trail[-3:], "hops": json.get("hops", 0) + 1})


def passed(context: Context, items: list[Item]) -> list[Item]:
    """Move items on; loops end because hops, runs and items are counted."""
    moved = [hop(one, n, context.node.name) for n, one in enumerate(items)]
    going = [one for one in moved if one["json"]["hops"] < MOST_HOPS]
    return going[:MOST_ITEMS] if context.run_index < MOST_RUNS else []


class Plain(Node):
    key = label = "t.plain"

    async def run(self, context: Context) -> Outputs:
        return [passed(context, context.items)]


class Fork(Plain):
    key = label = "t.fork"
    output_names = ("yes", "no")

    async def run(self, context: Context) -> Outputs:
        (moved,) = await super().run(context)
        odd = [one["json"]["n"] % 2 for one in moved or ()]
        return [[one for one, no in zip(moved or (), odd, strict=True) if bool(no) == side]
                for side in (False, True)]  # fmt: skip


class Join(Plain):
    key = label = "t.join"
    input_names = ("a", "b")

    async def run(self, context: Context) -> Outputs:
        both = [one for items in context.inputs for one in items or ()]
        return [passed(context, both)]


class Counts(Plain):
    """Keeps something from run to run, as loops do."""

    key = label = "t.counts"

    async def run(self, context: Context) -> Outputs:
        context.state["runs"] = context.state.get("runs", 0) + len(context.items)
        (moved,) = await super().run(context)
        return [[item({**one["json"], "seen": context.state["runs"]}) for one in moved or ()]]


class Fails(Plain):
    key = label = "t.fails"

    async def run(self, context: Context) -> Outputs:
        three = any(one["json"].get("n", 0) % 3 == 0 for one in context.items)
        if three and context.run_index < MOST_RUNS:
            raise NodeError("three")
        return await super().run(context)


class Sleeps(Plain):
    key = label = "t.sleeps"

    async def run(self, context: Context) -> Outputs:
        raise Parked(until="2100-01-01T00:00:00Z", outputs=await super().run(context))


TYPES: dict[str, type[Node]] = {
    node.key: node for node in (Plain, Fork, Join, Counts, Fails, Sleeps)
}


def graph(rng: random.Random) -> Document:
    """A start and up to nine nodes, linked forwards and sometimes backwards."""
    names = [f"N{n}" for n in range(rng.randint(2, 10))]
    nodes: list[dict[str, Any]] = []
    for name in names:
        nodes.append({
            "name": name, "type": rng.choice(list(TYPES)) if nodes else "t.plain",
            "position": [rng.randrange(5) * 100, rng.randrange(5) * 100],
            "onError": rng.choice(["stopWorkflow", "continueRegularOutput", "continueErrorOutput"]),
        })  # fmt: skip
    links: dict[str, Any] = {}
    loops = rng.random() < 0.5
    for node in nodes:
        # In a loop these would go on for ever: nobody counts.
        node["alwaysOutputData"] = not loops and rng.random() < 0.15
        node["disabled"] = not loops and node is not nodes[0] and rng.random() < 0.1
    for place, name in enumerate(names[1:], 1):
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            back = loops and rng.random() < 0.2
            origin = rng.choice(names[place:]) if back else rng.choice(names[:place])
            kind = next(one["type"] for one in nodes if one["name"] == origin)
            inputs = 2 if nodes[place]["type"] == "t.join" else 1
            outputs = links.setdefault(origin, {"main": [[], [], []]})["main"]
            end = {"node": name, "type": "main", "index": rng.randrange(inputs)}
            outputs[rng.randrange(2) if kind in ("t.fork", "t.fails") else 0].append(end)
    settings = {"executionOrder": rng.choice(("v1", "v0"))}
    return Document({"nodes": nodes, "connections": links, "settings": settings})


class PowerCut(Exception):
    """The process died."""


def run(document: Document, cut: Any = lambda: False) -> tuple[Any, list[Any]]:
    """Run to the end; `cut` says before and after each write whether the power goes."""
    saved: dict[tuple[str, int], list[bytes]] = {}

    async def write(step: Step) -> None:
        if cut():
            raise PowerCut
        if not step.failed:
            saved[step.node, step.index] = list(step.lines())
        if cut():
            raise PowerCut

    def driver() -> Driver:
        around = Surroundings(TYPES.get, NoScripts(), Memory(), on_step=write)
        steps = {key: next(read_steps(lines)) for key, lines in saved.items()}
        return Driver(document, around, saved=steps)

    items: list[Item] = [{"json": {"n": n}} for n in range(3)]
    while True:
        attempt = driver()
        try:
            ended = asyncio.run(attempt.execute("N0", items))
        except PowerCut:
            continue
        if ended.status != "waiting":
            done = [(s.node, s.index, s.outputs, s.sources, s.state) for s in attempt.run.order]
            return (ended.status, ended.error), done
        asyncio.run(write_until_it_stays(write, ended.woken()))


async def write_until_it_stays(write: Any, step: Step) -> None:
    while True:
        try:
            await write(step)
        except PowerCut:
            continue
        return


@pytest.mark.parametrize("part", range(4))
def test_a_run_cut_off_anywhere_ends_like_one_that_never_was(part):
    lengths = []
    for seed in range(part, HISTORIES, 4):
        document = graph(random.Random(seed))
        rng = random.Random(-seed)
        whole = run(document)
        assert run(document, lambda rng=rng: rng.random() < 0.15) == whole, f"seed {seed}"
        lengths.append(len(whole[1]))
    assert max(lengths) > 8
