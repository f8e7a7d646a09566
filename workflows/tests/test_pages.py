"""Pages of this room, as people see and use them."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Workflow
from workflows.tests.conftest import written

ODD = '{"nodes": [], "b": 1.0, "a": 1e3, "connections": {},\n "name": "Odd", "b": 2}\n'


@pytest.fixture
def browser(people, sign_in):
    """Return the member's browser."""
    return sign_in(people.member)


@pytest.fixture
def form(people):
    """Return what the import form sends: `form(text="...")`."""

    def filled(**fields):
        return {"team": str(people.ours.pk), "same_name": "copy", "text": "", "url": ""} | fields

    return filled


# -- import --------------------------------------------------------------------------------------


def test_a_pasted_text_becomes_a_workflow(browser, form):
    answer = browser.post("/workflows/import/", form(text=ODD.replace("\n", "\r\n")))
    workflow = Workflow.objects.get()
    assert answer.url == f"/workflows/{workflow.pk}/"
    assert (workflow.text, workflow.created_by.username) == (ODD.strip(), "member")


def test_files_become_workflows_called_after_them(browser, form):
    files = [
        SimpleUploadedFile("tide table.json", b'{"nodes": []}'),
        SimpleUploadedFile("many.json", f"[{written('A')}, {written('B')}]".encode()),
    ]
    answer = browser.post("/workflows/import/", form(uploads=files, activate="on"), follow=True)
    assert answer.request["PATH_INFO"] == "/workflows/"
    assert "tide table is imported" in answer.content.decode()
    rows = Workflow.objects.values_list("name", "active__number").order_by("name")
    assert list(rows) == [("A", 1), ("B", 1), ("tide table", 1)]


def test_an_address_is_fetched(browser, form, site, settings):
    url = site({"/moon.json": (200, "application/json", b'{"nodes": []}')})
    settings.HTTP_ALLOW = [site.allowed]
    browser.post("/workflows/import/", form(url=f"{url}/moon.json"))
    assert Workflow.objects.get().name == "moon"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose files, paste a text or give an address"),
        ({"text": "{"}, "The JSON breaks off at line 1"),
        ({"text": "[1]"}, "item 1 is no workflow"),
        ({"url": "http://127.0.0.1:1/"}, "leads to a local address"),
        ({"uploads": [SimpleUploadedFile("a.json", b"\xff")]}, "a.json: This is no text in UTF-8"),
        ({"same_name": "x", "text": "{}"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field(browser, form, fields, said):
    answer = browser.post("/workflows/import/", form(**fields))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Workflow.objects.exists()


def test_a_taken_name_becomes_a_version_where_that_is_wanted(browser, form, keep):
    workflow = keep()
    answer = browser.post("/workflows/import/", form(text=written(meta=1), same_name="version"))
    assert answer.url == f"/workflows/{workflow.pk}/"
    assert workflow.versions.count() == 2


def test_viewers_and_strangers_import_nothing(people, sign_in, form):
    assert sign_in(people.viewer).get("/workflows/import/").status_code == 403
    answer = sign_in(people.stranger).post("/workflows/import/", form(text=ODD))
    assert answer.status_code == 422
    assert not Workflow.objects.exists()


# -- list ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Moon", "Tides"]),
        ("?q=OO", ["Moon"]),
        ("?tag=sea", ["Tides"]),
        ("?state=active", ["Moon"]),
        ("?state=inactive", ["Tides"]),
        ("?state=archived", ["Old"]),
        ("?state=nonsense&page=x", ["Moon", "Tides"]),
    ],
)
def test_the_list_is_filtered(keep, page, query, names):
    keep(written(tags=["sea"])), keep(written("Moon"), activate=True)
    services.archive_workflow(keep(written("Old")), by=SYSTEM)
    text = page("viewer", f"/workflows/{query}")
    assert re.findall(r'wh-two-lines" href="/workflows/\d+/">(\w+)<', text) == names


def test_the_list_costs_the_same_however_long(keep, page, costs_the_same):
    def more():
        for n in range(1, 12):
            keep(written(str(n), tags=["sea", str(n)]))

    keep(written("0", tags=["sea"]))
    costs_the_same(lambda: page("viewer", "/workflows/"), more, most=12)


