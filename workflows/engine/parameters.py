"""What a node declares about its parameters.

One declaration gives defaults per version, conditions, checks, the editor's form and the reference.

Parameters at their default are not stored in a document, so running a node needs the declaration.
Several fields may share a name where versions or conditions tell them apart, as n8n has them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Condition = Callable[[float], bool]
"""Whether a version of the node is meant."""


def since(version: float) -> Condition:
    """From this version on."""
    return lambda found: found >= version


def before(version: float) -> Condition:
    """Only earlier versions than this."""
    return lambda found: found < version


def between(first: float, last: float) -> Condition:
    """Both ends included."""
    return lambda found: first <= found <= last


@dataclass(frozen=True)
class Choice:
    """One value of a choice."""

    value: Any
    label: str
    hint: str = ""


@dataclass(frozen=True)
class Field:
    """One parameter.

    `kind`: text, number, flag, choice, choices, json, code, date, collection (options one may add),
    groups (n8n's fixedCollection: named groups of fields), conditions, assignments, locator
    (n8n's resourceLocator), mapper (resourceMapper), notice.

    `when` names values other parameters of the same level must have; a name that begins with "/"
    is looked up at the top. `versions` says for which versions the field is there. A `literal` is
    never an expression; one that is `late` is evaluated by the node itself, with what it finds out
    (`Context.evaluate`). `many`: a group may be given several times.
    """

    name: str
    label: str = ""
    kind: str = "text"
    default: Any = ""
    hint: str = ""
    choices: tuple[Choice, ...] = ()
    fields: "tuple[Field, ...]" = ()
    many: bool = False
    required: bool = False
    literal: bool = False
    late: bool = False
    secret: bool = False
    language: str = ""
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    versions: Condition | None = None

    def shown(self, version: float, beside: Mapping[str, Any], top: Mapping[str, Any]) -> bool:
        """Whether the field is there in this version, beside these values of its own level."""
        if self.versions is not None and not self.versions(version):
            return False
        for name, wanted in self.when.items():
            found = top.get(name[1:]) if name.startswith("/") else beside.get(name)
            if found not in wanted and not _any_in(found, wanted):
                return False
        return True


def _any_in(found: object, wanted: Sequence[Any]) -> bool:
    return isinstance(found, list) and any(one in wanted for one in found)


# -- words to declare with -----------------------------------------------------------------------


def text(name: str, label: str = "", default: str = "", **more: Any) -> Field:
    """Return a field of text."""
    return Field(name, label, "text", default, **more)


def number(name: str, label: str = "", default: float | str = 0, **more: Any) -> Field:
    """Return a field of a number."""
    return Field(name, label, "number", default, **more)


def flag(name: str, label: str = "", default: bool = False, **more: Any) -> Field:
    """Return a field of yes or no."""
    return Field(name, label, "flag", default, **more)


def choice(
    name: str, label: str, choices: Mapping[Any, str], default: Any = "", **more: Any
) -> Field:
    """Return a field with one of several values, each with its label."""
    listed = tuple(Choice(value, words) for value, words in choices.items())
    return Field(name, label, "choice", default, choices=listed, **more)


def choices(
    name: str, label: str, choices: Mapping[Any, str], default: Sequence[Any] = (), **more: Any
) -> Field:
    """Return a field with any number of several values."""
    listed = tuple(Choice(value, words) for value, words in choices.items())
    return Field(name, label, "choices", list(default), choices=listed, **more)


def json(name: str, label: str = "", default: str = "", **more: Any) -> Field:
    """Return a field of JSON text."""
    return Field(name, label, "json", default, **more)


def code(name: str, label: str = "", default: str = "", **more: Any) -> Field:
    """Return a field of program text, never an expression."""
    return Field(name, label, "code", default, literal=True, **more)


def collection(name: str, label: str, *fields: Field, **more: Any) -> Field:
    """Return optional settings: only what somebody added is stored."""
    return Field(name, label, "collection", {}, fields=fields, **more)


def groups(name: str, label: str, *fields: Field, many: bool = True, **more: Any) -> Field:
    """Return named groups of fields (n8n's fixedCollection): `{"values": [{...}, ...]}`.

    Each of `fields` is a group made by `group`; `many` groups are lists, others one object.
    """
    return Field(name, label, "groups", {}, fields=fields, many=many, **more)


def group(name: str, label: str, *fields: Field, **more: Any) -> Field:
    """Return one group of `groups`."""
    return Field(name, label, "group", {}, fields=fields, **more)


def shown_when(when: Mapping[str, Sequence[Any]], *fields: Field) -> tuple[Field, ...]:
    """Return fields that all share a condition beside their own."""
    return tuple(replace(one, when={**when, **one.when}) for one in fields)


# -- reading with defaults -----------------------------------------------------------------------


def shown_fields(
    fields: Sequence[Field], version: float, values: Mapping[str, Any], top: Mapping[str, Any]
) -> dict[str, Field]:
    """Return the fields that are there, by name, given the stored values of their level.

    Conditions look at defaults too, so the fields are found in the order they are declared.
    """
    found: dict[str, Field] = {}
    beside = dict(values)
    for one in fields:
        if one.name not in found and one.shown(version, beside, beside if top is values else top):
            found[one.name] = one
            beside.setdefault(one.name, one.default)
    return found


def filled(fields: Sequence[Field], version: float, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the defaults of all that is there and not stored.

    Stored values no declaration knows stay. Inside `groups`, each group that was given gets its
    defaults; a `collection` holds only what somebody added, with the defaults inside it.
    """
    return _filled(fields, version, values, values)


def _filled(
    fields: Sequence[Field], version: float, values: Mapping[str, Any], top: Mapping[str, Any]
) -> dict[str, Any]:
    there = shown_fields(fields, version, values, top)
    made = dict(values)
    if top is values:
        top = made
    for name, one in there.items():
        if name not in made:
            made[name] = one.default
        elif one.fields:
            made[name] = _filled_inside(one, version, made[name], top)
    return made


def _filled_inside(one: Field, version: float, value: Any, top: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if one.kind == "collection":
        by_name = {inner.name: inner for inner in one.fields if inner.fields}
        return {
            k: _filled_inside(by_name[k], version, v, top) if k in by_name else v
            for k, v in value.items()
        }
    by_name = {inner.name: inner for inner in one.fields}
    return {k: _filled_group(by_name.get(k), version, v, top) for k, v in value.items()}


def _filled_group(one: Field | None, version: float, value: Any, top: Mapping[str, Any]) -> Any:
    if one is None:
        return value
    if isinstance(value, list):
        return [_filled_group(one, version, each, top) for each in value]
    return _filled(one.fields, version, value, top) if isinstance(value, Mapping) else value


def templates(fields: Sequence[Field], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield every expression to evaluate before a node runs: texts with "=", at any depth."""
    passed = {one.name for one in fields if one.literal or one.late}
    inner = {one.name: one.fields for one in fields if any(field.late for field in one.fields)}
    for name, value in values.items():
        if name not in passed:
            yield from _templates(value, inner.get(name, ()))


def _templates(value: Any, fields: Sequence[Field] = ()) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("="):
            yield value
    elif isinstance(value, Mapping):
        yield from templates(fields, value)
    elif isinstance(value, list):
        for one in value:
            yield from _templates(one, fields)
