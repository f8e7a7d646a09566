"""Data tables: made by people, filled and asked by runs of their team, by nobody else."""

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from workflows import services
from workflows.models import DataTable, DataTableRow
from workflows.tests.conftest import chain, code, node

TYPES = {"port": "string", "height": "number", "high": "boolean", "seen": "date"}
ROWS = (
    "return [{json: {port: 'Brest', height: 6.1, high: true, seen: '2026-03-01T10:00:00+02:00'}},"
    " {json: {port: 'Cuxhaven', height: '3', high: 'false', seen: null}},"
    " {json: {port: 'Ostend', height: null}}]"
)
ALL = {"mappingMode": "autoMapInputData", "value": None}


@pytest.fixture
def table(people):
    return services.create_data_table("Tides", TYPES, by=SYSTEM, team=people.ours)


def it(operation, name="It", **parameters):
    given = {"dataTableId": {"__rl": True, "mode": "name", "value": "Tides"}, **parameters}
    return node(name, "dataTable", operation=operation, **given)


def where(*conditions, every=False):
    rows = [
        {"keyName": column, "condition": how, "keyValue": value}
        for column, how, value in conditions
    ]
    match = "allConditions" if every else "anyCondition"
    return {"filters": {"conditions": rows}, "matchType": match}


@pytest.fixture
def ran(keep, start, work):
    """Run nodes after a trigger, by the runner; returns the execution and what came last."""
    count = 0

    def done(*nodes):
        nonlocal count
        count += 1
        execution = work(start(keep(chain(f"Run {count}", *nodes))))
        steps = list(execution.steps())
        last = steps[-1].outputs[0] if steps and steps[-1].outputs else []
        return execution, [one["json"] for one in last or []]

    return done


@pytest.fixture
def filled(table, ran):
    execution, _ = ran(code("Rows", ROWS), it("insert", columns=ALL))
    assert execution.state == "success", execution.error
    return table


def test_rows_are_inserted_in_the_types_of_their_columns(filled, ran):
    _, rows = ran(it("get"))
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert rows[0] | {"createdAt": "", "updatedAt": ""} == {
        "id": 1, "createdAt": "", "updatedAt": "", "port": "Brest", "height": 6.1, "high": True,
        "seen": "2026-03-01T08:00:00.000Z",
    }  # fmt: skip
    assert (rows[1]["height"], rows[1]["high"]) == (3, False)
    filled.refresh_from_db()
    assert filled.rows_count == 3
    assert filled.bytes == sum(filled.rows.values_list("bytes", flat=True)) > 0


@pytest.mark.parametrize(
    ("conditions", "ports"),
    [
        ([("port", "eq", "Brest")], ["Brest"]),
        ([("port", "neq", "Brest")], ["Cuxhaven", "Ostend"]),
        ([("height", "gt", "3")], ["Brest"]),
        ([("height", "gte", 3)], ["Brest", "Cuxhaven"]),
        ([("height", "lte", 3)], ["Cuxhaven"]),
        ([("height", "isEmpty", None)], ["Ostend"]),
        ([("high", "isTrue", None)], ["Brest"]),
        ([("high", "isFalse", None)], ["Cuxhaven"]),
        ([("port", "like", "%haven")], ["Cuxhaven"]),
        ([("port", "like", "%HAVEN")], []),
        ([("port", "ilike", "%HAVEN")], ["Cuxhaven"]),
        ([("id", "eq", 3)], ["Ostend"]),
        ([("id", "eq", 3), ("id", "eq", 1)], ["Brest", "Ostend"]),
        ([("seen", "lt", "2026-03-02")], ["Brest"]),
    ],
)
def test_conditions_find_rows(filled, ran, conditions, ports):
    execution, rows = ran(it("get", **where(*conditions)))
    assert execution.state == "success", execution.error
    assert [row["port"] for row in rows] == ports


def test_all_conditions_together_an_order_and_a_limit(filled, ran):
    both = where(("height", "gt", 1), ("high", "isFalse", None), every=True)
    assert [row["port"] for row in ran(it("get", **both))[1]] == ["Cuxhaven"]
    ordered = {"orderBy": True, "orderByColumn": "height", "orderByDirection": "ASC", "limit": 2}
    assert [row["port"] for row in ran(it("get", **ordered))[1]] == ["Cuxhaven", "Brest"]


def test_rows_are_changed_added_where_missing_and_deleted(filled, ran):
    below = {"mappingMode": "defineBelow", "value": {"height": 7}}
    _, rows = ran(it("update", columns=below, **where(("port", "eq", "Brest"))))
    assert [(row["id"], row["height"], row["high"]) for row in rows] == [(1, 7, True)]
    below = {"mappingMode": "defineBelow", "value": {"port": "Dover", "height": 6}}
    for _ in range(2):
        _, rows = ran(it("upsert", columns=below, **where(("port", "eq", "Dover"))))
        assert [(row["id"], row["height"]) for row in rows] == [(4, 6)]
    _, gone = ran(it("deleteRows", **where(("height", "gte", 6))))
    assert [row["port"] for row in gone] == ["Brest", "Dover"]
    filled.refresh_from_db()
    assert filled.rows_count == 2
    assert filled.bytes == sum(filled.rows.values_list("bytes", flat=True))


