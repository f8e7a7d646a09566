"""How two items that belong together differ, field by field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.engine.paths import at, parts, put, without
from workflows.engine.values import UNDEFINED

Json = Mapping[str, Any]


@dataclass
class Differences:
    """The fields that are the same, those that differ, and those that were not to be compared."""

    same: dict[str, Any] = field(default_factory=dict)
    different: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """What counts as a difference, and how both values are named in the result."""

    alike: Callable[[Any, Any], bool]
    skip: Sequence[str] = ()
    dots: bool = True
    missing_is_null: bool = True  # whether a missing field is like an empty one
    names: tuple[str, str] = ("inputA", "inputB")

    def told(self, first: Any, second: Any) -> dict[str, Any]:
        """Return both values under their names."""
        return {
            name: None if value is UNDEFINED else value
            for name, value in zip(self.names, (first, second), strict=True)
        }


def as_one(first: Json, second: Json, rules: Rules) -> bool:
    """Whether two objects are the same but for what is skipped."""
    a, b = _compared(first, rules), _compared(second, rules)
    return all(_same(a.get(name, UNDEFINED), b.get(name, UNDEFINED), rules) for name in {**a, **b})


def _compared(json: Json, rules: Rules) -> Json:
    rest: Any = json
    for path in rules.skip:
        rest = without(rest, (path,) if path in rest or not rules.dots else parts(path))
    found: Json = rest
    return found


def differences(first: Json, second: Json, rules: Rules) -> Differences:
    """Tell field by field where two objects differ; nested fields may be skipped by their path."""
    found = Differences()
    for name in dict.fromkeys([*first, *second]):
        a, b = first.get(name, UNDEFINED), second.get(name, UNDEFINED)
        if _same(a, b, rules):
            found.same[name] = b if a is UNDEFINED else a
        elif name in rules.skip:
            found.skipped[name] = rules.told(a, b)
        else:
            _nested(name, a, b, rules, found)
    return found


def _same(a: Any, b: Any, rules: Rules) -> bool:
    if (a is UNDEFINED or b is UNDEFINED) and not rules.missing_is_null:
        return a is b
    return rules.alike(a, b)


def _nested(name: str, a: Any, b: Any, rules: Rules, found: Differences) -> None:
    paths = [parts(path)[1:] for path in rules.skip if rules.dots and parts(path)[0] == name]
    paths = [path for path in paths if path]
    left_a, left_b = _only(a, paths), _only(b, paths)
    if paths and not rules.alike(left_a, left_b):
        found.skipped[name] = rules.told(left_a, left_b)
    found.different[name] = rules.told(_without(a, paths), _without(b, paths))


def _without(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    for path in paths:
        value = without(value, path)
    return value


def _only(value: Any, paths: Sequence[Sequence[str]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path in paths:
        there = at(value, path)
        if there is not UNDEFINED:
            made = put(made, path, there)
    return made
