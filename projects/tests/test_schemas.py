"""Answers against their schema, and schemas against what a schema may be."""

import functools
import itertools

import pytest

from projects import schemas
from projects.schemas import misfit, vet_schema
from whoosh_site.core.errors import BadInput

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "ages": {"type": "array", "items": {"type": "integer"}},
    },
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"name": "Ada"}', ""),
        ('```json\n{"name": "Ada"}\n```', ""),
        ('{"name": 1}', "name: 1 is not of type"),
        ('{"name": "Ada", "ages": [1, "x"]}', 'ages[1]: "x" is not of type "integer"'),
        ("{}", 'the whole: "name" is a required property'),
        ("I am Ada", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_misfit_says_where_and_why(answer, said):
    found = misfit(PERSON, answer)
    assert found.startswith(said) if said else not found


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"a": "\\ud83d"}', "it is no JSON"),
        ('{"a": NaN}', "it is no JSON (NaN is no number in JSON)"),
        ('{"a": -Infinity}', "it is no JSON (-Infinity is no number in JSON)"),
    ],
)
def test_what_only_some_call_json_is_none(answer, said):
    assert misfit({"type": "object"}, answer).startswith(said)


def test_references_inside_a_schema_are_followed():
    tree = {
        "$defs": {
            "node": {
                "type": "object",
                "required": ["n"],
                "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
            }
        },
        "$ref": "#/$defs/node",
    }
    vet_schema(tree)
    assert misfit(tree, '{"n": 1, "next": {"n": 2}}') == ""
    assert misfit(tree, '{"n": 1, "next": {"n": "x"}}').startswith("next.n: ")


def test_a_schema_that_explodes_ends_after_some_seconds(monkeypatch):
    monkeypatch.setattr(schemas, "PATIENCE", 0.5)
    names = [f"d{n}" for n in range(40)]
    doubled = {
        name: {"anyOf": [{"$ref": f"#/$defs/{before}"}] * 2}
        for before, name in itertools.pairwise(names)
    }
    schema = {"$defs": {"d0": {"type": "string"}} | doubled, "$ref": "#/$defs/d39"}
    vet_schema(schema)
    assert "takes more than 0.5 s" in misfit(schema, "1")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "schema.type: "),
        ({"properties": {"a": {"minimum": "one"}}}, "schema.properties.a.minimum: "),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "are not followed"),
        ({"$ref": "#/nowhere"}, "schema: Pointer '/nowhere' does not exist"),
        ({"type": "string", "pattern": "(["}, "schema.pattern: "),
        ({"const": "\ud800"}, "schema: it cannot be used"),
        ({"const": "\x00"}, "schema: it cannot be used: a null character"),
        ({"const": float("nan")}, "schema: it cannot be used"),
        (functools.reduce(lambda s, _: {"not": s}, range(5000), {}), "schema: it cannot be used"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema, said):
    with pytest.raises(BadInput) as caught:
        vet_schema(schema)
    assert said in caught.value.message


def test_a_pattern_that_others_choke_on_is_answered_as_well():
    assert misfit({"type": "string", "pattern": "^(a+)+$"}, '"' + "a" * 5000 + '!"')
