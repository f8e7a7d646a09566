"""What a run starts with, as people and programs give it."""

import json
from typing import Any, NoReturn

from whoosh_site.core.errors import BadInput
from workflows.engine.items import Item, Items
from workflows.n8n import jsontext

PARTS = {"json", "binary", "pairedItem"}
"""What an item consists of; an object with other keys is data."""


def read_items(value: object, name: str = "input") -> Items:
    """Return what a run starts with: of an object, a list of objects, or a list of items.

    Raises:
        BadInput: it is something else; names the entry.
    """
    listed = value if isinstance(value, list) else [value]
    for number, one in enumerate(listed, 1):
        if not isinstance(one, dict):
            where = f"entry {number}" if isinstance(value, list) else "it"
            raise BadInput(f"{name}: give an object or a list of objects; {where} is {_kind(one)}.")
    return [_item(one) for one in listed] or [{"json": {}}]


def parse_items(text: str, name: str = "input") -> Items:
    """Return what a run starts with, of JSON text; nothing gives one empty item.

    Raises:
        BadInput: it is no JSON (names line and column), or as `read_items`.
    """
    if not text.strip():
        return [{"json": {}}]
    jsontext.vet_depth(text)
    try:
        found = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"{name}: this is no JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise BadInput(f"{name}: it is nested too deep.") from None
    return read_items(found, name)


def _no_number(word: str) -> NoReturn:
    raise BadInput(f"{word} is no number of JSON.")


def _item(one: dict[str, Any]) -> Item:
    if isinstance(one.get("json"), dict) and one.keys() <= PARTS:
        return {key: one[key] for key in ("json", "binary") if isinstance(one.get(key), dict)}
    return {"json": one}


def _kind(value: object) -> str:
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null" if value is None else "a list")
