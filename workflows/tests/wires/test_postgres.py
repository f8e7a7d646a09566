"""The Postgres node against a real PostgreSQL."""

import uuid

import pytest

pytestmark = pytest.mark.django_db

TABLE = """CREATE TABLE "%s" (id int PRIMARY KEY, name text, data jsonb, big bigint, at timestamptz,
tags text[])"""


@pytest.fixture
def table(ask, postgres):
    """A table of its own; gives a function that runs the node on it."""
    name = f'it"s {uuid.uuid4().hex[:8]}'
    quoted = name.replace('"', '""')

    def run(operation: str, script: str = "return [{json: {}}]", version: float = 2.5, **more):
        parameters = {"operation": operation, "table": {"__rl": True, "value": name}} | more
        return ask("postgres", "postgres", postgres, parameters, version=version, script=script)

    assert run("executeQuery", query=TABLE % quoted).items == [{"success": True}]
    yield run
    assert run("deleteTable", deleteCommand="drop").state == "success"


MAPPED = {"columns": {"mappingMode": "autoMapInputData", "value": None, "matchingColumns": ["id"]}}


def test_rows_are_written_and_read(table):
    nasty = "'); DROP TABLE x; -- $1 %s"
    script = f"""return [
        {{json: {{id: 1, name: {nasty!r}, data: [1, {{a: 2}}], big: "9007199254740993"}}}},
        {{json: {{id: 2, name: "", tags: ["a", "b"], at: "2024-05-01T10:00:00+02:00"}}}}]"""
    done = table("insert", script, **MAPPED)
    assert done.items == [
        {"id": 1, "name": nasty, "data": [1, {"a": 2}], "big": "9007199254740993", "at": None,
         "tags": None},
        {"id": 2, "name": "", "data": None, "big": None, "at": "2024-05-01T08:00:00.000Z",
         "tags": ["a", "b"]},
    ]  # fmt: skip
    changed = table("upsert", "return [{json: {id: 2, name: 'two'}}, {json: {id: 3}}]", **MAPPED)
    assert [(one["id"], one["name"]) for one in changed.items] == [(2, "two"), (3, None)]
    value = {"mappingMode": "defineBelow", "value": {"id": 3, "name": "={{ $json.n }}"}}
    value["matchingColumns"] = ["id"]
    assert table("update", "return [{json: {n: 5}}]", columns=value).items[0]["name"] == "5"
    where = {"values": [
        {"column": "id", "condition": ">", "value": 1},
        {"column": "name", "condition": "IS NOT NULL"},
    ]}  # fmt: skip
    sort = {"values": [{"column": "id", "direction": "DESC"}]}
    options = {"outputColumns": ["id"]}
    assert table("select", where=where, sort=sort, options=options).items == [{"id": 3}, {"id": 2}]
    assert table("select", sort=sort, limit=1, options=options).items == [{"id": 3}]
    first = {"values": [{"column": "id", "value": 1}]}
    assert table("deleteTable", deleteCommand="delete", where=first).items == [{"success": True}]
    assert len(table("select", returnAll=True).items) == 2
    assert table("deleteTable").state == "success"
    assert table("select").items == []


def test_versions_2_and_2_1_send_values_by_name(table):
    values = {"values": [{"column": "name", "value": "x"}, {"column": "id", "value": "7"}]}
    done = table("insert", version=2.1, dataMode="defineBelow", valuesToSend=values)
    assert (done.items[0]["id"], done.items[0]["name"]) == (7, "x")
    done = table("update", "return [{json: {id: 7, name: 'y'}}]", version=2, columnToMatchOn="id")
    assert done.items[0]["name"] == "y"


@pytest.mark.parametrize(
    ("query", "given", "found"),
    [
        ("select $1::int + $2::int as n", "1, 2", {"n": 3}),
        ("select $1 as t", '={{ "a, b\'; --" }}', {"t": "a, b'; --"}),
        ("select $1 as a, $2 as b", "={{ 'x,y' }},{{ 'z' }}", {"a": "x,y", "b": "z"}),
        ("select 1 as $1:name", "={{ 'a\"; drop' }}", {'a"; drop': 1}),
        ("select 5 as n where 2 in ($1:csv)", "={{ [[1, 2]] }}", {"n": 5}),
        ("select '$2' as t, $1::int as n -- $9", "4", {"t": "$2", "n": 4}),
        ("select $1::json->'a' as v", "={{ [{a: [1]}] }}", {"v": [1]}),
        ("select 1 as n; select 2 as n", "", {"n": 1}),
    ],
)
def test_values_stand_beside_the_query(query, given, found, ask, postgres):
    parameters = {"operation": "executeQuery", "query": query}
    parameters |= {"options": {"queryReplacement": given}} if given else {}
    done = ask("postgres", "postgres", postgres, parameters, version=2.5)
    assert (done.error, done.items[:1]) == ("", [found])


@pytest.mark.parametrize(
    ("query", "given", "said"),
    [
        ("select '%$1%'", "x", "$1 inside quotes"),
        ("do $$ begin perform $1; end $$", "x", "$1 inside quotes"),
        ("select $2", "x", "has $2, and there are 1 query parameters"),
        ("select $1:raw", "x", "would put a text into the query"),
        ("select nothing", "", 'column "nothing" does not exist'),
    ],
)
def test_a_query_that_cannot_work_is_told(query, given, said, ask, postgres):
    parameters = {"operation": "executeQuery", "query": query}
    parameters["options"] = {"queryReplacement": given}
    done = ask("postgres", "postgres", postgres, parameters, version=2.5)
    assert done.state == "error"
    assert said in done.error


def test_a_failure_undoes_all_unless_each_is_by_itself(table):
    script = "return [{json: {id: 1}}, {json: {id: 1}}, {json: {id: 2}}]"
    assert "duplicate key" in table("insert", script, **MAPPED).error
    assert table("select").items == []
    alone = {"options": {"queryBatching": "independently"}}
    assert "duplicate key" in table("insert", script, **MAPPED, **alone).error
    assert [one["id"] for one in table("select").items] == [1]
    skip = {"options": {"skipOnConflict": True}}
    assert [one["id"] for one in table("insert", script, **MAPPED, **skip).items] == [2]


def test_unknown_columns_and_tables_are_named(table, ask, postgres):
    assert "has no column 'nope'" in table("insert", "return [{json: {nope: 1}}]", **MAPPED).error
    parameters = {"operation": "insert", "table": "gone"} | MAPPED
    script = "return [{json: {a: 1}}]"
    done = ask("postgres", "postgres", postgres, parameters, version=2.5, script=script)
    assert "there is no public.gone" in done.error
