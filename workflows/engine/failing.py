"""What becomes of items that tell an error, once their node has run."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.engine.document import OUTPUT, NodeSpec
from workflows.engine.items import Item, Items, Outputs, paired


def ended_well(
    spec: NodeSpec, outputs: Outputs, inputs: Sequence[Items | None], count: int
) -> Outputs:
    """Return a node's outputs with pairs filled in and errors where the document wants them.

    `count` is how many outputs the node has beside the one for errors.
    """
    outputs = paired(outputs, inputs)
    outputs = [None if items is None else _errors_told(items) for items in outputs]
    return _errors_apart(outputs, inputs, count) if spec.on_error == OUTPUT else outputs


def _errors_told(items: Sequence[Item]) -> Sequence[Item]:
    if not any(one.get("error") for one in items):
        return items
    return [
        {**one, "json": {"error": _words(one["error"])}} if one.get("error") else one
        for one in items
    ]


def _words(error: Any) -> Any:
    if isinstance(error, Mapping):
        return error.get("message")
    return getattr(error, "message", str(error))


def _is_error(one: Item) -> bool:
    if one.get("error"):
        return True
    json = one["json"]
    return bool(json.get("error")) and (
        len(json) == 1 or (len(json) == 2 and bool(json.get("message")))
    )


def _errors_apart(outputs: Outputs, inputs: Sequence[Items | None], count: int) -> Outputs:
    """Move items that tell an error to the error output, over the item they were made from."""
    errors: Items = []
    kept: Outputs = []
    for items in outputs[:count]:
        if items is None:
            kept.append(None)
            continue
        kept.append([one for one in items if not _is_error(one)])
        errors += [_over_its_origin(one, inputs) for one in items if _is_error(one)]
    kept += [[] for _ in range(count - len(kept))]
    return [*kept, errors]


def _over_its_origin(one: Item, inputs: Sequence[Items | None]) -> Item:
    pair = one.get("pairedItem")
    if isinstance(pair, int):
        pair = {"item": pair}
    if not isinstance(pair, dict):
        return one
    place, index = pair.get("input") or 0, pair.get("item")
    if not (isinstance(place, int) and isinstance(index, int) and 0 <= place < len(inputs)):
        return one
    items = inputs[place] or []
    if not 0 <= index < len(items):
        return one
    return {**one, "json": {**items[index]["json"], **one["json"]}}


def gave_error(outputs: Outputs) -> bool:
    """Whether the first item of the first output tells an error: n8n tries again then."""
    first = outputs[0][0] if outputs and outputs[0] else None
    return first is not None and bool(first["json"].get("error"))
