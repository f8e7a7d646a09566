"""Pages of this room, as people see and use them."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agents.models import Call
from projects import services
from projects.models import Project, Task
from projects.tests.test_tasks import PIXEL
from whoosh_site.core.actor import SYSTEM, Actor


@pytest.fixture
def browser(people, sign_in):
    """Return the member's browser."""
    return sign_in(people.member)


def filled(**fields):
    return {"title": "count", "priority": "3", "most_attempts": "3"} | fields


def test_a_task_is_submitted_with_files_by_the_form(oak, browser, people):
    services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    files = [SimpleUploadedFile("a.txt", b"one"), SimpleUploadedFile("a.png", PIXEL)]
    form = filled(attachments=files, project=str(Project.objects.get().pk), description="slowly")
    answer = browser.post("/tasks/new/", form)
    task = Task.objects.get()
    assert answer.url == f"/tasks/{task.pk}/"
    assert (task.source, task.project.name, task.description) == ("page", "Tides", "slowly")
    assert [a.kind for a in task.attachments.all()] == ["text", "image"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": ""}, "This field is required"),
        ({"schema": "{"}, "This is no JSON"),
        ({"schema": "[]"}, "A schema is an object"),
        ({"schema": '{"type": 5}'}, "is not valid under"),
        ({"time_limit": "0"}, "greater than or equal to 1"),
        ({"attachments": [SimpleUploadedFile("a.bin", b"\xff\x00")]}, "a.bin is neither text"),
    ],
)
def test_what_is_wrong_stands_at_its_field(oak, browser, fields, said):
    answer = browser.post("/tasks/new/", filled(**fields))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Task.objects.exists()


def test_what_would_happen_asks_nobody(oak, browser):
    answer = browser.post("/tasks/new/", filled(foresee="1"))
    assert "oak: the only one that fits" in answer.content.decode()
    assert not Task.objects.exists()


def test_a_done_task_shows_result_attempts_and_history(oak, done, page):
    task = done("count *to* three")
    text = page("viewer", f"/tasks/{task.pk}/")
    assert "You said: count <em>to</em> three" in text
    assert "1. First" in text
    assert "Attempt 1 goes to oak: the only one that fits" in text
    assert text.index("Attempt 1 goes to") < text.index("result version 1")
    assert "Run again" not in text  # viewers look


def test_a_waiting_task_says_for_what(people, submitted, work, page):
    task = submitted()
    work()
    assert "Waits for an agent: none is registered" in page("viewer", f"/tasks/{task.pk}/")
    assert "waits for an agent: none is registered" in page("viewer", "/tasks/")


def test_an_answer_that_is_being_drawn_is_left_alone(oak, submitted, sign_in, people):
    task, browser = submitted(), sign_in(people.viewer)
    Call.objects.update(state="running", agent=oak, agent_name="oak", model_name="tiny:1b")
    path = f"/tasks/{task.pk}/?fragment=answer&tick=1"
    first = browser.get(path)
    assert f'data-stream="call:{task.call_id}"' in first.content.decode()
    assert browser.get(f"{path}&call={task.call_id}").status_code == 204
    assert browser.get(f"{path}&call=1{task.call_id}").status_code == 200


def test_buttons_do_what_they_say(oak, submitted, browser):
    task = submitted()
    for verb, state in (
        ("hold", "held"),
        ("release", "queued"),
        ("cancel", "canceled"),
        ("run-again", "queued"),
    ):
        answer = browser.post(f"/tasks/{task.pk}/{verb}/", follow=True)
        task.refresh_from_db()
        assert (answer.status_code, task.state) == (200, state)
    text = browser.post(f"/tasks/{task.pk}/run-again/", follow=True).content.decode()
    assert "has not ended yet" in text


def test_the_priority_is_set_by_its_form(oak, submitted, browser):
    task = submitted()
    browser.post(f"/tasks/{task.pk}/priority/", {"priority": "1"})
    task.refresh_from_db()
    assert task.priority == 1
    text = browser.post(f"/tasks/{task.pk}/priority/", {"priority": "x"}, follow=True)
    assert "use a number from 1 to 5" in text.content.decode()


def test_ticked_tasks_are_handled_together(oak, submitted, browser):
    one, two, three = submitted("one"), submitted("two"), submitted("three")
    form = {"verb": "hold", "task": [one.pk, two.pk]}
    assert (
        "2 tasks put on hold." in browser.post("/tasks/many/", form, follow=True).content.decode()
    )
    assert list(Task.objects.filter(state="held").order_by("pk")) == [one, two]
    again = browser.post("/tasks/many/", {"verb": "hold", "task": [one.pk, three.pk]}, follow=True)
    assert "1 task put on hold." in again.content.decode()
    assert "only a waiting task can be put on hold" in again.content.decode()
    nothing = browser.post("/tasks/many/", {"verb": "hold"}, follow=True)
    assert "Tick tasks first" in nothing.content.decode()


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["two", "one"]),
        ("?state=held", ["two"]),
        ("?state=queued", ["one"]),
        ("?q=ON", ["one"]),
        ("?project=9999999999999999999999", ["two", "one"]),
        ("?state=running", []),
    ],
)
def test_the_list_is_filtered(oak, submitted, page, query, titles):
    submitted("one"), submitted("two", held=True)
    text = page("viewer", f"/tasks/{query}")
    assert re.findall(r'wh-two-lines" href="/tasks/\d+/">(\w+)<', text) == titles


