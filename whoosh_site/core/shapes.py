"""The shapes values of whoosh.yaml must have, and in words what does not fit.

A shape is a JSON schema; the first value that does not fit is named by key path and line.
"""

import contextlib
import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from whoosh_site.core import yamlfile
from whoosh_site.core.references import is_reference

if TYPE_CHECKING:
    from jsonschema import ValidationError

TEXT = {"type": "string"}
NUMBER = {"type": "number", "minimum": 0, "maximum": 1e9}
WHOLE = {"type": "integer", "minimum": 0, "maximum": 10**9}
TEXTS = {"type": "array", "items": TEXT}


def keys(**properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping with exactly these keys, all optional."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def named(item: Any) -> dict[str, Any]:
    """Return the schema of a mapping from any name to one kind of value."""
    return {"type": "object", "additionalProperties": item}


def typed(
    data: Any, found: Mapping[yamlfile.Path, Any], schema: Mapping[str, Any], root: yamlfile.Path
) -> None:
    """Turn a referenced text into the number or the yes or no that the schema wants."""
    for error in _misfits(data, schema):
        here = tuple(error.absolute_path)
        read = _READERS.get(str(error.validator_value)) if error.validator == "type" else None
        if read is None or not here or (*root, *here) not in found:
            continue
        with contextlib.suppress(ValueError, KeyError):
            value = read(error.instance)
            holder = data
            for part in here[:-1]:
                holder = holder[part]
            holder[here[-1]] = value


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _yes_or_no(text: str) -> bool:
    return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]


_READERS: dict[Any, Callable[[str], Any]] = {
    "number": _number,
    "integer": _number,
    "boolean": _yes_or_no,
}


def check(
    data: Any,
    schema: Mapping[str, Any],
    document: yamlfile.Document,
    path: yamlfile.Path,
    *,
    resolved: bool,
) -> None:
    """Raise BadInput for the first value that does not fit, and say how many more there are.

    Where references were not `resolved`, each may stand for anything.
    """
    found = _problems(data, schema, path, resolved=resolved)
    problems = sorted(found, key=lambda problem: document.line(problem[0]))
    if problems:
        where, what = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise document.problem(where, what + more)


def _problems(
    data: Any, schema: Mapping[str, Any], path: yamlfile.Path, *, resolved: bool
) -> Iterator[tuple[yamlfile.Path, str]]:
    for error in _misfits(data, schema):
        here = (*path, *error.absolute_path)
        if not resolved and is_reference(error.instance):
            continue
        if "propertyNames" in error.absolute_schema_path:
            yield (*here, error.instance), _say(error)
        elif error.validator == "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for key in error.instance:
                if key not in known:
                    yield (*here, key), unknown(key, known)
        else:
            yield here, _say(error)
    yield from _not_finite(data, path)


def _not_finite(data: Any, path: yamlfile.Path) -> Iterator[tuple[yamlfile.Path, str]]:
    if isinstance(data, float) and not math.isfinite(data):
        yield path, "expected a number"
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        yield from _not_finite(value, (*path, key))


def _misfits(data: Any, schema: Mapping[str, Any]) -> "Iterator[ValidationError]":
    from jsonschema import Draft202012Validator  # loaded only by those who load a file

    return Draft202012Validator(schema).iter_errors(data)


def _say(error: "ValidationError") -> str:
    rule, wanted, found = error.validator, error.validator_value, error.instance
    if rule == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        shown = "something else" if error.schema.get("writeOnly") else _short(found)
        return f"expected {' or '.join(_KINDS[kind] for kind in kinds)}, found {shown}"
    if rule == "enum":
        return f"expected one of {', '.join(map(str, wanted))}, found {_short(found)}"
    if rule == "required":
        missing = [name for name in wanted if name not in found]
        return f"{', '.join(missing)} is missing"
    if rule in ("minimum", "exclusiveMinimum"):
        return f"{found} is too small (at least {wanted})"
    if rule == "maximum":
        return f"{found} is too large (at most {wanted})"
    if rule == "pattern":
        return f"{_short(found)} {error.schema.get('description', 'is not well-formed')}"
    return error.message


_KINDS = {
    "object": "keys with values",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


def _short(found: Any) -> str:
    text = json.dumps(found, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def unknown(key: str, known: list[str]) -> str:
    """Say that a key is unknown, and which one may have been meant."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}" if known else ""
    return f"unknown key{hint}"