def test_items_pass_where_a_row_exists_or_does_not(filled, ran):
    items = code("Ask", "return [{json: {p: 'Brest'}}, {json: {p: 'Rome'}}]")
    same = where(("port", "eq", "={{ $json.p }}"))
    assert ran(items, it("rowExists", **same))[1] == [{"p": "Brest"}]
    assert ran(items, it("rowNotExists", **same))[1] == [{"p": "Rome"}]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"operation": "deleteRows"}, "At least one condition"),
        ({"operation": "get", **where(("nope", "eq", 1))}, "no column 'nope'"),
        ({"operation": "get", **where(("height", "eq", "tall"))}, "'height' holds a number"),
        ({"operation": "insert", "columns": {"value": {"nope": 1}}}, "no column 'nope'"),
        ({"operation": "get", "dataTableId": "Other"}, "'Other' is not there"),
        ({"operation": "get", "resource": "table"}, "make tables under Data tables"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(filled, ran, parameters, words):
    execution, _ = ran(it(**parameters))
    assert execution.state == "error"
    assert words in execution.error
    assert filled.rows.count() == 3


def test_no_row_stays_of_an_insert_that_fails(table, ran):
    wrong = "return [{json: {height: 1}}, {json: {height: 'tall'}}]"
    execution, _ = ran(code("Rows", wrong), it("insert", columns=ALL))
    assert execution.state == "error"
    assert not DataTableRow.objects.exists()


def test_rows_and_bytes_have_limits(filled, ran):
    tunables.change("data_table_rows", 3, by=SYSTEM)
    execution, _ = ran(it("insert", columns={"value": {"height": 1}}))
    assert "3 are allowed" in execution.error
    tunables.change("data_table_rows", 10, by=SYSTEM)
    tunables.change("data_table_megabytes", 1, by=SYSTEM)
    large = code("Large", "return [{json: {port: 'x'.repeat(2 ** 20)}}]")
    execution, _ = ran(large, it("insert", columns=ALL))
    assert "more than 1 MB" in execution.error
    assert filled.rows.count() == 3


def test_a_run_sees_no_table_of_another_team(people, ran):
    table = services.create_data_table("Tides", TYPES, by=SYSTEM, team=people.theirs)
    for which in (table.name, table.ref, str(table.pk)):
        execution, _ = ran(it("get", dataTableId=which))
        assert "is not there" in execution.error


# -- people --------------------------------------------------------------------------------------


def test_viewers_look_and_change_nothing(people, table):
    viewer = Actor(people.viewer)
    with pytest.raises(Forbidden):
        services.create_data_table("New", {}, by=viewer, team=people.ours)
    with pytest.raises(Forbidden):
        services.change_data_table(table, by=viewer, name="Other")
    with pytest.raises(Forbidden):
        services.delete_data_table(table, by=viewer)


@pytest.mark.parametrize("columns", [{"id": "number"}, {"9a": "string"}, {"a": "text"}])
def test_a_wrong_column_is_named(people, columns):
    with pytest.raises(BadInput, match=next(iter(columns))):
        services.create_data_table("New", columns, by=SYSTEM, team=people.ours)


def test_a_name_is_taken_once(people, table):
    with pytest.raises(Conflict, match="Tides"):
        services.create_data_table("Tides", {}, by=SYSTEM, team=people.ours)


def test_the_api_makes_changes_shows_and_deletes(api, filled):
    body = {"name": "Moons", "columns": [{"name": "phase", "type": "string"}]}
    status, made = api("member", "post", "/api/v1/data-tables/", body)
    assert (status, made["columns"]) == (201, body["columns"])
    address = f"/api/v1/data-tables/{made['id']}/"
    change = {"name": "Moon", "add": [{"name": "day", "type": "date"}], "drop": ["phase"]}
    status, changed = api("member", "patch", address, change)
    assert (status, changed["name"]) == (200, "Moon")
    assert changed["columns"] == [{"name": "day", "type": "date"}]
    assert api("viewer", "patch", address, {"name": "X"})[0] == 403
    assert api("stranger", "get", address)[0] == 404
    status, rows = api("viewer", "get", f"/api/v1/data-tables/{filled.pk}/rows/", {"first": 1})
    assert [row["port"] for row in rows["results"]] == ["Cuxhaven", "Ostend"]
    assert api("viewer", "delete", address)[0] == 403
    assert api("member", "delete", address)[0] == 204
    assert not DataTable.objects.filter(pk=made["id"]).exists()


def test_the_pages_make_show_change_and_delete(people, sign_in, filled):
    page = sign_in(people.member)
    assert b"Tides" in page.get("/data-tables/").content
    body = {"name": "Moons", "columns": "phase: string\nday: date", "team": people.ours.pk}
    answer = page.post("/data-tables/", body, follow=True)
    made = DataTable.objects.get(name="Moons")
    assert made.types == {"phase": "string", "day": "date"}, answer.content
    address = f"/data-tables/{made.pk}/"
    page.post(address, {"name": "Moon", "add": "full: boolean", "drop": ["day"]})
    made.refresh_from_db()
    assert (made.name, made.types) == ("Moon", {"phase": "string", "full": "boolean"})
    assert b"holds a column" not in page.get(address).content
    assert b"Cuxhaven" in page.get(f"/data-tables/{filled.pk}/").content
    page.post(f"{address}delete/")
    assert not DataTable.objects.filter(pk=made.pk).exists()


def test_a_wrong_column_stands_beside_the_form(people, sign_in):
    answer = sign_in(people.member).post("/data-tables/", {"name": "New", "columns": "id: number"})
    assert answer.status_code == 422
    assert b"every table has this column" in answer.content