def test_an_empty_list_says_what_to_do(people, page):
    assert "Import a workflow" in page("member", "/workflows/")
    assert "Editors of your team import them" in page("viewer", "/workflows/")
    assert "No workflow fits this filter" in page("viewer", "/workflows/?q=x")


# -- one workflow --------------------------------------------------------------------------------


def test_a_page_shows_picture_nodes_and_findings(keep, page):
    note = {
        "name": "Note", "type": "n8n-nodes-base.stickyNote", "position": [0, 0],
        "parameters": {"content": "## Mind *the* tide\n<script>1</script>", "color": 4},
    }  # fmt: skip
    odd = {"name": "<b>Odd</b>", "type": "x.unheardOf", "position": [300, 0], "disabled": True}
    start = {"name": "Start", "type": "n8n-nodes-base.manualTrigger", "position": [0, 0]}
    links = {"Start": {"main": [[{"node": "<b>Odd</b>", "index": 0}]]}}
    text = page(
        "viewer", f"/workflows/{keep(written('A', note, odd, start, connections=links)).pk}/"
    )
    assert "Mind <em>the</em> tide" in text
    assert "wh-graph-note-4" in text
    assert text.count('class="wh-graph-line"') == 1
    assert "wh-graph-error wh-graph-disabled" in text
    assert "&lt;b&gt;Odd&lt;/b&gt;" in text
    assert "<script>1" not in text
    assert "The node type x.unheardOf is not here" in text


def test_what_nobody_could_draw_is_drawn_somewhere(keep, page):
    far = {"name": "Far", "type": "x.a", "position": [1e300, "nan"]}
    wide = {
        "name": "Wide", "type": "n8n-nodes-base.stickyNote", "position": "no",
        "parameters": {"width": 1e99, "height": "x", "color": "red", "content": 7},
    }  # fmt: skip
    text = page("viewer", f"/workflows/{keep(written('A', far, wide)).pk}/")
    assert 'viewBox="' in text
    assert "nan" not in re.search(r"<svg role.*?</svg>", text, re.S)[0].lower()


def test_nodes_without_places_are_laid_out(keep, page):
    nodes = [{"name": name, "type": f"x.{name}"} for name in ("aTrigger", "b", "c")]
    links = {"aTrigger": {"main": [[{"node": "b"}, {"node": "c"}]]}}
    text = page("viewer", f"/workflows/{keep(written('A', *nodes, connections=links)).pk}/")
    places = re.findall(r'</title><rect x="([\d.]+)" y="([\d.]+)"', text)
    assert places == [("0", "0"), ("220", "0"), ("220", "160")]


def test_buttons_do_what_they_say(browser, keep):
    workflow = keep()
    for deed, state in (
        ("activate", (False, 1)),
        ("deactivate", (False, None)),
        ("archive", (True, None)),
        ("bring-back", (False, None)),
    ):
        answer = browser.post(f"/workflows/{workflow.pk}/{deed}/", follow=True)
        row = Workflow.objects.select_related("active").get()
        found = (row.archived, row.active.number if row.active else None)
        assert (answer.status_code, found) == (200, state)


def test_an_archived_workflow_refuses_and_the_page_says_why(browser, keep):
    workflow = keep()
    services.archive_workflow(workflow, by=SYSTEM)
    answer = browser.post(f"/workflows/{workflow.pk}/activate/", follow=True)
    assert "Tides is archived; bring it back first." in answer.content.decode()


def test_a_workflow_is_renamed_and_tagged_by_its_form(browser, keep):
    workflow = keep(written(tags=["sea"]))
    assert 'value="sea"' in browser.get(f"/workflows/{workflow.pk}/edit/").content.decode()
    browser.post(
        f"/workflows/{workflow.pk}/edit/", {"name": "Moon", "tags": "land, , sky", "at_once": "3"}
    )
    workflow = Workflow.objects.get()
    assert (workflow.name, [tag.name for tag in workflow.tags.all()]) == ("Moon", ["land", "sky"])
    keep()
    assert Workflow.objects.get(pk=workflow.pk).at_once == 3
    answer = browser.post(f"/workflows/{workflow.pk}/edit/", {"name": "Tides", "tags": ""})
    assert answer.status_code == 422
    assert "has a workflow called" in answer.content.decode()


