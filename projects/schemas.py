"""Answers against their JSON schema.

Schemas are written by users and answers by models, so patterns run in linear time and references
to other documents are not followed.
"""

import json
from collections.abc import Mapping
from typing import Any

from whoosh_site.core.errors import BadInput

TOLD = 3
"""How many misses are told."""


def vet_schema(schema: Mapping[str, Any]) -> None:
    """Raise BadInput unless this is a JSON schema that answers can be held against."""
    from jsonschema_rs import ValidationError

    try:
        _validator(schema)
    except ValidationError as error:
        where = _place(error.instance_path)
        raise BadInput(f"schema{where}: {_first_line(error.message)}") from None


def misfit(schema: Mapping[str, Any] | None, answer: str) -> str:
    """Return why an answer does not fit a schema, or nothing."""
    if schema is None:
        return ""
    try:
        value = json.loads(bare(answer))
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    errors = [
        f"{_place(error.instance_path).lstrip('.') or 'the whole'}: {_first_line(error.message)}"
        for error, _ in zip(_validator(schema).iter_errors(value), range(TOLD), strict=False)
    ]
    return "; ".join(errors)


def bare(answer: str) -> str:
    """Return the JSON of an answer: models like to put it into a fence."""
    text = answer.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    return text


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema_rs import Draft202012Validator, RegexOptions  # loaded only by who judges

    return Draft202012Validator(
        dict(schema), pattern_options=RegexOptions(), retriever=_nothing_from_outside
    )


def _nothing_from_outside(address: str) -> Any:
    raise ValueError(f"references to other documents ({address}) are not followed")


def _place(path: list[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _first_line(message: str) -> str:
    return message.partition("\n")[0][:300]
