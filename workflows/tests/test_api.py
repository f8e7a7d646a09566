"""Workflows by API."""

import pytest

from workflows.models import Workflow
from workflows.tests.conftest import written

HERE = "/api/v1/workflows/"
ODD = '{"nodes": [], "b": 1.0, "a": 1e3, "connections": {},\n "name": "Odd", "b": 2}\n'


@pytest.fixture
def tides(keep):
    return f"{HERE}{keep().pk}/"


def test_a_document_that_is_posted_is_kept_as_it_was_sent(api, people, sign_in):
    status, workflow = api("member", "post", HERE, ODD)
    assert (status, workflow["name"], workflow["version"]) == (201, "Odd", 1)
    assert Workflow.objects.get().text == ODD
    answer = sign_in(people.viewer).get(f"{HERE}{workflow['id']}/document/")
    assert answer.content.decode() == ODD


def test_findings_come_with_the_answer(api):
    _, workflow = api("member", "post", HERE, ODD)
    assert {
        "severity": "warning",
        "node": "",
        "message": "nodes is empty: there is nothing to run.",
    } in (workflow["findings"])
    assert workflow["warnings"] >= 1


def test_the_address_says_name_team_and_activation(api, people):
    query = "?name=Moon&activate=true&team=" + people.ours.name
    _, workflow = api("member", "post", HERE + query, ODD)
    assert (workflow["name"], workflow["active"], workflow["active_version"]) == ("Moon", True, 1)


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ("", "", "This is empty"),
        ("", "{", "breaks off at line 1"),
        ("", '{"a": 1}', "the key 'nodes' is missing"),
        ("", f"[{ODD}, {ODD}]", "list of 2 workflows; send one"),
        ("?nam=x", ODD, "No such field"),
        ("?team=Others", ODD, "team"),
        ("?same_name=x", ODD, "same_name"),
    ],
)
def test_what_cannot_be_kept_is_refused(api, query, body, said):
    status, answer = api("member", "post", HERE + query, body)
    assert status == 400
    assert said in answer["error"]["message"]
    assert not Workflow.objects.exists()


def test_posting_again_makes_a_second_one_or_a_version_or_nothing(api):
    api("member", "post", HERE, written())
    assert api("member", "post", HERE, written())[0] == 200
    assert api("member", "post", HERE, written(meta=1))[1]["name"] == "Tides (2)"
    status, answer = api("member", "post", HERE + "?same_name=version", written(meta=2))
    assert (status, answer["name"], answer["version"]) == (200, "Tides", 2)


def test_an_idempotency_key_keeps_a_workflow_once(api):
    key = {"idempotency-key": "one"}
    first = api("member", "post", HERE, written(), **key)
    assert api("member", "post", HERE, written(), **key) == first
    assert api("member", "post", HERE, written(meta=1), **key)[0] == 409
    assert Workflow.objects.count() == 1


def test_the_document_is_saved_on_top_of_the_version_that_was_edited(api, tides):
    path = f"{tides}document/"
    status, workflow = api("member", "put", path + "?base=1&name=second", written(meta=1))
    assert (status, workflow.get("version")) == (200, 2), workflow
    status, answer = api("member", "put", path + "?base=1", written(meta=2))
    assert (status, answer["error"]["details"]) == (409, {"current": 2, "base": 1})
    assert api("member", "put", path, "{")[0] == 400


def test_versions_are_listed_read_named_and_restored(api, tides):
    api("member", "put", f"{tides}document/", written(meta=1))
    _, page = api("viewer", "get", f"{tides}versions/")
    assert [row["number"] for row in page["results"]] == [2, 1]
    _, version = api("member", "patch", f"{tides}versions/1/", {"name": "first"})
    assert (version["name"], version["text"]) == ("first", written())
    assert api("member", "post", f"{tides}restore/", {"version": 1})[1]["version"] == 3
    status, answer = api("viewer", "get", f"{tides}versions/9/")
    assert (status, answer["error"]["message"]) == (
        404,
        "Tides has no version 9. There are 1 to 3.",
    )


def test_two_versions_are_told_apart(api, tides):
    api("member", "put", f"{tides}document/", written(meta=1))
    _, found = api("viewer", "get", f"{tides}diff/", {"from": 1})
    assert found["rest"] == [{"path": "meta", "old": "", "new": "1", "lines": []}]
    _, found = api("viewer", "get", f"{tides}diff/", {"from": 1, "to": 1})
    assert found["rest"] == []
    assert api("viewer", "get", f"{tides}diff/")[0] == 400


