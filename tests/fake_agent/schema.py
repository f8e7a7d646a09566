"""The smallest instance of a JSON schema, the same for the same schema."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "a@example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.org/",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.org",
}
_DEEP = 12


def instance(schema: Any, root: Schema | None = None, depth: int = 0) -> Any:
    """Return a value that fits a schema; patterns and `not` are beyond it.

    Objects get what they require, or every property where nothing is required.
    """
    if not isinstance(schema, Mapping) or depth > _DEEP:
        return None
    root = schema if root is None else root
    plain = _resolved(schema, root)
    for word in ("const", "default"):
        if word in plain:
            return plain[word]
    if plain.get("enum"):
        return plain["enum"][0]
    make = _MAKERS.get(_type(plain))
    return make(plain, root, depth + 1) if make else None


def _resolved(schema: Schema, root: Schema) -> dict[str, Any]:
    """Follow references, take the first alternative, merge what must all hold."""
    found = dict(schema)
    for _ in range(_DEEP):
        reference = found.pop("$ref", None)
        if reference is None:
            break
        found = {**_behind(reference, root), **found}
    parts = list(found.pop("allOf", ()))
    for word in ("anyOf", "oneOf"):
        parts += found.pop(word, ())[:1]
    for part in parts:
        found = _merged(found, _resolved(part, root))
    return found


def _behind(reference: str, root: Schema) -> dict[str, Any]:
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        target = target.get(step, {}) if step and isinstance(target, Mapping) else target
    return dict(target)


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", ()), *other.get("required", ())]
    both = {**one, **other}
    if properties:
        both["properties"] = properties
    if required:
        both["required"] = required
    return both


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = schema.get("required") or list(properties)
    return {name: instance(properties.get(name, {}), root, depth) for name in names}


def _array(schema: Schema, root: Schema, depth: int) -> list[Any]:
    first = [instance(part, root, depth) for part in schema.get("prefixItems", ())]
    missing = max(int(schema.get("minItems", 0)) - len(first), 0)
    return first + [instance(schema.get("items", {}), root, depth) for _ in range(missing)]


def _string(schema: Schema, root: Schema, depth: int) -> str:
    text = _FORMATS.get(str(schema.get("format")), "text")
    if "format" in schema:
        return text
    return text.ljust(int(schema.get("minLength", 0)), "x")[: schema.get("maxLength")]


def _number(schema: Schema, root: Schema, depth: int) -> float:
    return _fitted(schema, 0.5 if "exclusiveMinimum" in schema else 0)


def _integer(schema: Schema, root: Schema, depth: int) -> int:
    return math.ceil(_fitted(schema, 1 if "exclusiveMinimum" in schema else 0))


def _fitted(schema: Schema, above: float) -> float:
    """Return the smallest fitting number from nought on, or the largest below it."""
    least = schema.get("exclusiveMinimum", schema.get("minimum", 0))
    found: float = max(least + above, 0)
    if "maximum" in schema or "exclusiveMaximum" in schema:
        below = 1 if "exclusiveMaximum" in schema else 0
        found = min(found, schema.get("exclusiveMaximum", schema.get("maximum")) - below)
    step = schema.get("multipleOf")
    return -(-found // step) * step if step else found


_MAKERS: dict[str, Callable[[Schema, Schema, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": lambda schema, root, depth: True,
    "null": lambda schema, root, depth: None,
}
