"""Pages of executions, as people see and use them."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from whoosh_site.core import health
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution
from workflows.tests.conftest import NUMBERS, chain, code, node

FAILS = "throw new Error('no tide')"
LOOP = "return Array.from({length: 12}, (_, n) => ({json: {n, tide: {high: n}}}))"


@pytest.fixture
def browser(people, sign_in):
    """Return the member's browser."""
    return sign_in(people.member)


@pytest.fixture
def numbers(keep):
    """A workflow that gives sixty items."""
    return keep(chain("Numbers", code("Count", NUMBERS), node("End", "noOp")))


@pytest.fixture
def done(start, work):
    """Run a workflow to its end: `done(workflow)`."""
    return lambda workflow, **how: work(start(workflow, **how))


# -- run -----------------------------------------------------------------------------------------


def test_a_workflow_is_run_from_its_page_with_an_input(browser, numbers):
    page = browser.get(f"/workflows/{numbers.pk}/").content.decode()
    assert f'action="/workflows/{numbers.pk}/run/"' in page
    assert "The trigger (Start)" in page
    form = {"input": '{"a": 1}', "start": "Count", "until": "End"}
    answer = browser.post(f"/workflows/{numbers.pk}/run/", form)
    run = Execution.objects.get()
    assert answer.url == f"/executions/{run.pk}/"
    assert (run.items, run.start_node, run.until_node) == ([{"json": {"a": 1}}], "Count", "End")
    assert (run.source, run.started_by.username) == ("page", "member")


def test_the_input_may_be_a_file_and_pinned_data_is_used_when_there_is_some(browser, keep):
    workflow = keep(chain("T", node("A", "noOp"), pinData={"A": [{"json": {}}]}))
    file = SimpleUploadedFile("in.json", b'\xef\xbb\xbf[{"a": 1}, {"b": 2}]')
    browser.post(f"/workflows/{workflow.pk}/run/", {"file": file, "pins": "on"})
    run = Execution.objects.get()
    assert (len(run.items), run.pins) == (2, True)