def test_results_and_attachments_are_downloaded_never_shown(oak, submitted, work, browser):
    task = submitted(attachments=[services.read_file("page.html", b"<script>1</script>")])
    work()
    file, result = task.attachments.get(), task.artifacts.get()
    answer = browser.get(f"/tasks/{task.pk}/files/{file.pk}/")
    assert answer.content == b"<script>1</script>"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    answer = browser.get(f"/tasks/{task.pk}/results/{result.pk}/")
    assert answer.content.decode() == result.content
    assert f"task-{task.pk}-result-v1.md" in answer.headers["Content-Disposition"]


def test_the_queue_shows_who_is_next_and_what_for(people, submitted, work, page, sign_in):
    submitted("early"), submitted("late", priority=1)
    work()
    text = page("viewer", "/tasks/queue/")
    assert text.index("late") < text.index("early")
    assert text.count("Waits for an agent: none is registered") == 2
    assert "Nothing waits" in sign_in(people.stranger).get("/tasks/queue/").content.decode()


def test_the_queue_tells_people_from_tasks(oak, submitted, people, page):
    from agents import services as agents

    submitted("batch")
    said = [{"role": "user", "content": "hello"}]
    agents.ask(agents.Wish(said), by=Actor(people.member), source="page")
    text = page("viewer", "/tasks/queue/")
    assert text.index("hello") < text.index("batch")


def test_projects_are_made_edited_and_deleted_on_their_pages(browser, people, sign_in):
    form = {"name": "Tides", "description": "of the sea", "team": str(people.ours.pk)}
    browser.post("/projects/new/", form)
    project = Project.objects.get()
    assert (project.name, project.created_by, project.team) == ("Tides", people.member, people.ours)
    browser.post(f"/projects/{project.pk}/edit/", {"name": "Moon", "description": ""})
    project.refresh_from_db()
    assert project.name == "Moon"
    assert "Moon" in browser.get("/projects/").content.decode()
    again = browser.post("/projects/new/", form | {"name": "Moon"})
    assert again.status_code in (409, 422)
    assert browser.post(f"/projects/{project.pk}/delete/").status_code == 403
    sign_in(people.owner).post(f"/projects/{project.pk}/delete/")
    assert not Project.objects.exists()


def test_a_project_page_shows_only_tasks_of_the_readers_teams(oak, submitted, people, page):
    project = services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    theirs = services.submit_task(
        services.Order("theirs"), by=SYSTEM, source="api", team=people.theirs
    )
    Task.objects.filter(pk=theirs.pk).update(project=project)
    assert "theirs" not in page("viewer", f"/projects/{project.pk}/")


def test_the_list_comes_back_as_it_was(oak, submitted, browser):
    task = submitted()
    form = {"verb": "hold", "task": [task.pk], "back": "?state=queued"}
    assert browser.post("/tasks/many/", form).url == "/tasks/?state=queued"


def test_files_have_to_be_chosen_again_and_the_page_says_so(oak, browser):
    form = filled(foresee="1", attachments=[SimpleUploadedFile("a.txt", b"one")])
    assert "Choose the files again" in browser.post("/tasks/new/", form).content.decode()


def test_a_project_with_tasks_stays(oak, submitted, people, sign_in):
    project = services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    submitted(project=project)
    answer = sign_in(people.owner).post(f"/projects/{project.pk}/delete/", follow=True)
    assert "1 task belongs to Tides" in answer.content.decode()
    assert Project.objects.exists()


def test_the_dashboard_lists_tasks_that_have_not_ended_first(oak, submitted, work, page):
    waiting = submitted("still", held=True)
    for name in "abc":
        submitted(name)
    work()
    text = page("viewer", "/panels/tasks/")
    assert text.index(waiting.title) < text.index(">c<")


def test_tasks_and_projects_are_found_by_the_search_box(oak, submitted, people, page):
    services.create_project(name="Tides", team=people.ours, by=SYSTEM)
    task = submitted("measure the tides")
    text = page("viewer", "/search/?q=tides")
    assert f"/tasks/{task.pk}/" in text
    assert "/projects/" in text
    assert "measure the tides" in page("viewer", f"/search/?q={task.pk}")
