"""Rename Keys."""

import asyncio

import pytest

from workflows.engine.scripts import CodeResult
from workflows.nodes.rename_keys import RenameKeys
from workflows.tests.nodes.conftest import make_context


@pytest.mark.parametrize(
    ("current", "new", "made"),
    [
        ("a", "b", {"b": 1, "n": {"x": 2}}),
        ("n.x", "y", {"a": 1, "n": {}, "y": 2}),
        ("a", "n.z", {"n": {"x": 2, "z": 1}}),
        ("nope", "b", {"a": 1, "n": {"x": 2}}),
        ("a", "", {"a": 1, "n": {"x": 2}}),
    ],
)
def test_a_field_gets_another_name(run, current, new, made):
    item = {"a": 1, "n": {"x": 2}}
    (items,) = run(RenameKeys, {"keys": {"key": [{"currentKey": current, "newKey": new}]}}, [item])
    assert items[0]["json"] == made
    assert item == {"a": 1, "n": {"x": 2}}


class Replacing:
    """Answers as if every name were written in capitals."""

    def __init__(self, keys):
        self.keys = keys

    async def run_code(self, source, scope, *, each, style="code", limit=60.0):
        return CodeResult([[key.upper() for key in self.keys]])


@pytest.mark.parametrize(("depth", "made"), [(-1, {"A": {"B": 1}}), (0, {"A": {"b": 1}})])
def test_names_change_by_a_regular_expression_as_deep_as_wanted(outside, depth, made):
    rule = {"searchRegex": ".*", "replaceRegex": "x", "options": {"depth": depth}}
    parameters = {"additionalOptions": {"regexReplacement": {"replacements": [rule]}}}
    context = make_context(RenameKeys, parameters, [[{"a": {"b": 1}}]], 1, outside)
    context.scripts = Replacing(["a", "b"] if depth else ["a"])
    (items,) = asyncio.run(RenameKeys().run(context))
    assert items[0]["json"] == made
