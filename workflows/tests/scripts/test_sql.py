"""SQL over the inputs of a node: what it answers, and what it never does."""

import asyncio

import pytest

from workflows.engine.errors import NodeError
from workflows.scripts import sql, sql_worker
from workflows.scripts.sql import run_sql

BEDS = [
    {"id": 1, "name": "x", "wet": True, "tags": ["a"], "raw": "[1]"},
    {"id": 2, "name": "y", "wet": False, "soil": {"kind": {"acid": 5}}},
]
TABLES = {"input1": BEDS, "input2": [{"id": 2, "v": 1.5, "big": 2**70}], "input3": []}


def asked(query, tables=TABLES, **how):
    return asyncio.run(run_sql(query, tables, **how))


def test_values_come_back_as_they_went_in_and_what_is_not_there_is_null():
    assert asked("SELECT * FROM input1") == [
        {**BEDS[0], "soil": None},
        {**BEDS[1], "tags": None, "raw": None},
    ]


def test_inputs_are_joined_and_what_no_partner_fills_hides_nothing():
    query = "SELECT * FROM input1 a LEFT JOIN input2 b ON a.id = b.id"
    assert [(one["id"], one["v"]) for one in asked(query)] == [(1, None), (2, 1.5)]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) AS n FROM input1;", [{"n": 2}]),
        ("SELECT [name] AS `n` FROM input1 ORDER BY id DESC LIMIT 1", [{"n": "y"}]),
        ("SELECT soil ->> '$.kind.acid' AS acid FROM input1 WHERE soil NOTNULL", [{"acid": 5}]),
        ("SELECT json_group_array(name) AS names FROM input1", [{"names": ["x", "y"]}]),
        ("SELECT big FROM input2", [{"big": float(2**70)}]),
        ("SELECT * FROM input3", []),
        ("SELECT a.name, c.depth FROM input1 a LEFT JOIN input3 c ON c.id = a.id WHERE a.id = 1",
         [{"name": "x", "depth": None}]),
        ("SELECT count(*) AS n, sum(id) > 2 AS many FROM input1", [{"n": 2, "many": 1}]),
    ],
)  # fmt: skip
def test_a_query_is_answered(query, rows):
    assert asked(query) == rows


def test_items_without_fields_are_rows_without_columns():
    assert asked("SELECT * FROM input1", {"input1": [{}, {}]}) == [{}, {}]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM input1",
        "CREATE TABLE a (b)",
        "ATTACH '/tmp/x.db' AS x",
        "PRAGMA database_list",
        "VACUUM INTO '/tmp/x.db'",
        "INSERT INTO input1 (id) SELECT 3",
        "BEGIN",
    ],
)
def test_nothing_but_reading_is_allowed(query):
    with pytest.raises(NodeError, match="SQL: only SELECT is allowed"):
        asked(query)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "there is no query"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELEC", "syntax error"),
        ("SELECT * FROM input9", "no such table: input9"),
        ("SELECT lost FROM input1", "no such column: lost"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT readfile('/etc/passwd')", "no such function: readfile"),
        ("SELECT hex(randomblob(16000000))", "too big"),
        ("SELECT 1 AS a" + " " * 200_000, "too large|too big"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(query, said):
    with pytest.raises(NodeError, match=said):
        asked(query)


def test_an_endless_query_is_stopped():
    endless = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT max(n) FROM a"
    with pytest.raises(NodeError, match="took longer than 0.2 s"):
        asked(endless, limit=0.2)


def test_a_query_that_fills_the_memory_fails_alone():
    rows = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a LIMIT 1000) "
    with pytest.raises(NodeError, match="wants more than|too much memory|out of memory"):
        asked(rows + "SELECT hex(randomblob(2000000)) AS x, n FROM a ORDER BY x", limit=30)


def test_names_that_are_one_in_sql_are_told():
    with pytest.raises(NodeError, match="'Name' and 'name', which are one column") as caught:
        asked("SELECT 1", {"input1": [{"Name": 1, "name": 2}]})
    assert "Rename" in caught.value.description


def test_names_need_no_care():
    odd = 'a"b; DROP TABLE input1'
    assert asked("SELECT * FROM input1", {"input1": [{odd: 1}]}) == [{odd: 1}]


def test_inputs_that_are_too_large_are_refused(monkeypatch):
    monkeypatch.setattr(sql, "LARGEST", 100)
    with pytest.raises(NodeError, match="bytes as JSON; 100 can be queried at once"):
        asked("SELECT 1", {"input1": [{"a": "x" * 100}]})


def test_very_many_fields_are_refused():
    wide = [{str(n): n for n in range(sql_worker.MOST_COLUMNS)}]
    with pytest.raises(NodeError, match="input1 has 2000 fields; 1999 can be columns"):
        asked("SELECT 1", {"input1": wide})
