"""From what somebody entered to the values of a credential."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from whoosh_site.core.errors import BadInput
from workflows.credentials.base import CredentialType, Values
from workflows.engine.credentials import covers, host_entry
from workflows.engine.parameters import Field

LONGEST = 20_000
MOST_HOSTS = 50


def entered(kind: type[CredentialType], given: Mapping[str, Any], kept: Values) -> dict[str, Any]:
    """Return all values: those given, else those kept, else defaults.

    An empty text for a secret keeps the old one; None takes it away.

    Raises:
        BadInput: names the field.
    """
    by_name: dict[str, list[Field]] = {}
    for one in kind.fields:
        by_name.setdefault(one.name, []).append(one)
    if unknown := [name for name in given if name not in by_name]:
        raise BadInput(f"{unknown[0]}: {kind.label} has no such field. It has: {_names(by_name)}.")
    made: dict[str, Any] = {}
    for name, (field, *_) in by_name.items():
        value = given.get(name, kept.get(name, field.default))
        if field.secret and value == "":
            value = kept.get(name, "")
        made[name] = _read(field, field.default if value is None else value)
    for name, field in kind.shown(made).items():
        if field.required and made[name] in ("", None):
            raise BadInput(f"{name}: {field.label or name} is needed.")
    if problem := kind.problem(made):
        raise BadInput(f"{problem[0]}: {problem[1]}")
    return made


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _read(field: Field, value: Any) -> Any:
    if field.kind == "flag":
        if not isinstance(value, bool):
            raise BadInput(f"{field.name}: give true or false.")
        return value
    if field.kind == "number":
        return _number(field, value)
    if not isinstance(value, str):
        raise BadInput(f"{field.name}: give a text.")
    if len(value) > LONGEST:
        raise BadInput(f"{field.name}: at most {LONGEST} characters.")
    if field.kind == "choice" and value not in [one.value for one in field.choices]:
        raise BadInput(f"{field.name}: use {', '.join(str(one.value) for one in field.choices)}.")
    return value if field.secret else value.strip()


def _number(field: Field, value: Any) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number < 65_536 or number != int(number):
        raise BadInput(f"{field.name}: give a whole number up to 65535.")
    return int(number)


def read_hosts(given: Iterable[str]) -> list[str]:
    """Return a list of hosts in one form; raises BadInput naming what is none."""
    listed = [one for one in given if one.strip()]
    if len(listed) > MOST_HOSTS:
        raise BadInput(f"hosts: at most {MOST_HOSTS}.")
    try:
        return sorted({host_entry(one) for one in listed})
    except ValueError as error:
        raise BadInput(f"hosts: {error}.") from None


def wider(new: Iterable[str], old: Iterable[str]) -> str:
    """Return an entry of the new list that reaches a host the old one did not; or nothing."""
    old = tuple(old)
    return next((entry for entry in new if not _reached(entry, old)), "")


def _reached(entry: str, old: tuple[str, ...]) -> bool:
    if entry in old or "*" in old:
        return True
    host, _, port = entry.rpartition(":")
    if not port.isdecimal() or (":" in host and not host.startswith("[")):
        host, port = entry, ""
    if host in old:
        return True
    if host.startswith("*."):
        # Narrower than an entry that was there: every name it stands for was reached.
        return any(one.startswith("*.") and host.endswith(one[1:]) for one in old)
    return covers(old, host, int(port) if port else -1)  # no port: all of them
