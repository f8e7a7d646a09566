"""Nodes whose searches take long go on in a thread: the loop has other runs to carry."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from workflows.engine import patterns
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node

THREADS = 4
"""Searches at once. A search lets go of the interpreter's lock, and ends within its limit."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="searches")


async def run_node(node: type[Node], context: Context) -> Outputs:
    """Run a node: at once, or from its start in a thread when its searches are long ones.

    Raises as the node does.
    """
    if node.reaches_out:  # what it did could not be done again
        with patterns.limited():
            return await node().run(context)
    try:
        with patterns.limited(at_once=True):
            return await node().run(context)
    except patterns.TakesLong:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_threads, partial(_searched, node, context))


def _searched(node: type[Node], context: Context) -> Outputs:
    """Run a node that only thinks: it may wait for nothing."""
    running = node().run(context)
    try:
        with patterns.limited():
            running.send(None)
    except StopIteration as done:
        outputs: Outputs = done.value
        return outputs
    finally:
        running.close()
    raise AssertionError(f"{node.key} searches, and waits for something: it must reach out.")
