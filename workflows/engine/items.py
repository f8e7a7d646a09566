"""Items: what flows between nodes.

An item is `{"json": {...}, "binary"?: {...}, "pairedItem"?: ..., "error"?: ...}` as n8n has it. A
node's outputs are a list by output index of lists of items; None where an output stayed silent.
Items are never changed once a node has given them: who changes one copies it first.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

Item: TypeAlias = dict[str, Any]
Items: TypeAlias = list[Item]
Outputs: TypeAlias = list[Sequence[Item] | None]


class Source(NamedTuple):
    """Where the items of an input came from: a node, its output, and which of its runs."""

    node: str
    output: int = 0
    run: int = 0


def item(
    json: dict[str, Any], pair: int | None = None, binary: dict[str, Any] | None = None
) -> Item:
    """Return an item made from the input item at index `pair`, if one is named."""
    made: Item = {"json": json}
    if binary:
        made["binary"] = binary
    if pair is not None:
        made["pairedItem"] = {"item": pair}
    return made


def pairs(indexes: Iterable[int], input_index: int = 0) -> list[dict[str, int]]:
    """Return a pairedItem for an item made of several."""
    if input_index:
        return [{"item": index, "input": input_index} for index in indexes]
    return [{"item": index} for index in indexes]


def arriving(items: Sequence[Item], input_index: int) -> Items:
    """Return items as a node sees them: each paired with its own place in this input."""
    if input_index:
        return [
            {**one, "pairedItem": {"item": n, "input": input_index}} for n, one in enumerate(items)
        ]
    return [{**one, "pairedItem": {"item": n}} for n, one in enumerate(items)]


def paired(outputs: Outputs, inputs: Sequence[Sequence[Item] | None]) -> Outputs:
    """Fill in missing pairs where there is only one answer.

    That is so when one item came in at one input, or when as many came in as go out at one output.
    """
    if len(inputs) != 1 or inputs[0] is None:
        return outputs
    count = len(inputs[0])
    if count == 1:
        return [_with_pairs(items, [0] * len(items)) if items else items for items in outputs]
    if len(outputs) == 1 and outputs[0] is not None and len(outputs[0]) == count:
        return [_with_pairs(outputs[0], range(count))]
    return outputs


def _with_pairs(items: Sequence[Item], places: Sequence[int]) -> Sequence[Item]:
    if all("pairedItem" in one for one in items):
        return items
    return [
        one if "pairedItem" in one else {**one, "pairedItem": {"item": place}}
        for one, place in zip(items, places, strict=True)
    ]