def test_an_earlier_version_is_run_from_its_own_page(browser, numbers):
    services.save_version(numbers, chain("Numbers"), by=SYSTEM)
    page = browser.get(f"/workflows/{numbers.pk}/versions/1/").content.decode()
    assert '<input type="hidden" name="version" value="1"' in page
    browser.post(f"/workflows/{numbers.pk}/run/", {"version": "1"})
    assert Execution.objects.get().version.number == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"input": '{\n"a": 1,\n}'}, "This is no JSON: Illegal trailing comma|at line 3"),
        ({"input": "[7]"}, "entry 1 is a number"),
        ({"file": SimpleUploadedFile("a.json", b"\xff\x00\xff")}, "no text in UTF-8"),
        ({"start": "Nope"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field(browser, numbers, form, said):
    answer = browser.post(f"/workflows/{numbers.pk}/run/", form)
    assert answer.status_code == 422
    assert any(one in answer.content.decode() for one in said.split("|"))
    assert not Execution.objects.exists()


def test_viewers_see_runs_and_start_none(page, people, sign_in, numbers, done):
    run = done(numbers)
    text = page("viewer", f"/workflows/{numbers.pk}/")
    assert f"Execution {run.pk}" in text
    assert "/run/" not in text
    assert "Run again" not in page("viewer", f"/executions/{run.pk}/")
    browser = sign_in(people.viewer)
    assert browser.get(f"/workflows/{numbers.pk}/run/").status_code == 403
    for deed in ("cancel", "retry", "retry-newest", "from", "again", "keep", "unkeep", "delete"):
        assert browser.post(f"/executions/{run.pk}/{deed}/").status_code == 403
    assert Execution.objects.count() == 1


def test_a_run_is_kept_by_its_button(page, browser, done, numbers):
    run = done(numbers)
    assert "Do not keep" not in page("member", f"/executions/{run.pk}/")
    browser.post(f"/executions/{run.pk}/keep/")
    assert "Do not keep" in page("member", f"/executions/{run.pk}/")
    assert "· kept" in page("member", "/executions/")
    browser.post(f"/executions/{run.pk}/unkeep/")
    run.refresh_from_db()
    assert not run.kept


def test_runs_that_started_one_another_link_to_each_other(page, done, keep):
    inner = keep(chain("Inner"))
    options = {"waitForSubWorkflow": False}
    call = node("Call", "executeWorkflow", workflowId=str(inner.pk), options=options)
    outer = done(keep(chain("Outer", call)))
    child = outer.children.get()
    assert f'href="/executions/{child.pk}/"' in page("viewer", f"/executions/{outer.pk}/")
    text = page("viewer", f"/executions/{child.pk}/")
    assert "started by execution" in text
    assert f'href="/executions/{outer.pk}/"' in text
    assert f"· started by {outer.pk}" in page("viewer", "/executions/")


# -- the list ------------------------------------------------------------------------------------


def test_the_list_shows_runs_newest_first_and_is_filtered(page, keep, done, start, numbers):
    failed = done(keep(chain("Broken", code("Bad", FAILS))))
    start(numbers)
    text = page("viewer", "/executions/")
    assert text.index("Numbers") < text.index("Broken")
    assert "no tide" in text
    assert "Numbers" not in page("viewer", "/executions/?state=error")
    text = page("viewer", f"/executions/?workflow={failed.workflow_id}")
    assert "of all workflows" in text
    assert "Numbers" not in text
    assert "No such execution" in page("viewer", "/executions/?state=quarantined")
    assert "No execution yet" in page("stranger", "/executions/")


def test_the_list_costs_the_same_however_long(
    browser, start, numbers, django_assert_max_num_queries
):
    start(numbers)
    browser.get("/executions/")
    with django_assert_max_num_queries(8) as few:
        browser.get("/executions/")
    count = len(few)
    for _ in range(8):
        start(numbers)
    with django_assert_max_num_queries(count):
        browser.get("/executions/")


def test_the_dashboard_and_the_search_show_runs(page, done, keep, numbers):
    assert "Open a workflow and run it" in page("viewer", "/")
    failed = done(keep(chain("Broken", code("Bad", FAILS))))
    assert f"/executions/{failed.pk}/" in page("viewer", "/panels/executions/")
    assert f"Broken, execution {failed.pk}" in page("viewer", "/search/?q=no+tide")
    assert "Broken" not in page("stranger", "/search/?q=no+tide")


def test_an_execution_in_quarantine_is_a_problem_of_the_dashboard(start, numbers, people):
    from django.utils import timezone

    def said():
        return [one.text for one in health.findings(people.viewer)["executions"]]

    start(numbers)
    assert said() == ["No execution is in quarantine"]
    Execution.objects.update(state="quarantined", finished_at=timezone.now())
    assert said() == ["1 execution put in quarantine today."]


# -- one -----------------------------------------------------------------------------------------


def test_an_execution_shows_its_nodes_and_what_the_last_one_gave(page, done, numbers):
    text = page("viewer", f"/executions/{done(numbers).pk}/")
    assert text.index("?node=Start#data") < text.index("?node=Count#data")
    assert "What End gave" in text
    assert 'data-state="succeeded"' in text
    assert "wh-graph-success" in text
    assert "0 to 49 of 60" in text


def test_items_are_shown_by_page_as_table_or_json(page, done, keep):
    run = done(keep(chain("T", code("Count", NUMBERS.replace("{n}", "{n, deep: {n}}")))))
    text = page("viewer", f"/executions/{run.pk}/?node=Count&offset=50&fragment=data")
    assert "50 to 59 of 60" in text
    assert "<td>{&quot;n&quot;: 59}</td>" in text
    text = page("viewer", f"/executions/{run.pk}/?node=Count&as=json&fragment=data")
    assert "&quot;deep&quot;: {\n" in text


def test_runs_and_outputs_of_a_node_are_chosen(page, done, keep):
    nodes = [
        node("Start", "manualTrigger"),
        code("Count", LOOP),
        node("Loop", "splitInBatches", batchSize=5) | {"typeVersion": 3},
        node("Body", "noOp"),
    ]
    links = {
        "Start": {"main": [[{"node": "Count", "type": "main", "index": 0}]]},
        "Count": {"main": [[{"node": "Loop", "type": "main", "index": 0}]]},
        "Loop": {"main": [[], [{"node": "Body", "type": "main", "index": 0}]]},
        "Body": {"main": [[{"node": "Loop", "type": "main", "index": 0}]]},
    }
    from workflows.tests.conftest import written

    run = done(keep(written("Loops", *nodes, connections=links)))
    text = page("viewer", f"/executions/{run.pk}/?node=Loop&fragment=data&run=2&output=1")
    assert "Run 4" in text
    assert "Output 2: 2" in text
    assert "2 items" in text


def test_a_failure_says_where_why_and_what_to_do(page, done, keep):
    script = f"console.log('so far'); {FAILS}"
    run = done(keep(chain("T", code("Count", NUMBERS), code("Bad", script))))
    text = page("viewer", f"/executions/{run.pk}/")
    assert 'data-state="failed"' in text
    assert "What Bad gave" in text
    assert "no tide" in text
    assert "then retry with the newest version" in text
    assert "wh-graph-error" in text


def test_what_a_script_printed_is_shown(page, done, keep):
    run = done(keep(chain("T", code("Say", "console.log('so far'); return []"))))
    assert "so far" in page("viewer", f"/executions/{run.pk}/?node=Say&fragment=data")


def test_warnings_stand_at_their_node(page, start, keep, work):
    lost = {"id": "1", "name": "x", "value": "={{ $json.a.b.c }}", "type": "string"}
    careful = node("Bad", "set", assignments={"assignments": [lost]})
    run = work(start(keep(chain("T", careful, node("End", "noOp")))))
    text = page("viewer", f"/executions/{run.pk}/?fragment=nodes")
    assert (
        text.index("?node=Bad") < text.index("gives undefined for item 0") < text.index("?node=End")
    )


def test_nothing_is_shown_of_what_did_not_run(page, start, numbers):
    run = start(numbers)
    text = page("viewer", f"/executions/{run.pk}/")
    assert "None yet." in text
    assert "shows here when the run has ended" in text
    assert 'data-state="queued"' in text


def test_markup_in_items_and_names_stays_text(page, done, keep):
    evil = "<script>alert(1)</script>"
    script = f"return [{{json: {{{evil!r}: {evil!r}}}}}]"
    text = page("viewer", f"/executions/{done(keep(chain('T', code(evil, script)))).pk}/")
    assert evil not in text
    assert "&lt;script&gt;alert(1)" in text


# -- files ---------------------------------------------------------------------------------------


def test_a_file_is_downloaded_by_the_team_and_never_shown(people, sign_in, page, done, keep):
    to_file = node("File", "convertToFile", operation="toText", sourceProperty="page",
                   options={"fileName": "evil.html"})  # fmt: skip
    script = "return [{json: {page: '<script>alert(1)</script>'}}]"
    run = done(keep(chain("T", code("Make", script), to_file)))
    text = page("viewer", f"/executions/{run.pk}/?node=File&fragment=data")
    assert "evil.html" in text
    url = f"/executions/{run.pk}/file/?node=File&run=0&output=0&item=0&name=data"
    assert url.rpartition("/")[2].replace("&", "&amp;") in text
    answer = sign_in(people.viewer).get(url)
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="evil.html"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert sign_in(people.stranger).get(url).status_code == 404


@pytest.mark.parametrize("query", ["", "node=File&item=9&name=data", "node=File&name=nope"])
def test_a_file_that_is_not_there_is_404(browser, done, keep, query):
    run = done(keep(chain("T", node("File", "convertToFile", operation="toJson"))))
    assert browser.get(f"/executions/{run.pk}/file/?{query}").status_code == 404


def test_a_record_somebody_made_up_opens_nothing(browser, done, keep, people):
    theirs = done(keep(chain("T", node("File", "convertToFile", operation="toJson"))))
    record = services.find_step(theirs, "File").outputs[0][0]["binary"]["data"]
    item = {"json": {}, "binary": {"data": record}}
    forged = done(keep(chain("F")), items=[item])
    url = f"/executions/{forged.pk}/file/?node=Start&name=data"
    assert browser.get(url).status_code == 404
    item["binary"]["data"] = {"id": "../../../etc/passwd", "mimeType": "text/plain"}
    forged = done(keep(chain("G")), items=[item])
    assert browser.get(f"/executions/{forged.pk}/file/?node=Start&name=data").status_code == 404


# -- deeds ---------------------------------------------------------------------------------------


def test_buttons_cancel_retry_run_again_and_delete(browser, work, done, keep):
    failed = done(keep(chain("T", code("Bad", FAILS))), items=[{"json": {"a": 1}}])
    path = f"/executions/{failed.pk}/"
    assert "newest" not in browser.get(path).content.decode().split("Facts")[0]
    services.save_version(failed.workflow, chain("T", code("Bad", "return []")), by=SYSTEM)
    assert "Retry with the newest version" in browser.get(path).content.decode()
    made = {}
    for deed in ("retry", "retry-newest", "again"):
        pk = browser.post(f"{path}{deed}/").url.strip("/").split("/")[1]
        made[deed] = work(Execution.objects.get(pk=pk))
    assert {deed: (one.state, one.version.number) for deed, one in made.items()} == {
        "retry": ("error", 1),
        "retry-newest": ("success", 2),
        "again": ("success", 2),
    }
    assert made["again"].items == [{"json": {"a": 1}}]
    assert browser.post(f"{path}delete/").url == f"/executions/?workflow={failed.workflow_id}"
    assert not Execution.objects.filter(pk=failed.pk).exists()


def test_a_run_begins_again_at_the_node_one_looks_at(browser, work, done, numbers):
    run = done(numbers)
    last = run.nodes[-1]["name"]
    assert "Run from here" in browser.get(f"/executions/{run.pk}/?node={last}").content.decode()
    answer = browser.post(f"/executions/{run.pk}/from/", {"node": last})
    again = work(Execution.objects.get(pk=answer.url.strip("/").split("/")[1]))
    assert (again.state, again.from_node, again.retry_of_id) == ("success", last, run.pk)


def test_what_cannot_be_done_is_told(browser, start, done, numbers):
    run = done(numbers)
    for deed, said in (("cancel", "It has ended already"), ("retry", "nothing to retry")):
        answer = browser.post(f"/executions/{run.pk}/{deed}/", follow=True)
        assert said in answer.content.decode()
    queued = start(numbers)
    answer = browser.post(f"/executions/{queued.pk}/delete/", follow=True)
    assert "cancel it first" in answer.content.decode()
    answer = browser.post(f"/executions/{queued.pk}/cancel/", follow=True)
    assert "Canceled" in answer.content.decode()


def test_the_administration_shows_runs_and_changes_none(sign_in, people, done, numbers):
    run = done(numbers)
    admin = sign_in(people.admin)
    assert "Numbers" in admin.get("/admin/workflows/execution/?state=success").content.decode()
    path = f"/admin/workflows/execution/{run.pk}/change/"
    assert "&quot;items&quot;: 60" in admin.get(path).content.decode()
    assert admin.post(path, {"state": "error"}).status_code == 403
