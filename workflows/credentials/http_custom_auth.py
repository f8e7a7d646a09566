"""Custom Auth: headers, parameters and body fields, given as JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflows.credentials import shelf
from workflows.credentials.base import Added, CredentialType, Values
from workflows.engine.parameters import json as json_field

PARTS = ("headers", "qs", "body")


@shelf.add
class HttpCustomAuth(CredentialType):
    """Headers, parameters and body fields in every request, given as JSON."""

    key = "httpCustomAuth"
    label = "Custom Auth"
    signs = True
    fields = (
        json_field(
            "json", "JSON", required=True, secret=True,
            hint='Such as {"headers": {"X-Key": "…"}, "qs": {"app": "…"}, "body": {"pin": "…"}}.',
        ),
    )  # fmt: skip

    @classmethod
    def added(cls, values: Values) -> Added:
        """What the JSON says."""
        given = _given(values)
        headers = {str(k).lower(): str(v) for k, v in given.get("headers", {}).items()}
        return Added(headers, given.get("qs", {}), given.get("body", {}))

    @classmethod
    def texts(cls, values: Values) -> Iterable[str]:
        """Every value in it."""
        return _leaves(_given(values))

    @classmethod
    def problem(cls, values: Values) -> tuple[str, str] | None:
        """It must be an object of objects."""
        try:
            found = json.loads(values.get("json") or "{}")
        except ValueError as error:
            return "json", f"This is no JSON: {error}"
        if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
            return "json", "Give an object that has objects in it."
        unknown = [name for name in found if name not in PARTS]
        return ("json", f"{unknown[0]!r} is none of {', '.join(PARTS)}.") if unknown else None


def _given(values: Values) -> dict[str, Any]:
    try:
        found = json.loads(values.get("json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(one)
    elif isinstance(value, str):
        yield value
        yield from value.split(" ")[1:]  # without a word such as Bearer
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