def test_a_copy_is_made_and_a_workflow_deleted(browser, keep):
    workflow = keep()
    assert browser.post(f"/workflows/{workflow.pk}/copy/").url != f"/workflows/{workflow.pk}/"
    assert browser.post(f"/workflows/{workflow.pk}/delete/").url == "/workflows/"
    assert [row.name for row in Workflow.objects.all()] == ["Tides copy"]


def test_viewers_see_no_buttons_and_press_none(keep, page, people, sign_in):
    workflow = keep()
    assert "Activate" not in page("viewer", f"/workflows/{workflow.pk}/")
    browser = sign_in(people.viewer)
    for path in ("activate", "copy", "delete", "versions/1/restore", "versions/1/name"):
        assert browser.post(f"/workflows/{workflow.pk}/{path}/").status_code == 403


def test_an_export_is_a_file_of_the_same_json(browser, keep):
    workflow = keep(ODD)
    services.save_version(workflow, written("Odd"), by=SYSTEM)
    answer = browser.get(f"/workflows/{workflow.pk}/export/?version=1")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Odd.json"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert '  "a": 1e3,\n' in answer.content.decode()
    assert json.loads(browser.get(f"/workflows/{workflow.pk}/export/").content)["nodes"]


# -- versions ------------------------------------------------------------------------------------


def test_versions_are_listed_shown_named_restored_and_activated(browser, keep):
    workflow = keep()
    services.save_version(workflow, written(meta=1), by=SYSTEM)
    here = f"/workflows/{workflow.pk}/versions/"
    browser.post(f"{here}1/name/", {"name": "first light"})
    text = browser.get(here).content.decode()
    assert "1. first light" in text
    assert "What it changed" in text
    browser.post(f"{here}1/activate/")
    assert "not the current one" in browser.get(f"{here}1/").content.decode()
    assert browser.post(f"{here}1/restore/").url == f"/workflows/{workflow.pk}/"
    row = Workflow.objects.get()
    assert (row.current.number, row.active.number) == (3, 1)
    assert browser.get(f"{here}9/").status_code == 404


def test_the_versions_cost_the_same_however_many(keep, page, costs_the_same):
    def more():
        for n in range(12):
            services.save_version(workflow, written(meta=n), by=SYSTEM)

    workflow = keep()
    path = f"/workflows/{workflow.pk}/versions/"
    costs_the_same(lambda: page("viewer", path), more, most=12)


def test_a_comparison_shows_what_changed(keep, page):
    code = {"name": "Code", "type": "n8n-nodes-base.code", "position": [0, 0]}
    workflow = keep(written("A", code | {"parameters": {"jsCode": "one\ntwo"}}))
    new = code | {"parameters": {"jsCode": "one\n2"}, "position": [9, 9]}
    services.save_version(workflow, written("A", new, settings={"timezone": "UTC"}), by=SYSTEM)
    text = page("viewer", f"/workflows/{workflow.pk}/diff/?to=2")
    assert '<pre class="wh-diff wh-diff-old">-two</pre>' in text
    assert '<pre class="wh-diff wh-diff-new">+2</pre>' in text
    assert "<dt>Moved</dt><dd>Code</dd>" in text
    assert "timezone" in text
    same = page("viewer", f"/workflows/{workflow.pk}/diff/?from=1&to=1")
    assert "Both are the same, letter by letter" in same
    services.save_version(workflow, workflow.versions.first().text + " ", by=SYSTEM)
    assert "Both say the same" in page("viewer", f"/workflows/{workflow.pk}/diff/")


def test_workflows_are_found_by_the_search_box(keep, page):
    workflow = keep(written(tags=["sea"]))
    for words in ("tide", "SEA"):
        assert f"/workflows/{workflow.pk}/" in page("viewer", f"/search/?q={words}")


def test_fragments_hold_what_changed(keep, page):
    workflow = keep()
    text = page("viewer", f"/workflows/{workflow.pk}/?fragment=facts")
    assert 'data-state="inactive"' in text
    assert "<html" not in text
    assert 'id="body"' in page("viewer", f"/workflows/{workflow.pk}/?fragment=body")
