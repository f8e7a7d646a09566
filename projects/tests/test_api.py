"""Tasks and projects by API."""

import base64

import pytest

from agents.models import Call
from projects import services
from projects.models import Project, Task
from projects.tests.test_tasks import PIXEL
from whoosh_site.core.actor import SYSTEM

TASKS, PROJECTS = "/api/v1/tasks/", "/api/v1/projects/"


@pytest.fixture
def api(people, with_key):
    """Send JSON as somebody: `api("member", "post", TASKS, {...})` returns status and body."""
    clients = {}

    def sent(who, method, path, body=None, **headers):
        if who not in clients:
            clients[who] = with_key(getattr(people, who))
        call = getattr(clients[who], method)
        if method == "get":
            answer = call(path, body or {})
        else:
            answer = call(path, body or {}, content_type="application/json", headers=headers)
        return answer.status_code, (answer.json() if answer.content else None)

    return sent


def submit(api, title="count", **fields):
    status, task = api("member", "post", TASKS, {"title": title} | fields)
    assert status == 202
    return task


def test_a_task_is_submitted_worked_on_and_read(oak, api, work):
    task = submit(api, description="to three", priority=2)
    assert (task["state"], task["priority"], task["created_by"]) == ("queued", 2, "member")
    assert task["waits_for"] == "waits for a free agent"
    work()
    status, task = api("viewer", "get", f"{TASKS}{task['id']}/")
    assert (status, task["state"], task["agent"]) == (200, "success", "oak")
    assert task["result"] == "You said: count\n\nto three"
    assert [a["state"] for a in task["attempts"]] == ["success"]
    assert [(e["by"], e["text"]) for e in task["history"]][0] == (
        "member via key " + _key(),
        "submitted",
    )


def _key():
    return Task.objects.get().api_key.prefix


def test_attachments_schema_and_limits_come_in(oak, api):
    image = base64.b64encode(PIXEL).decode()
    files = [{"name": "a.txt", "text": "one"}, {"name": "a.png", "image": image}]
    task = submit(
        api,
        attachments=files,
        schema={"type": "object"},
        time_limit=30,
        token_limit=100,
        most_attempts=2,
        held=True,
    )
    assert task["state"] == "held"
    assert [(f["name"], f["kind"], f["size"]) for f in task["attachments"]] == [
        ("a.txt", "text", 3),
        ("a.png", "image", len(PIXEL)),
    ]
    assert (task["time_limit"], task["token_limit"], task["most_attempts"]) == (30, 100, 2)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": ""}, "title"),
        ({"priority": 9}, "priority"),
        ({"prioriti": 1}, "prioriti"),
        ({"attachments": [{"name": "a"}]}, "attachments"),
        ({"attachments": [{"name": "a", "image": "%%"}]}, "attachments"),
        ({"schema": {"type": 1}}, "schema.type"),
        ({"project": "nothing"}, "project"),
        ({"capability": "nothing"}, "capability"),
        ({"time_limit": -1}, "time_limit"),
        ({"most_attempts": 0}, "most_attempts"),
    ],
)
def test_bad_input_names_the_field_and_leaves_nothing(oak, api, fields, named):
    status, body = api("member", "post", TASKS, {"title": "count"} | fields)
    assert status in (400, 404)
    assert body["error"]["message"].startswith(named)
    assert not Task.objects.exists()


def test_the_same_idempotency_key_submits_once(oak, api):
    sent = [api("member", "post", TASKS, {"title": "count"}, idempotency_key="k") for _ in range(2)]
    assert sent[0][1]["id"] == sent[1][1]["id"]
    assert Task.objects.count() == 1


def test_wait_answers_after_the_end(oak, api, work, monkeypatch):
    monkeypatch.setattr("projects.services.waiting.time.sleep", lambda seconds: work())
    status, task = api("member", "post", TASKS, {"title": "count", "wait": 5})
    assert (status, task["state"]) == (200, "success")


def test_a_task_is_held_released_put_first_canceled_and_run_again(oak, api, work):
    path = f"{TASKS}{submit(api)['id']}/"
    assert api("member", "post", f"{path}hold/")[1]["state"] == "held"
    assert api("member", "post", f"{path}hold/")[0] == 409
    assert api("member", "post", f"{path}release/")[1]["state"] == "queued"
    assert api("member", "patch", path, {"priority": 1})[1]["priority"] == 1
    assert api("member", "post", f"{path}cancel/")[1]["state"] == "canceled"
    assert api("member", "post", f"{path}cancel/")[0] == 409
    assert api("member", "post", f"{path}run-again/")[1]["state"] == "queued"
    work()
    assert api("member", "get", path)[1]["state"] == "success"


def test_many_tasks_are_handled_at_once_and_refusals_are_told(oak, api, work, people):
    first, second = submit(api, "one"), submit(api, "two")
    theirs = services.submit_task(
        services.Order("theirs"), by=SYSTEM, source="api", team=people.theirs
    )
    api("member", "post", f"{TASKS}{first['id']}/cancel/")
    ids = [first["id"], second["id"], theirs.pk]
    status, body = api("member", "post", f"{TASKS}many/", {"action": "cancel", "ids": ids})
    assert (status, body["done"]) == (200, [second["id"]])
    assert [(r["id"], r["code"]) for r in body["refused"]] == [(first["id"], "conflict")]
    theirs.refresh_from_db()
    assert theirs.state == "queued"


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"state": "queued"}, ["two"]),
        ({"state": "running"}, ["three"]),
        ({"state": "success"}, ["one"]),
        ({"name": "TW"}, ["two"]),
        ({"project": "Tides"}, ["three"]),
        ({"priority": 5}, ["two"]),
        ({"agent": "oak"}, ["three", "one"]),
        ({}, ["three", "two", "one"]),
    ],
)
def test_the_list_is_filtered(oak, api, work, query, titles, people):
    services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    submit(api, "one")
    work()
    submit(api, "two", priority=5)
    task = submit(api, "three", project="Tides")
    Call.objects.filter(pk=task["call"]).update(state="running", agent=oak, agent_name="oak")
    status, body = api("viewer", "get", TASKS, query)
    assert (status, [t["title"] for t in body["results"]]) == (200, titles)


def test_the_list_costs_the_same_however_long(oak, api, work, django_assert_max_num_queries):
    for name in "abcdef":
        submit(api, name)
    work()
    api("viewer", "get", TASKS)
    with django_assert_max_num_queries(8):
        api("viewer", "get", TASKS)


def test_projects_are_made_changed_listed_and_deleted(oak, api):
    status, made = api("member", "post", PROJECTS, {"name": "Tides", "description": "of the sea"})
    assert (status, made["team"], made["tasks"]) == (201, Project.objects.get().team.name, 0)
    path = f"{PROJECTS}{made['id']}/"
    assert api("member", "patch", path, {"name": "Moon"})[1]["name"] == "Moon"
    task = submit(api, project="Moon")
    assert task["project"] == "Moon"
    assert api("viewer", "get", PROJECTS)[1]["results"][0]["open"] == 1
    assert api("member", "delete", path)[0] == 403
    status, body = api("owner", "delete", path)
    assert (status, body["error"]["code"]) == (409, "conflict")
    Task.objects.all().delete()
    assert api("owner", "delete", path)[0] == 204


def test_two_projects_of_one_team_have_different_names(api):
    api("member", "post", PROJECTS, {"name": "Tides"})
    status, body = api("member", "post", PROJECTS, {"name": "Tides"})
    assert (status, body["error"]["message"][:5]) == (409, "name:")
    assert api("member", "post", PROJECTS, {"name": " "})[0] == 400
