"""Answers against their schema, and schemas against what a schema may be."""

import pytest

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


def test_without_a_schema_everything_fits():
    assert misfit(None, "whatever") == ""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "schema.type: "),
        ({"properties": {"a": {"minimum": "one"}}}, "schema.properties.a.minimum: "),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "are not followed"),
        ({"$ref": "#/nowhere"}, "schema: Pointer '/nowhere' does not exist"),
        ({"type": "string", "pattern": "(["}, "schema.pattern: "),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema, said):
    with pytest.raises(BadInput) as caught:
        vet_schema(schema)
    assert said in caught.value.message


def test_a_pattern_that_others_choke_on_is_answered_as_well():
    assert misfit({"type": "string", "pattern": "^(a+)+$"}, '"' + "a" * 5000 + '!"')
