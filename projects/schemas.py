"""Answers against their JSON schema.

Schemas are written by users and answers by models, so patterns run in linear time, references to
other documents are not followed, and where references inside the schema could make the work
explode, it is done in a process of its own that is killed after some seconds.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whoosh_site.core.errors import BadInput

TOLD = 3
"""How many misses are told."""
PATIENCE = 5.0
"""Seconds an answer may take to be checked."""
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def vet_schema(schema: Mapping[str, Any]) -> None:
    """Raise BadInput unless this is a JSON schema that answers can be held against."""
    from jsonschema_rs import ValidationError

    try:
        if "\\u0000" in _written(schema):
            raise ValueError("a null character")
        _validator(schema)
    except ValidationError as error:
        where = _place(error.instance_path)
        raise BadInput(f"schema{where}: {_first_line(error.message)}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"schema: it cannot be used: {_first_line(str(error))}") from None


def misfit(schema: Mapping[str, Any], answer: str) -> str:
    """Return why an answer does not fit a schema, or nothing. Takes seconds at most."""
    try:
        value = json.loads(bare(answer), parse_constant=_no_number)
        _written(value)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    if not any(f'"{word}"' in json.dumps(schema) for word in REFERENCES):
        return _misses(schema, value)
    return _misses_elsewhere(schema, value)


def _written(value: Any) -> str:
    """Return JSON that every database holds; raises ValueError for what is none."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()  # half a character cannot be stored
    return text


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def _misses(schema: Mapping[str, Any], value: Any) -> str:
    errors = [
        f"{_place(error.instance_path).lstrip('.') or 'the whole'}: {_first_line(error.message)}"
        for error, _ in zip(_validator(schema).iter_errors(value), range(TOLD), strict=False)
    ]
    return "; ".join(errors)


def _misses_elsewhere(schema: Mapping[str, Any], value: Any) -> str:
    """Check in a process that can be killed: a schema of 20 lines may take longer than a life."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "projects.schemas"],
            input=json.dumps([schema, value]),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=Path(__file__).parents[1],
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"its schema takes more than {PATIENCE:g} s to check: make it simpler"
    except subprocess.CalledProcessError as error:
        return f"it could not be checked ({_first_line(error.stderr.strip()[-300:])})"
    return str(json.loads(done.stdout))


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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_misses(*json.load(sys.stdin))))