def test_an_export_is_a_file_of_the_same_json(people, sign_in, keep):
    workflow = keep(ODD.replace("Odd", "Odd/../x"))
    answer = sign_in(people.viewer).get(f"{HERE}{workflow.pk}/export/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Odd_.._x.json"'
    assert '  "a": 1e3,\n' in answer.content.decode()


def test_a_workflow_is_renamed_tagged_archived_copied_and_deleted(api, tides):
    wish = {"name": "Moon", "tags": ["sea"], "archived": True}
    _, workflow = api("member", "patch", tides, wish)
    assert {name: workflow[name] for name in wish} == wish
    assert api("member", "post", f"{tides}activate/")[0] == 409
    api("member", "patch", tides, {"archived": False})
    assert api("member", "post", f"{tides}activate/", {"version": 1})[1]["active_version"] == 1
    assert api("member", "post", f"{tides}deactivate/")[1]["active"] is False
    status, copy = api("member", "post", f"{tides}copy/", {"name": "Sun"})
    assert (status, copy["name"]) == (201, "Sun")
    assert api("member", "delete", tides)[0] == 204
    assert Workflow.objects.get().name == "Sun"


def test_a_change_that_fails_changes_nothing(api, tides, keep):
    keep(written("Moon"))
    assert api("member", "patch", tides, {"tags": ["sea"], "name": "Moon"})[0] == 409
    assert api("member", "patch", tides, {"name": "Sun", "tags": ["x" * 61]})[0] == 400
    assert api("viewer", "get", tides)[1]["name"] == "Tides"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Moon", "Tides"]),
        ({"name": "Tides"}, ["Tides"]),
        ({"q": "OO"}, ["Moon"]),
        ({"tag": "sea"}, ["Tides"]),
        ({"active": "true"}, ["Moon"]),
        ({"active": "false"}, ["Tides"]),
        ({"archived": "true"}, []),
    ],
)
def test_the_list_is_filtered(api, keep, query, names):
    keep(written(tags=["sea"])), keep(written("Moon"), activate=True)
    _, page = api("viewer", "get", HERE, query)
    assert [row["name"] for row in page["results"]] == names


def test_viewers_and_other_teams_change_nothing(api, tides):
    assert api("viewer", "put", f"{tides}document/", written(meta=1))[0] == 403
    assert api("viewer", "post", HERE, written())[0] == 403
    assert api("stranger", "get", f"{tides}document/")[0] == 404
    assert api("stranger", "put", f"{tides}document/", written(meta=1))[0] == 404


def test_the_list_costs_the_same_however_long(api, keep, costs_the_same):
    def more():
        for n in range(1, 12):
            keep(written(str(n), tags=["sea", str(n)]))

    keep(written("0", tags=["sea"]))
    costs_the_same(lambda: api("viewer", "get", HERE), more, most=8)


def test_a_document_is_fetched_from_an_address_that_is_allowed(api, site, settings):
    url = site({"/deep/tide%20table.json": (200, "text/plain", b'{"nodes": []}')})
    settings.HTTP_ALLOW = [site.allowed]
    status, (one,) = api(
        "member", "post", f"{HERE}fetch/", {"url": f"{url}/deep/tide%20table.json"}
    )
    assert (status, one["outcome"], one["workflow"]["name"]) == (200, "created", "tide table")


def test_private_addresses_are_refused_unless_they_are_listed(api, site):
    url = site({"/a.json": (200, "text/plain", ODD.encode())})
    status, answer = api("member", "post", f"{HERE}fetch/", {"url": f"{url}/a.json"})
    assert (status, answer["error"]["code"]) == (403, "address_refused")
    assert site.asked == []


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/gone", 400, "url: the address answered 404"),
        ("/page", 400, "url: this is a web page"),
        ("/text", 400, "breaks off"),
        ("/inside", 403, "metadata address"),
    ],
)
def test_what_an_address_gives_instead_is_told(api, site, settings, path, code, said):
    url = site(
        {
            "/page": (200, "text/html; charset=utf-8", b"<html>"),
            "/text": (200, "text/plain", b"{"),
            "/inside": (302, "http://169.254.169.254/", b""),
        }
    )
    settings.HTTP_ALLOW = [site.allowed]
    status, answer = api("member", "post", f"{HERE}fetch/", {"url": url + path})
    assert (status, said in answer["error"]["message"]) == (code, True)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "ftp://example.org/a.json"])
def test_what_is_no_web_address_is_refused(api, url):
    assert api("member", "post", f"{HERE}fetch/", {"url": url})[0] == 400
